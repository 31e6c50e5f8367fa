import { RestorePointError } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import type { BackedUpTable } from '../../../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { Payload, PayloadSink } from '../../../core/payload.ts';
import { type DatabaseSchema, dataColumns, type Sequence } from '../../../core/schema.ts';
import type { Unproven } from '../../../core/unproven.ts';
import { queriedColumns, type Row, type RowQuery } from '../../../core/values.ts';
import { OneReading } from '../../oneReading.ts';
import type {
  ReadOptions,
  RowOptions,
  RowSelection,
  Snapshot,
  SnapshotOptions,
  TableSelection,
  WorkOptions,
} from '../../engine.ts';
import { databaseName } from '../connect/address.ts';
import type { Connection } from '../connect/connection.ts';
import type { CountRows } from '../rows/counts.ts';
import { describeFailure, inWords, isSqliteError } from '../connect/errors.ts';
import { type CatalogTable, findTable, readCatalog } from '../schema/catalog.ts';
import { type CountedSchema, introspect } from '../schema/introspect.ts';
import { PartialCopy } from './partialCopy.ts';
import { checkCondition, wrongCondition } from '../schema/sqlText.ts';
import { TemporaryFolder } from '../files/temporaryFolder.ts';
import { readTypedRows } from '../rows/typedRows.ts';
import { findAllUnproven } from '../schema/unproven.ts';
import { WholeCopy } from './wholeCopy.ts';

/**
 * Opens one consistent read of a database file. `secretBytes`: see
 * `TemporaryFolder.create`. See `Session.openSnapshot`.
 */
export async function openSnapshot(
  file: string,
  options: SnapshotOptions & { readonly secretBytes?: number },
): Promise<Snapshot & { readonly closed: boolean }> {
  const place = { file: databaseName(file) };
  const { whole } = options;
  const folder = await inWords('file', {}, () => TemporaryFolder.create(options.logger, options.secretBytes));
  try {
    const copy = whole
      ? await WholeCopy.begin(file, folder, options)
      : await PartialCopy.begin(file, await folder.createFile('database.sqlite'), options.signal);
    return await SqliteSnapshot.of(copy, folder, options);
  } catch (error) {
    await folder.remove(options.logger);
    throw describeFailure(error, 'database', place);
  }
}

/** The chosen part of a database, in one state. */
interface Copy {
  /** To the state that the snapshot shows. */
  readonly connection: Connection;
  /** It is the file as it was. */
  readonly asItIs: boolean;
  /** What another connection reads to see this state, or a later one. */
  readonly source: string;
  /** Resolves when all of it is there to be written, to what counts the rows. */
  take(
    selection: readonly TableSelection[],
    schema: DatabaseSchema,
    options: ReadOptions,
  ): Promise<CountRows>;
  write(sink: PayloadSink, options: WorkOptions): Promise<Payload>;
  /** Never throws. */
  close(logger: Logger): Promise<void>;
}

/** See `Snapshot`. */
export class SqliteSnapshot implements Snapshot {
  readonly schema: CountedSchema;
  #closing: Promise<void> | undefined;
  #catalog: readonly CatalogTable[] | undefined;
  readonly #unproven: readonly Unproven[];
  readonly #copy: Copy;
  readonly #folder: TemporaryFolder;
  readonly #options: WorkOptions;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #readings = new OneReading();

  private constructor(
    schema: CountedSchema,
    unproven: readonly Unproven[],
    copy: Copy,
    folder: TemporaryFolder,
    options: WorkOptions,
  ) {
    this.schema = schema;
    this.#unproven = unproven;
    this.#copy = copy;
    this.#folder = folder;
    this.#options = options;
  }

  static async of(copy: Copy, folder: TemporaryFolder, options: WorkOptions): Promise<SqliteSnapshot> {
    try {
      const { signal } = options;
      const schema = await introspect(copy.connection, 'main', signal);
      const tables = await readCatalog(copy.connection, 'main', signal);
      const unproven = await findAllUnproven(copy.connection, tables, signal);
      return new SqliteSnapshot(schema, unproven, copy, folder, options);
    } catch (error) {
      await copy.close(options.logger);
      throw error;
    }
  }

