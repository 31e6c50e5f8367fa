import { stat } from 'node:fs/promises';
import type { ChosenTable } from '../../core/chosenRows.ts';
import type { DatabaseAddress } from '../../core/connections.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { DatabaseInfo, TableSummary } from '../../core/manifest.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import { removeFile } from '../../core/ownFiles.ts';
import type { DatabaseSchema, Table } from '../../core/schema.ts';
import type {
  ConnectOptions,
  RestoreSource,
  OpenedRestore,
  Session,
  Snapshot,
  SnapshotOptions,
  WorkOptions,
} from '../engine.ts';
import { RestoreSteps, type RestoreWork, RowSteps } from '../restoreSteps.ts';
import type { OpenedRows } from '../rowRestore.ts';
import { ChosenRowsRestore } from './restore/chosenRows.ts';
import { databaseName, describe } from './connect/address.ts';
import { Connection } from './connect/connection.ts';
import { countRows, listTables } from './rows/counts.ts';
import { makeDatabaseFile, openDatabaseFile } from './connect/databaseFile.ts';
import { inWords, isSqliteError } from './connect/errors.ts';
import { features } from './connect/features.ts';
import { changeSign } from './files/changeSign.ts';
import { quote } from './connect/identifiers.ts';
import { introspect, introspectTable } from './schema/introspect.ts';
import { LiveFilePlace } from './restore/liveFilePlace.ts';
import { NewFile } from './restore/newFile.ts';
import { NewFilePlace } from './restore/newFilePlace.ts';
import { PayloadDatabase } from './payload/payloadDatabase.ts';
import { SqliteRestore } from './restore/restore.ts';
import { openSnapshot } from './snapshot/snapshot.ts';
import { checkCondition, wrongCondition } from './schema/sqlText.ts';
import { WholeFileRestore } from './restore/wholeFileRestore.ts';

/** Work that outlives the call that began it. */
interface OpenWork {
  readonly closed: boolean;
  close(): Promise<void>;
}

/** An open database file. Snapshots and restores have connections of their own, which end with it. */
export class SqliteSession implements Session {
  readonly info: DatabaseInfo;
  readonly features = features;
  readonly target: string;
  #connection: Connection;
  readonly #file: string;
  readonly #options: ConnectOptions;
  /** The file is not there yet: it is made when there is something for it. */
  #missing: boolean;
  /** SQLite made the file for this session: it is not left behind empty. */
  #created = false;
  #open: OpenWork[] = [];
  #readings: Promise<unknown> = Promise.resolve();

  private constructor(
    connection: Connection,
    opened: {
      readonly file: string;
      readonly target: string;
      readonly version: string;
      readonly missing: boolean;
      readonly identity: string;
    },
    options: ConnectOptions,
  ) {
    this.#connection = connection;
    this.#file = opened.file;
    this.#missing = opened.missing;
    this.#options = options;
    this.target = opened.target;
    this.info = {
      engine: 'sqlite',
      serverVersion: `SQLite ${opened.version}`,
      database: databaseName(opened.file),
      identity: opened.identity,
    };
  }

  /** See `Engine.connect`. */
  static async open(address: DatabaseAddress, options: ConnectOptions): Promise<SqliteSession> {
    const { file } = address;
    if (file === undefined || file === '') {
      throw new RestorePointError('usage', 'The connection names no file', { place: { setting: 'file' } });
    }
    options.report?.({ phase: 'connect' });
    const opened = await openDatabaseFile(file, options);
    return new SqliteSession(opened.connection, { ...opened, file, target: describe(address) }, options);
  }

