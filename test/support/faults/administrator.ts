import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A look at a database's sessions from outside, on a connection that lasts as long as the server does. */
export class Administrator {
  readonly #url: string;
  readonly #database: string;
  #client: pg.Client | undefined;

  constructor(url: string) {
    const place = new URL(url);
    this.#database = place.pathname.slice(1);
    place.pathname = '/postgres';
    this.#url = place.href;
  }

  /** Ends the product's sessions; resolves when they are gone. */
  async terminate(): Promise<void> {
    await this.#ask(`SELECT pg_terminate_backend(pid, 5000) AS pid FROM pg_stat_activity
      WHERE datname = $1 AND application_name = 'Restore Point'`);
  }

  /** Kills the process of one of the product's sessions; resolves when the server takes connections again. */
  async crash(): Promise<void> {
    const [session] = await this.#ask(
      `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'Restore Point' LIMIT 1`,
    );
    if (!session) throw new Error('The product has no session');
    // Sequences jump in a crash by what was not written yet.
    await this.#client?.query('CHECKPOINT');
    process.kill(session.pid, 'SIGKILL');
    await delay(100);
    await this.present();
  }

  /** Sessions of the product that are in the middle of something. */
  busy(): Promise<unknown[]> {
    return this.#ask(`SELECT pid FROM pg_stat_activity
      WHERE datname = $1 AND application_name = 'Restore Point' AND state <> 'idle'`);
  }

  /** All sessions of the database, and all locks in it. */
  present(): Promise<unknown[]> {
    return this.#ask(`SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'
      UNION ALL SELECT pid FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = $1)`);
  }

  async close(): Promise<void> {
    await this.#client?.end();
  }

  async #ask(sql: string): Promise<{ pid: number }[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#client ??= await this.#connect();
        return (await this.#client.query<{ pid: number }>(sql, [this.#database])).rows;
      } catch (error) {
        this.#client = undefined;
        // A server that was killed needs a moment.
        if (attempt === 100) throw error;
        await delay(100);
      }
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url });
    client.on('error', () => (this.#client = undefined));
    await client.connect();
    return client;
  }
}
