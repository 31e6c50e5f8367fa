import { setTimeout as delay } from 'node:timers/promises';
import createKnex, { type Knex } from 'knex';
import type { Database, RunResult } from 'sqlite3';
import { cancelled, throwIfCancelled } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import { fileUri, type OpenMode } from './address.ts';
import { copyPages, type CopyOptions, type Direction } from './filePages.ts';
import { isSqliteError, tooMuchWork } from './errors.ts';

/** A value to bind. The driver would bind a BigInt as NULL and an integer past 2^31 as a REAL: those go as text. */
export type Binding = string | number | Uint8Array | null;

/** How long a lock is waited for, in milliseconds. */
const lockPatience = 5_000;

/** SQLite's own waiting cannot be interrupted, so it gets short turns and is called again. */
const busyTimeout = 100;

/** An interrupt that falls between two steps of a statement's life is lost, so it is repeated. */
const interruptInterval = 20;

/** Limits for what SQLite may compute on a connection. */
export interface WorkBounds {
  /** The size of one value or row, in bytes. */
  readonly valueBytes: number;
  /** For one statement. */
  readonly milliseconds: number;
}

/** Numbers of SQLite's limits (sqlite3_limit). */
const limits = { length: 0, sqlLength: 1, attached: 7, triggerDepth: 10 } as const;

/** SQLite's own limit. */
const mostValueBytes = 1_000_000_000;

const mostStatementBytes = 16 * 1024 * 1024;

/** One connection to a database file. One statement at a time. Throws the driver's errors, and `cancelled`. */
export class Connection {
  /** For models: its pool is this one connection. */
  readonly knex: Knex;
  readonly #driver: Database;
  #milliseconds: number | undefined;

  private constructor(knex: Knex, driver: Database) {
    this.knex = knex;
    this.#driver = driver;
  }

  static open(file: string, mode: OpenMode): Promise<Connection> {
    return Connection.#connect(fileUri(file, mode));
  }

  static async #connect(filename: string): Promise<Connection> {
    const knex = createKnex({
      client: 'sqlite3',
      connection: { filename, flags: ['OPEN_URI'] },
      useNullAsDefault: true,
      pool: { min: 1, max: 1 },
    });
    const client = knex.client as Knex.Client;
    try {
      const driver = (await client.acquireConnection()) as Database;
      await client.releaseConnection(driver);
      driver.configure('busyTimeout', busyTimeout);
      return new Connection(knex, driver);
    } catch (error) {
      await knex.destroy();
      throw error;
    }
  }

  /** To a database that holds nothing, and is no file. */
  static openEmpty(): Promise<Connection> {
    return Connection.#connect(':memory:');
  }

  /** From now on a statement that goes beyond these bounds fails. Nothing can be attached. */
  bound({ valueBytes, milliseconds }: WorkBounds): void {
    this.#driver.configure('limit', limits.length, Math.min(valueBytes, mostValueBytes));
    this.#driver.configure('limit', limits.sqlLength, mostStatementBytes);
    this.#driver.configure('limit', limits.attached, 0);
    this.#driver.configure('limit', limits.triggerDepth, 1);
    this.#milliseconds = milliseconds;
  }

  /** All rows of a query. Columns need names that are safe as properties: aliases. */
  all<Row>(sql: string, bindings: readonly Binding[] = [], signal?: AbortSignal): Promise<Row[]> {
    return this.#patiently(signal, (resolve, reject) => {
      this.#driver.all<Row>(sql, [...bindings], (error, rows) => (error ? reject(error) : resolve(rows)));
    });
  }

  /** The first row. */
  async get<Row>(
    sql: string,
    bindings: readonly Binding[] = [],
    signal?: AbortSignal,
  ): Promise<Row | undefined> {
    const [row] = await this.all<Row>(sql, bindings, signal);
    return row;
  }

  /** Runs one statement that gives no rows; text after it is not run. Resolves to how many rows it changed. */
  run(sql: string, bindings: readonly Binding[] = [], signal?: AbortSignal): Promise<number> {
    return this.#patiently(signal, (resolve, reject) => {
      this.#driver.run(sql, [...bindings], function (this: RunResult, error: Error | null) {
        if (error) reject(error);
        else resolve(this.changes);
      });
    });
  }

  /** See `copyPages`. */
  copyPages(direction: Direction, file: string, options: CopyOptions): Promise<void> {
    return copyPages(this.#driver, direction, file, options);
  }

  /** Ends a transaction; one that SQLite has rolled back by itself, as after an interrupt or on a full disk, is ended. */
  async rollBack(): Promise<void> {
    try {
      await this.run('ROLLBACK');
    } catch (error) {
      if (!isSqliteError(error, 'SQLITE_ERROR') || !error.message.includes('no transaction is active'))
        throw error;
    }
  }

  /** Throws when SQLite does not let go of the file. */
  async close(): Promise<void> {
    await this.knex.destroy();
  }

  /** Never throws: what goes wrong is logged. */
  async closeQuietly(logger: Logger): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      logger.error('A connection to a SQLite database could not be closed', error);
    }
  }

  async #patiently<Result>(signal: AbortSignal | undefined, start: Start<Result>): Promise<Result> {
    const deadline = performance.now() + lockPatience;
    for (;;) {
      try {
        return await this.#interruptibly(signal, start);
      } catch (error) {
        if (!isSqliteError(error, 'SQLITE_BUSY') || performance.now() > deadline) throw error;
      }
      await delay(busyTimeout / 2);
    }
  }

  async #interruptibly<Result>(signal: AbortSignal | undefined, start: Start<Result>): Promise<Result> {
    throwIfCancelled(signal);
    let timer: NodeJS.Timeout | undefined;
    let isLate = false;
    const interrupt = (): void => this.#driver.interrupt();
    const onAbort = (): void => {
      interrupt();
      timer ??= setInterval(interrupt, interruptInterval);
    };
    const onLate = (): void => {
      isLate = true;
      onAbort();
    };
    const deadline = this.#milliseconds === undefined ? undefined : setTimeout(onLate, this.#milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise<Result>(start);
    } catch (error) {
      if (signal?.aborted) throw cancelled();
      throw isLate && isSqliteError(error, 'SQLITE_INTERRUPT') ? tooMuchWork(this.#milliseconds ?? 0) : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(deadline);
      clearInterval(timer);
    }
  }
}

type Start<Result> = (resolve: (result: Result) => void, reject: (error: Error) => void) => void;
