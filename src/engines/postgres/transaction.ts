import { setTimeout as delay } from 'node:timers/promises';
import type { QueryResultRow } from 'pg';
import { cancelled, messageOf, RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { Database, PooledClient } from './connection.ts';
import { copyIn } from './copyIn.ts';
import { copyOut } from './copyOut.ts';
import { describeFailure, hasState, isLostConnection, state } from './errors.ts';
import { pinStatements } from './settings.ts';

/** How long a statement may take to end after the server was asked to give it up. */
const cancelMilliseconds = 1300;
/** How long to ask what became of a transaction whose connection broke. */
const outcomeMilliseconds = 10_000;
/** The same for somebody who has cancelled and waits. */
const cancelledOutcomeMilliseconds = 300;

/** Statements that are sent before the first one is answered. */
const statementsAtOnce = 100;

export type Access = 'read' | 'write';

/**
 * One transaction on a connection of its own, with the session's settings pinned for as long as it lasts.
 * Every statement ends soon after `signal` is aborted, with `cancelled`; ending the transaction is not cancelled.
 * Errors come out as `RestorePointError`; statements whose error has to be looked at have it as `cause`.
 */
export class Transaction {
  readonly database: Database;
  readonly #client: PooledClient;
  readonly #signal: AbortSignal | undefined;
  #processId = 0;
  /** The transaction's id; only of one that writes. */
  #id: string | undefined;
  /** As the user, the role or the database has it set. */
  #searchPath = '';
  /** Of statements that are sent together, what failed first: all later ones fail because of it. */
  #failed: { readonly error: unknown } | undefined;
  /** Statements that have not ended. */
  #underWay = 0;
  #interrupting: { readonly timer: NodeJS.Timeout; readonly settled: Promise<void> } | undefined;
  #broken: string | undefined;
  #over = false;
  #released = false;

  private constructor(database: Database, client: PooledClient, signal: AbortSignal | undefined) {
    this.database = database;
    this.#client = client;
    this.#signal = signal;
  }

  /** Begins one: `read` sees one state of the database, as long as it lasts. */
  static async begin(database: Database, access: Access, signal?: AbortSignal): Promise<Transaction> {
    throwIfCancelled(signal);
    const client = await database.acquire();
    const transaction = new Transaction(database, client, signal);
    try {
      await transaction.#begin(access);
      return transaction;
    } catch (error) {
      await transaction.close();
      throw error;
    }
  }

  /** The user's own search path, for SQL that the user wrote. */
  get searchPath(): string {
    return this.#searchPath;
  }

  get processId(): number {
    return this.#processId;
  }

  /** The rows of a query, with their values as JSON has them: cast to text what a number could not hold. */
  async rows<Row>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.#interruptible(() =>
      this.#client.query<{ row: string }>(`SELECT to_json(q)::text AS row FROM (${sql}) q`, [...values]),
    );
    return rows.map(({ row }) => JSON.parse(row) as Row);
  }

  /**
   * Asks what does not depend on each other's answers: queries are sent without waiting for the answers to others. Each
   * may ask several times, but only in ways that end with one answer, as `rows`. Throws what failed first, when all ended.
   */
  async together<Answers extends unknown[]>(
    ...questions: { [Place in keyof Answers]: () => Promise<Answers[Place]> }
  ): Promise<Answers> {
    const driver = this.#client as { pipeline: boolean };
    const outermost = !driver.pipeline;
    driver.pipeline = true;
    if (outermost) this.#failed = undefined;
    const answer = async (ask: () => Promise<unknown>): Promise<unknown> => {
      try {
        return await ask();
      } catch (error) {
        this.#failed ??= { error };
        return undefined;
      }
    };
    const answers = await Promise.all(questions.map(answer));
    // The driver reads this property whenever it is given something to send; until then nothing may be under way.
    if (outermost) driver.pipeline = false;
    if (this.#failed) throw this.#failed.error;
    return answers as Answers;
  }

  /** The one row of each of several queries, which are sent as one text. All of their columns have to be texts. */
  async rowOfEach<Row>(queries: readonly string[]): Promise<Row[]> {
    const answers = await this.#interruptible(() =>
      this.#client.query<Row & QueryResultRow>(queries.join(';')),
    );
    // The driver's type knows of one; there is one for each, and no list of one.
    return [answers].flat().flatMap(({ rows }) => rows);
  }

  /** As `rows`, for a query after a WITH clause that writes: such a clause has to stand first. */
  async dataRows<Row>(withClause: string, sql: string): Promise<Row[]> {
    const { rows } = await this.#interruptible(() =>
      this.#client.query<{ row: string }>(`${withClause} SELECT to_json(q)::text AS row FROM (${sql}) q`),
    );
    return rows.map(({ row }) => JSON.parse(row) as Row);
  }

  /** Runs one statement (or, without values, several) and resolves to the rows that it concerned. */
  async run(sql: string, values: readonly unknown[] = []): Promise<number> {
    const result = await this.#interruptible(() => this.#client.query(sql, [...values]));
    return result.rowCount ?? 0;
  }

  /** The next rows of a cursor. All of its columns have to be texts. */
  async fetch<Row>(cursor: string, count: number): Promise<Row[]> {
    const { rows } = await this.#interruptible(() =>
      this.#client.query<Row & QueryResultRow>(`FETCH FORWARD ${count} FROM ${cursor}`),
    );
    return rows;
  }

  /** Runs a single statement: the server refuses a text that holds more than one. */
  async runSingle(sql: string): Promise<void> {
    const extended = { text: sql, queryMode: 'extended' };
    await this.#interruptible(() => this.#client.query(extended));
  }

  /**
   * Runs single statements, sent without waiting for the answers to those before: the server ignores all that come after
   * one that failed. What `tell` makes of the first failure is thrown.
   */
  async runEach(
    statements: readonly string[],
    tell: (failure: RestorePointError, index: number) => unknown = (failure) => failure,
  ): Promise<void> {
    for (let start = 0; start < statements.length; start += statementsAtOnce) {
      const part = statements.slice(start, start + statementsAtOnce);
      let failed: number | undefined;
      const runOne = (sql: string, index: number): Promise<void> =>
        this.runSingle(sql).catch((error: unknown) => {
          failed ??= start + index;
          throw error;
        });
      try {
        await this.together(...part.map((sql, index) => () => runOne(sql, index)));
      } catch (error) {
        throw RestorePointError.is(error) && !RestorePointError.is(error, 'cancelled')
          ? tell(error, failed!)
          : error;
      }
    }
  }

  /** Lets the server parse a single query without running it: its errors come, and nothing else happens. */
  async parse(sql: string): Promise<void> {
    await this.runSingle(`PREPARE restore_point_check AS ${sql}`);
    await this.run('DEALLOCATE restore_point_check');
  }

  /** `COPY (…) TO STDOUT`, or several of them, of each of which `ended` tells. See `copyOut`. */
  copyOut(sql: string, take: (piece: Uint8Array) => void | Promise<void>, ended?: () => void): Promise<void> {
    const taken = (piece: Uint8Array): void | Promise<void> => {
      throwIfCancelled(this.#signal);
      return take(piece);
    };
    const handler = { take: taken, ...(ended ? { ended } : {}), abandon: () => this.#interrupt() };
    return this.#interruptible(() => copyOut(this.#client, sql, handler));
  }

  /** `COPY … FROM STDIN`; resolves to the number of rows. See `copyIn`. */
  copyIn(sql: string, source: AsyncIterable<Uint8Array>): Promise<number> {
    return this.#interruptible(() => copyIn(this.#client, sql, uncancelled(source, this.#signal)));
  }

  /** Makes it last. Throws `connection` when its outcome could not be found out, and says so. */
  async commit(): Promise<void> {
    try {
      const { command } = await this.#client.query('COMMIT');
      this.#over = true;
      // The server's answer to COMMIT in a transaction that failed before.
      if (command === 'ROLLBACK') {
        throw new RestorePointError('database', 'The transaction had failed and was rolled back');
      }
    } catch (error) {
      this.#break(messageOf(error));
      if (!isLostConnection(error)) throw describeFailure(error);
      await this.#findOutcome(error);
    } finally {
      await this.#release();
    }
  }

  /** Puts everything back. Throws when that could not be confirmed. */
  async rollback(): Promise<void> {
    if (this.#over) return;
    try {
      await this.#rollback();
    } catch (error) {
      this.#break(messageOf(error));
      await this.#confirmRollback(error);
    } finally {
      await this.#release();
    }
  }

  /** Ends it without a change, for one that only read. Never throws. */
  async close(): Promise<void> {
    if (this.#over) return;
    try {
      await this.#rollback();
    } catch (error) {
      this.#break(messageOf(error));
      this.database.logger.debug(`A transaction could not be ended: ${messageOf(error)}`);
    }
    await this.#release();
  }

  async #begin(access: Access): Promise<void> {
    const mode = access === 'read' ? 'REPEATABLE READ, READ ONLY' : 'READ COMMITTED, READ WRITE';
    const id = access === 'write' ? 'pg_current_xact_id()::text' : 'NULL';
    const [, [row]] = await this.together(
      () => this.run(`BEGIN ISOLATION LEVEL ${mode}; ${pinStatements(this.database.server)}`),
      // In a transaction that reads, this also fixes the state that it sees.
      () =>
        this.rows<{ pid: number; id: string | null; path: string }>(
          `SELECT pg_backend_pid() AS pid, ${id} AS id,
                  (SELECT s.reset_val FROM pg_settings s WHERE s.name = 'search_path') AS path`,
        ),
    );
    this.#processId = row!.pid;
    this.#id = row!.id ?? undefined;
    this.#searchPath = row!.path;
  }

  async #interruptible<Result>(work: () => Promise<Result>): Promise<Result> {
    throwIfCancelled(this.#signal);
    const stop = (): void => this.#interrupt();
    this.#signal?.addEventListener('abort', stop, { once: true });
    this.#underWay += 1;
    try {
      const result = await work();
      throwIfCancelled(this.#signal);
      return result;
    } catch (error) {
      if (isLostConnection(error)) this.#break(messageOf(error));
      const failure = this.#signal?.aborted ? cancelled() : describeFailure(error);
      // Here, where every statement is equally deep: those that fail because of this one may fail in the same turn.
      this.#failed ??= { error: failure };
      throw failure;
    } finally {
      this.#signal?.removeEventListener('abort', stop);
      this.#underWay -= 1;
      await this.#interruptEnded();
    }
  }

  /** Makes the running statement end: asks the server, and breaks the connection off if that does not help. */
  #interrupt(): void {
    if (this.#interrupting) return;
    const breakOff = (reason: string): void => {
      this.#break(reason);
      this.#client.connection.stream.destroy();
    };
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      breakOff('The server did not stop in time');
      resolve();
    }, cancelMilliseconds);
    const request = this.database
      .cancel(this.#processId)
      .catch((error: unknown) => breakOff(`The server could not be asked to stop: ${messageOf(error)}`));
    this.#interrupting = { timer, settled: Promise.race([request, late]) };
  }

  async #interruptEnded(): Promise<void> {
    const interrupting = this.#interrupting;
    // Of statements that were sent together, the server may begin another one after it gave one up.
    if (!interrupting || this.#underWay > 0) return;
    this.#interrupting = undefined;
    // A request that is still under way would hit the next statement; a broken connection has no next one.
    if (this.#broken === undefined) await interrupting.settled;
    clearTimeout(interrupting.timer);
  }

  async #rollback(): Promise<void> {
    if (this.#broken !== undefined) throw new Error(this.#broken);
    try {
      await this.#client.query('ROLLBACK');
    } catch (error) {
      if (!hasState(error, state.cancelled)) throw error;
      // A late request to stop the statement before.
      await this.#client.query('ROLLBACK');
    }
    this.#over = true;
  }

  /** Asks on another connection whether a transaction whose COMMIT was not answered is committed. */
  async #findOutcome(cause: unknown): Promise<void> {
    const outcome = await this.#outcome(outcomeMilliseconds);
    if (outcome === 'committed') {
      this.database.logger.warn('The connection was lost in COMMIT; the server says that it is committed');
      return;
    }
    if (outcome === 'aborted') throw describeFailure(cause);
    throw new RestorePointError('connection', 'The connection was lost while the changes were committed', {
      unchanged: 'Whether they were made is not known: it is all of them or none.',
      next: `Ask the database: SELECT pg_xact_status('${this.#id}').`,
      cause,
    });
  }

  /** A server that loses its client rolls back by itself; another connection sees when it has. */
  async #confirmRollback(cause: unknown): Promise<void> {
    const patience = this.#signal?.aborted ? cancelledOutcomeMilliseconds : outcomeMilliseconds;
    if (this.#id === undefined || (await this.#outcome(patience)) === 'aborted') return;
    throw new RestorePointError('connection', 'The connection was lost before the rollback was confirmed', {
      unchanged: 'The server rolls the transaction back by itself when it notices.',
      cause,
    });
  }

  async #outcome(patience: number): Promise<string | undefined> {
    const until = performance.now() + patience;
    for (;;) {
      const left = Math.max(0, until - performance.now());
      // Where the network is gone, nothing answers for long.
      const outcome = await Promise.race([this.#askOutcome(), delay(left, undefined)]);
      if (outcome === 'committed' || outcome === 'aborted' || performance.now() >= until) return outcome;
      await delay(Math.min(200, left));
    }
  }

  async #askOutcome(): Promise<string | undefined> {
    try {
      const sql = 'SELECT pg_catalog.pg_xact_status($1::text::pg_catalog.xid8) AS outcome';
      const [row] = await this.database.once<{ outcome: string }>(sql, [this.#id]);
      return row?.outcome;
    } catch (error) {
      this.database.logger.debug(`The outcome of a transaction could not be asked: ${messageOf(error)}`);
      return undefined;
    }
  }

  #break(reason: string): void {
    this.#broken ??= reason;
  }

  async #release(): Promise<void> {
    this.#over = true;
    if (this.#released) return;
    this.#released = true;
    await this.database.release(this.#client, this.#broken);
  }
}

/** The bytes of a source, and `cancelled` as soon as the signal says so. */
async function* uncancelled(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  for await (const bytes of source) {
    throwIfCancelled(signal);
    yield bytes;
  }
}
