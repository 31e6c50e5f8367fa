import type { QueryResultRow } from 'pg';
import { cancelled, messageOf, RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { Database, PooledClient } from './connection.ts';
import { copyIn } from './copyIn.ts';
import { copyOut } from './copyOut.ts';
import { describeFailure, hasState, isLostConnection, state } from './errors.ts';
import { quoteLiteral } from './identifiers.ts';
import { Interruption } from './interruption.ts';
import { confirmRollback, outcomeOfCommit } from './outcome.ts';
import { pinStatements } from './settings.ts';

/** Statements that are sent before the first one is answered. */
const statementsAtOnce = 100;

const savepoint = 'restore_point_attempt';

const rowAsJson = 'pg_catalog.to_json(q)::pg_catalog.text AS row';

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
  #searchPath = '';
  /** The current search path. */
  #path = '';
  /** The first failure of statements that are sent together: all later ones fail because of it. */
  #failed: { readonly error: unknown } | undefined;
  /** Statements that have not ended. */
  #underWay = 0;
  #interrupting: Interruption | undefined;
  #broken: string | undefined;
  #over = false;
  /** The state of the database after the end. */
  #outcome: RestoreOutcome = unchanged;
  #closing = false;
  /** The work in progress. */
  readonly #steps = new Set<Promise<unknown>>();
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

  /**
   * Every statement runs under an empty search path, under which the server reads and writes names with their schemas,
   * except in `work`: it runs under the path that a new connection of this user has. What evaluates code of users needs
   * that: checks, domains, generated columns, index expressions, views, conditions. Even a count does, because the
   * planner reads the expressions of indexes. There, our own SQL has to name the schema of every function, operator and
   * type: the path may put a user's schema before pg_catalog.
   */
  underOwnPath<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#underPath(this.#searchPath, work);
  }

  /**
   * Runs a statement of the server's own wording that makes something. The empty path reads it best, but the planner may
   * look into SQL functions that name others without a schema. Then the user's path comes after pg_catalog.
   */
  async define(run: () => Promise<void>): Promise<void> {
    try {
      await this.attempt(run);
    } catch (error) {
      if (!RestorePointError.is(error) || !hasState(error.cause, ...state.undefinedNames)) throw error;
      await this.#underPath(`pg_catalog, ${this.#searchPath || '""'}`, run);
    }
  }

  /** When `work` fails, or with `undo`, all that it did is undone, and the transaction goes on. */
  async attempt<Result>(work: () => Promise<Result>, { undo = false } = {}): Promise<Result> {
    const path = this.#path;
    const release = `RELEASE SAVEPOINT ${savepoint}`;
    const back = async (): Promise<void> => {
      await this.run(`ROLLBACK TO SAVEPOINT ${savepoint}; ${release}`);
      this.#path = path;
    };
    await this.run(`SAVEPOINT ${savepoint}`);
    try {
      const result = await work();
      await (undo ? back() : this.run(release));
      return result;
    } catch (error) {
      if (RestorePointError.is(error, 'database')) await back();
      throw error;
    }
  }

  /** The search path of a new connection: what the user, the role or the database sets. */
  get searchPath(): string {
    return this.#searchPath;
  }

  get processId(): number {
    return this.#processId;
  }

  /** The rows of a query, with their values as JSON has them: cast to text what a number could not hold. */
  async rows<Row>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.#interruptible(() =>
      this.#client.query<{ row: string }>(`SELECT ${rowAsJson} FROM (${sql}) q`, [...values]),
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

  /** Like `rows`, for a query after a WITH clause that writes, which must come first. */
  async dataRows<Row>(withClause: string, sql: string): Promise<Row[]> {
    const { rows } = await this.#interruptible(() =>
      this.#client.query<{ row: string }>(`${withClause} SELECT ${rowAsJson} FROM (${sql}) q`),
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

  /** `COPY (…) TO STDOUT`, or several of them; `ended` is called after each. See `copyOut`. */
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
    return this.#interruptible(() => copyIn(this.#client, sql, source, this.#signal));
  }

  /** Commits. Throws `connection` if the outcome is unknown, and says so. */
  async commit(): Promise<void> {
    try {
      const { command } = await this.#client.query('COMMIT');
      this.#over = true;
      // The server's answer to COMMIT in a transaction that failed before.
      if (command === 'ROLLBACK') {
        throw new RestorePointError('database', 'The transaction failed and was rolled back');
      }
      this.#outcome = committed;
    } catch (error) {
      this.#break(messageOf(error));
      if (!isLostConnection(error)) throw describeFailure(error);
      const lost = await outcomeOfCommit(this.database, this.#id, error);
      this.#outcome = lost.outcome;
      if (lost.error) throw lost.error;
    } finally {
      await this.#release();
    }
  }

  /** Undoes everything, and resolves to the state of the database. Never throws. */
  async rollback(): Promise<RestoreOutcome> {
    if (this.#over) return this.#outcome;
    try {
      await this.#rollback();
    } catch (error) {
      this.#break(messageOf(error));
      const isCancelled = this.#signal?.aborted === true;
      this.#outcome = await confirmRollback(this.database, this.#id, error, isCancelled);
    }
    await this.#release();
    return this.#outcome;
  }

  /** Runs a part of the work, which `close` lets end before it undoes anything. */
  async step<Result>(work: () => Promise<Result>): Promise<Result> {
    const step = work();
    this.#steps.add(step);
    try {
      return await step;
    } finally {
      this.#steps.delete(step);
    }
  }

  /** Gives up what is under way, waits for its end, and ends the transaction without a change. Never throws. */
  async close(): Promise<void> {
    if (this.#over) return;
    // No statement of the work may reach the server after the rollback: its effect would last.
    this.#closing = true;
    if (this.#underWay > 0) this.#interrupt();
    await Promise.allSettled(this.#steps);
    if (this.#over) return;
    try {
      await this.#rollback();
    } catch (error) {
      this.#break(messageOf(error));
      this.database.logger.debug(`Could not end a transaction: ${messageOf(error)}`);
      if (this.#id !== undefined) this.#outcome = { state: 'unknown', cause: error };
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

  /** After an error the path stays: the transaction has failed, or `attempt` resets the path. */
  async #underPath<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#path;
    await this.#setPath(path);
    const result = await work();
    await this.#setPath(before);
    return result;
  }

  async #setPath(path: string): Promise<void> {
    if (path === this.#path) return;
    await this.run(`SELECT pg_catalog.set_config('search_path', ${quoteLiteral(path)}, true)`);
    this.#path = path;
  }

  async #interruptible<Result>(work: () => Promise<Result>): Promise<Result> {
    throwIfCancelled(this.#signal);
    if (this.#closing) throw cancelled();
    const stop = (): void => this.#interrupt();
    this.#signal?.addEventListener('abort', stop, { once: true });
    this.#underWay += 1;
    try {
      const result = await this.step(work);
      throwIfCancelled(this.#signal);
      return result;
    } catch (error) {
      if (isLostConnection(error)) this.#break(messageOf(error));
      const given = this.#closing || this.#signal?.aborted;
      const failure = given ? cancelled() : describeFailure(error);
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
    this.#interrupting ??= new Interruption(this.database, this.#processId, (reason) => {
      this.#break(reason);
      this.#client.connection.stream.destroy();
    });
  }

  async #interruptEnded(): Promise<void> {
    const interrupting = this.#interrupting;
    // After one of several statements sent together has failed, the server may begin another one.
    if (!interrupting || this.#underWay > 0) return;
    this.#interrupting = undefined;
    // A request that is still under way would hit the next statement; a broken connection has no next one.
    await interrupting.end(this.#broken === undefined);
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