  listTables(): Promise<TableSummary[]> {
    if (this.#missing) return Promise.resolve([]);
    return this.#reading(() => listTables(this.#connection, this.#file));
  }

  async describeTable(name: TableName): Promise<Table> {
    const table = await this.#reading(() => introspectTable(this.#connection, 'main', name.name));
    if (table && (name.schema ?? 'main') === 'main') return table;
    throw new RestorePointError('usage', `There is no table named ${formatTableName(name)}`);
  }

  checkCondition(table: TableName, where: string): Promise<void> {
    return this.#reading(async () => {
      const place = { table: formatTableName(table) };
      await inWords('usage', place, async () => {
        checkCondition(where);
        const sql = `EXPLAIN SELECT 1 FROM main.${quote(table.name)} WHERE (${where}\n)`;
        await this.#connection.all(sql).catch((error: unknown) => {
          throw isSqliteError(error, 'SQLITE_ERROR') ? wrongCondition(where, error) : error;
        });
      });
    });
  }

  introspect({ signal }: WorkOptions): Promise<DatabaseSchema> {
    return this.#reading(() => introspect(this.#connection, 'main', signal), signal);
  }

  countRows(names: readonly TableName[], { signal }: WorkOptions): Promise<number[]> {
    return this.#reading(async () => {
      const counts: number[] = [];
      for (const { name } of names) counts.push(await countRows(this.#connection, 'main', name, signal));
      return counts;
    }, signal);
  }

  changeSign(): Promise<string | undefined> {
    return this.#missing ? Promise.resolve(undefined) : changeSign(this.#file);
  }

  openSnapshot(options: SnapshotOptions): Promise<Snapshot> {
    return this.#track(openSnapshot(this.#file, options));
  }

  async beginRestore(restore: RestoreSource, options: WorkOptions): Promise<OpenedRestore> {
    if (this.#options.readOnly) throw new Error('This session was opened read-only');
    const inNewFile = this.#missing ? await this.#takeAsItIs(restore, options) : undefined;
    if (inNewFile) return inNewFile;
    const target = { file: this.#file, make: () => this.#makeMissing() };
    const trusted = restore.madeHere === true;
    const payload = await PayloadDatabase.extract(restore.manifest, restore.source, options, { trusted });
    const suits = !this.#missing && LiveFilePlace.suits(restore);
    return this.#restoring(options, async (work) => {
      const live = suits && (await LiveFilePlace.open(this.#file, payload, work));
      return live
        ? WholeFileRestore.begin(live, restore, work)
        : SqliteRestore.begin(target, restore, payload, work);
    });
  }

  beginRows(tables: readonly ChosenTable[], options: WorkOptions): Promise<OpenedRows> {
    if (this.#options.readOnly) throw new Error('This session was opened read-only');
    const begin = async (
      work: WorkOptions,
    ): Promise<{ work: ChosenRowsRestore; close: () => Promise<void> }> => {
      const restore = await ChosenRowsRestore.begin(this.#file, tables, work);
      return { work: restore, close: () => restore.close() };
    };
    return this.#track(RowSteps.begin(options, begin));
  }

  async close(): Promise<void> {
    const { logger } = this.#options;
    for (const work of this.#open) await work.close();
    try {
      await this.#connection.close();
      if (this.#created && (await stat(this.#file)).size === 0) await removeFile(this.#file);
    } catch (error) {
      logger.error(`The connection to ${this.target} could not be closed`, error);
    }
  }

  /** Undefined where rows have to be copied. */
  async #takeAsItIs(restore: RestoreSource, options: WorkOptions): Promise<OpenedRestore | undefined> {
    if (!NewFilePlace.suits(restore)) return undefined;
    const place = await inWords('database', { file: this.target }, () =>
      NewFile.begin(this.#file, options.logger),
    );
    const placed = async (): Promise<void> => {
      this.#missing = false;
      await this.#connection.closeQuietly(options.logger);
      this.#connection = await Connection.open(this.#file, 'write');
    };
    if (!place) return undefined;
    return this.#restoring(options, async (work) => {
      const made = await NewFilePlace.extract(place, restore, placed, work);
      return made && WholeFileRestore.begin(made, restore, work);
    });
  }

  async #restoring<Restore extends (RestoreWork & Pick<OpenWork, 'close'>) | undefined>(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Restore>,
  ): Promise<RestoreSteps | Extract<Restore, undefined>> {
    const steps = await RestoreSteps.begin(options, async (work) => {
      const restore = await begin(work);
      return restore && { work: restore, close: () => restore.close() };
    });
    return steps ? this.#track(Promise.resolve(steps)) : (undefined as Extract<Restore, undefined>);
  }

  async #makeMissing(): Promise<void> {
    if (!this.#missing) return;
    await inWords('database', { file: this.target }, async () => {
      const connection = await makeDatabaseFile(this.#file);
      await this.#connection.closeQuietly(this.#options.logger);
      this.#connection = connection;
      this.#missing = false;
      this.#created = true;
    });
  }

  async #track<Work extends OpenWork>(opening: Promise<Work>): Promise<Work> {
    const work = await opening;
    this.#open = [...this.#open.filter((other) => !other.closed), work];
    return work;
  }

  /** Runs `work` in a read transaction, so that its statements see one state; one after the other. */
  #reading<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const reading = this.#readings.then(() =>
      inWords('database', { file: this.target }, async () => {
        await this.#connection.run('BEGIN', [], signal);
        try {
          return await work();
        } finally {
          await this.#connection.run('ROLLBACK');
        }
      }),
    );
    // The caller that began it gets its error.
    this.#readings = reading.then(
      () => undefined,
      () => undefined,
    );
    return reading;
  }
}