  read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): ReturnType<Snapshot['read']> {
    return this.#readings.run(() => inWords('database', {}, () => this.#read(selection, sink, options)));
  }

  rows(
    selection: RowSelection,
    query: RowQuery = {},
    options: RowOptions = {},
  ): AsyncIterable<readonly Row[]> {
    return this.#readings.pages(() => this.#rows(selection, query, options));
  }

  async #read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): ReturnType<Snapshot['read']> {
    const copy = this.#copy;
    const countRows = await copy.take(selection, this.schema, options);
    const [payload, rows] = await atOnce(
      (signal) => copy.write(sink, { ...options, signal }),
      countRows,
      options.signal,
    );
    const opaque = selection.filter(({ table }) => table.opaque).map(({ table }) => table.name);
    const chosen = new Set(selection.map(({ table }) => table.name.name));
    const unproven = this.#unproven.filter(({ table }) => chosen.has(table.name));
    const tables = describeTables(selection, rows, payload);
    return {
      tables,
      payloads: [payload],
      sequences: this.schema.sequences,
      ...(opaque.length > 0 ? { opaque } : {}),
      ...(copy.asItIs ? { asItIs: true as const } : {}),
      ...(unproven.length > 0 ? { unproven } : {}),
    };
  }

  async *#rows(
    { table, where }: RowSelection,
    query: RowQuery,
    { signal }: RowOptions,
  ): AsyncGenerator<readonly Row[]> {
    const columns = queriedColumns(
      query,
      dataColumns(table).map(({ name }) => name),
    );
    const { connection } = this.#copy;
    const place = { table: formatTableName(table.name) };
    try {
      if (where !== undefined) checkCondition(where);
      this.#catalog ??= await readCatalog(connection, 'main', signal);
      const found = findTable(this.#catalog, table.name.name);
      if (!found) throw new RestorePointError('usage', 'There is no such table');
      const source = { schema: 'main', table: found, columns, ...(where === undefined ? {} : { where }) };
      yield* readTypedRows(connection, source, query, signal);
    } catch (error) {
      const isAboutCondition = where !== undefined && isSqliteError(error, 'SQLITE_ERROR');
      throw describeFailure(isAboutCondition ? wrongCondition(where, error) : error, 'database', place);
    }
  }

  readSequences(tables: readonly TableName[]): Promise<readonly Sequence[]> {
    const wanted = new Set(tables.map(tableKey));
    const sequences: readonly Sequence[] = this.schema.sequences;
    return Promise.resolve(sequences.filter(({ table }) => !table || wanted.has(tableKey(table))));
  }

  /** To the state that the snapshot shows, for reading; it ends with the snapshot. */
  get connection(): Connection {
    return this.#copy.connection;
  }

  /** The file in which another connection finds this state, or a later one. */
  get source(): string {
    return this.#copy.source;
  }

  /** To be called when the snapshot has ended: what was attached to its connection can go. */
  whenClosed(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  close(): Promise<void> {
    this.#readings.end();
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    await this.#copy.close(this.#options.logger);
    for (const end of this.#ends) await end();
    await this.#folder.remove(this.#options.logger);
  }
}

/** Runs both at the same time. When one fails, the other is cancelled, and has ended when this rejects. */
async function atOnce<First, Second>(
  first: (signal: AbortSignal) => Promise<First>,
  second: (signal: AbortSignal) => Promise<Second>,
  signal?: AbortSignal,
): Promise<[First, Second]> {
  const failed = new AbortController();
  const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const both = [first(either), second(either)] as const;
  try {
    return await Promise.all(both);
  } finally {
    failed.abort();
    await Promise.allSettled(both);
  }
}

function describeTables(
  selection: readonly TableSelection[],
  rows: readonly number[],
  payload: Payload,
): BackedUpTable[] {
  return selection.flatMap(({ table, where }, index) =>
    table.opaque
      ? []
      : {
          table,
          ...(where === undefined ? {} : { where }),
          columns: dataColumns(table).map((column) => column.name),
          rows: rows[index] ?? 0,
          payload: payload.name,
        },
  );
}
