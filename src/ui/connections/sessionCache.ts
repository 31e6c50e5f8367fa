import type * as vscode from 'vscode';
import type { Logger } from '../../core/logger.ts';
import type { Session } from '../../engines/engine.ts';
import { usableOf, type Connection } from './connection.ts';
import type { Connector, OpenOptions } from './connector.ts';

/** A session to a server is closed after this long without use. */
const idleMilliseconds = 5 * 60_000;

interface Entry {
  readonly session: Promise<Session>;
  /** Resolves when all queued work is done: a session does one thing at a time. */
  busy: Promise<unknown>;
  idle?: NodeJS.Timeout;
}

/**
 * Read-only sessions for views. A session to a server is kept open for a while. A session on a file is not, so that
 * other programs can replace the file.
 */
export class SessionCache implements vscode.Disposable {
  readonly #connector: Connector;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();

  constructor(connector: Connector, logger: Logger) {
    this.#connector = connector;
    this.#logger = logger;
  }

  /**
   * Runs a short read. If an open session turns out to be broken, tries once with a new one. With `ask`, the user is
   * asked for a missing password.
   */
  async use<Result>(
    connection: Connection,
    work: (session: Session) => Promise<Result>,
    { ask = false } = {},
  ): Promise<Result> {
    const options = { readOnly: true, logger: this.#logger, ask };
    if (usableOf(connection).engine.features.isFile) {
      return await this.#connector.use(connection, options, work);
    }
    const open = this.#entries.get(connection.key);
    if (open) {
      try {
        return await this.#useEntry(connection, open, work);
      } catch (error) {
        this.#logger.debug(
          `The open session of ${connection.name} failed (${String(error)}); opening a new one`,
        );
      }
    }
    const entry = this.#entries.get(connection.key) ?? this.#open(connection, options);
    return await this.#useEntry(connection, entry, work);
  }

  async close(connection: Connection): Promise<void> {
    await this.#drop(connection.key);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((key) => this.#drop(key)));
  }

  dispose(): void {
    void this.closeAll();
  }

  #open(connection: Connection, options: OpenOptions): Entry {
    const session = this.#connector.open(connection, options);
    const entry = { session, busy: Promise.resolve() };
    this.#entries.set(connection.key, entry);
    return entry;
  }

  async #useEntry<Result>(
    { key }: Connection,
    entry: Entry,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    clearTimeout(entry.idle);
    const result = entry.busy.then(async () => await work(await entry.session));
    const done = result.then(
      () => undefined,
      () => undefined,
    );
    entry.busy = done;
    try {
      return await result;
    } catch (error) {
      if (this.#entries.get(key) === entry) await this.#drop(key);
      throw error;
    } finally {
      if (this.#entries.get(key) === entry && entry.busy === done) {
        entry.idle = setTimeout(() => void this.#drop(key), idleMilliseconds);
      }
    }
  }

  async #drop(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    clearTimeout(entry.idle);
    await entry.busy;
    const session = await entry.session.catch(() => undefined);
    await session?.close();
  }
}
