import { stat } from 'node:fs/promises';
import type { BackedUpTable } from '../../core/manifest.ts';
import { formatTableName, tableKey } from '../../core/names.ts';
import type { Payload, PayloadSink } from '../../core/payload.ts';
import { type DatabaseSchema, dataColumns } from '../../core/schema.ts';
import type { Snapshot, TableSelection, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { describeFailure, inWords } from './errors.ts';
import { introspect } from './introspect.ts';
import { PartialCopy } from './partialCopy.ts';
import { writePayload } from './payloadFile.ts';
import { readSchemaOrder, restoreSchemaOrder } from './schemaOrder.ts';
import { TemporaryFolder } from './temporaryFolder.ts';

/** The copy grows without a word from SQLite: its size is asked for in these intervals, in milliseconds. */
const sizeInterval = 200;

/** Opens one consistent read of a database file. See `Session.openSnapshot`. */
export async function openSnapshot(
  file: string,
  options: WorkOptions & { readonly whole: boolean },
): Promise<Snapshot & { readonly closed: boolean }> {
  const folder = await inWords('file', {}, () => TemporaryFolder.create(options.logger));
  try {
    const copy = await folder.createFile(databaseFile);
    return options.whole
      ? await WholeSnapshot.open(file, copy, folder, options)
      : await PartialSnapshot.open(file, copy, folder, options);
  } catch (error) {
    await folder.remove(options.logger);
    throw describeFailure(error, 'database', { file: databaseName(file) });
  }
}

const databaseFile = 'database.sqlite';

type ReadResult = Awaited<ReturnType<Snapshot['read']>>;

/** All of the database, compacted into a file of its own: pages that were freed, and what was deleted, are not in it. */
class WholeSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  closed = false;
  readonly #copy: Connection;
  readonly #file: string;
  readonly #folder: TemporaryFolder;
  readonly #options: WorkOptions;

  private constructor(
    schema: DatabaseSchema,
    copy: Connection,
    file: string,
    folder: TemporaryFolder,
    options: WorkOptions,
  ) {
    this.schema = schema;
    this.#copy = copy;
    this.#file = file;
    this.#folder = folder;
    this.#options = options;
  }

  static async open(
    file: string,
    copyFile: string,
    folder: TemporaryFolder,
    options: WorkOptions,
  ): Promise<WholeSnapshot> {
    const source = await Connection.open(file, 'read');
    try {
      const before = await readOrder(source, options.signal);
      await vacuumInto(source, copyFile, options);
      await keepOrder(copyFile, [before, await readOrder(source, options.signal)], options);
    } finally {
      await source.closeQuietly(options.logger);
    }
    const copy = await Connection.open(copyFile, 'immutable');
    try {
      const schema = await introspect(copy, 'main', options.signal);
      return new WholeSnapshot(schema, copy, copyFile, folder, options);
    } catch (error) {
      await copy.closeQuietly(options.logger);
      throw error;
    }
  }

  read(selection: readonly TableSelection[], sink: PayloadSink, options: WorkOptions): Promise<ReadResult> {
    return inWords('database', {}, async () => {
      this.#checkSelection(selection);
      const rows: number[] = [];
      for (const { table } of selection) {
        rows.push(await countRows(this.#copy, 'main', table.name.name, options.signal));
      }
      const payload = await writePayload(this.#file, sink, options);
      return { tables: describeTables(selection, rows, payload), payloads: [payload] };
    });
  }

  /** The file holds every table whether it was chosen or not. */
  #checkSelection(selection: readonly TableSelection[]): void {
    const chosen = new Set(selection.map(({ table }) => tableKey(table.name)));
    const all = this.schema.tables.every((table) => !table.holdsRows || chosen.has(tableKey(table.name)));
    if (all && selection.every(({ where }) => where === undefined)) return;
    throw new Error('A snapshot of the whole database was asked for a part of it');
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#copy.closeQuietly(this.#options.logger);
    await this.#folder.remove(this.#options.logger);
  }
}

async function vacuumInto(source: Connection, file: string, options: WorkOptions): Promise<void> {
  const { signal, report } = options;
  const size = await source.get<{ bytes: number }>(
    `SELECT (SELECT page_count FROM temp.pragma_page_count('main')) * (SELECT page_size FROM temp.pragma_page_size('main'))
       AS bytes`,
    [],
    signal,
  );
  const totalBytes = size?.bytes ?? 0;
  report?.({ phase: 'snapshot', bytes: 0, totalBytes });
  const timer = setInterval(() => {
    const grown = (bytes: number): void =>
      report?.({ phase: 'snapshot', bytes: Math.min(bytes, totalBytes), totalBytes });
    stat(file).then(
      ({ size: bytes }) => grown(bytes),
      (error: unknown) => options.logger.debug(`The size of the copy is not known: ${String(error)}`),
    );
  }, sizeInterval);
  try {
    await source.run('VACUUM main INTO ?', [file], signal);
  } finally {
    clearInterval(timer);
  }
}

/** The order of a schema, and the version of it. */
interface SchemaOrder {
  readonly version: number;
  readonly objects: readonly string[];
}

async function readOrder(connection: Connection, signal?: AbortSignal): Promise<SchemaOrder> {
  await connection.run('BEGIN', [], signal);
  try {
    return {
      version: await schemaVersion(connection),
      objects: await readSchemaOrder(connection, 'main', signal),
    };
  } finally {
    await connection.run('ROLLBACK');
  }
}

async function schemaVersion(connection: Connection): Promise<number> {
  const row = await connection.get<{ n: number }>(
    'SELECT schema_version AS n FROM temp.pragma_schema_version',
  );
  return row?.n ?? 0;
}

/** VACUUM INTO puts tables first, then indexes, then all others: they go back to where they were. */
async function keepOrder(
  copyFile: string,
  orders: readonly SchemaOrder[],
  { logger }: WorkOptions,
): Promise<void> {
  const copy = await Connection.open(copyFile, 'write');
  try {
    await copy.all('PRAGMA journal_mode = OFF');
    await copy.all('PRAGMA synchronous = OFF');
    // VACUUM INTO adds one to it.
    const version = (await schemaVersion(copy)) - 1;
    const order = orders.find((candidate) => candidate.version === version);
    if (order) await restoreSchemaOrder(copy, order.objects);
    else
      logger.warn(
        'The schema changed while it was backed up: its objects are in another order in the backup',
      );
  } finally {
    await copy.close();
  }
}

/** Some tables, or some rows: one read transaction of the database, from which they are copied when they are chosen. */
class PartialSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  closed = false;
  readonly #copy: PartialCopy;
  readonly #folder: TemporaryFolder;
  readonly #options: WorkOptions;

  private constructor(
    schema: DatabaseSchema,
    copy: PartialCopy,
    folder: TemporaryFolder,
    options: WorkOptions,
  ) {
    this.schema = schema;
    this.#copy = copy;
    this.#folder = folder;
    this.#options = options;
  }

  static async open(
    file: string,
    copyFile: string,
    folder: TemporaryFolder,
    options: WorkOptions,
  ): Promise<PartialSnapshot> {
    const copy = await PartialCopy.begin(file, copyFile, options.signal);
    try {
      const schema = await introspect(copy.connection, 'main', options.signal, { part: true });
      return new PartialSnapshot(schema, copy, folder, options);
    } catch (error) {
      await copy.connection.closeQuietly(options.logger);
      throw error;
    }
  }

  async read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: WorkOptions,
  ): Promise<ReadResult> {
    const rows: number[] = [];
    for (const [index, selected] of selection.entries()) {
      const { name } = selected.table;
      const table = { table: name, tableNumber: index + 1, tableCount: selection.length };
      options.report?.({ phase: 'read', ...table });
      await inWords('database', { table: formatTableName(name) }, async () => {
        rows.push(await this.#copy.copyTable(selected, options.signal));
      });
    }
    return inWords('database', {}, async () => {
      await this.#copy.finish(options.signal);
      const payload = await writePayload(this.#copy.file, sink, options);
      return { tables: describeTables(selection, rows, payload), payloads: [payload] };
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#copy.connection.closeQuietly(this.#options.logger);
    await this.#folder.remove(this.#options.logger);
  }
}

function describeTables(
  selection: readonly TableSelection[],
  rows: readonly number[],
  payload: Payload,
): BackedUpTable[] {
  return selection.map(({ table, where }, index) => ({
    table,
    ...(where === undefined ? {} : { where }),
    columns: dataColumns(table).map((column) => column.name),
    rows: rows[index] ?? 0,
    payload: payload.name,
  }));
}
