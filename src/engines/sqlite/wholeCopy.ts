import { stat } from 'node:fs/promises';
import type { Logger } from '../../core/logger.ts';
import { tableKey } from '../../core/names.ts';
import type { Payload, PayloadSink } from '../../core/payload.ts';
import { type DatabaseSchema, isCarried } from '../../core/schema.ts';
import type { SnapshotOptions, TableSelection, WorkOptions } from '../engine.ts';
import { Connection } from './connection.ts';
import { type CountRows, countStoredRows } from './counts.ts';
import { writePayload } from './payloadFile.ts';
import { readSchemaOrder, restoreSchemaOrder } from './schemaOrder.ts';
import type { TemporaryFolder } from './temporaryFolder.ts';

/** The copy grows without a word from SQLite: its size is asked for in these intervals, in milliseconds. */
const sizeInterval = 200;

/** All of a database, compacted into a file of its own: pages that were freed, and what was deleted, are not in it. */
export class WholeCopy {
  readonly connection: Connection;
  readonly #file: string;

  private constructor(connection: Connection, file: string) {
    this.connection = connection;
    this.#file = file;
  }

  /** Makes it in a file of the folder. */
  static async begin(
    file: string,
    folder: TemporaryFolder,
    options: Omit<SnapshotOptions, 'whole'>,
  ): Promise<WholeCopy> {
    const { signal, logger } = options;
    const copyFile = await folder.createFile('database.sqlite');
    const source = await Connection.open(file, 'read');
    try {
      const before = await readOrder(source, signal);
      await vacuumInto(source, copyFile, await sizeOf(source, signal), options);
      await keepOrder(copyFile, [before, await readOrder(source, signal)], options);
      return new WholeCopy(await Connection.open(copyFile, 'immutable'), copyFile);
    } finally {
      await source.closeQuietly(logger);
    }
  }

  /** Resolves to what counts the rows of the tables. */
  take(selection: readonly TableSelection[], schema: DatabaseSchema): Promise<CountRows> {
    checkSelection(selection, schema);
    return Promise.resolve(async (signal) => {
      const rows: number[] = [];
      for (const { table } of selection) {
        rows.push(table.opaque ? 0 : await countStoredRows(this.connection, 'main', table.name.name, signal));
      }
      return rows;
    });
  }

  write(sink: PayloadSink, options: WorkOptions): Promise<Payload> {
    return writePayload(this.#file, sink, options);
  }

  /** Never throws: what goes wrong is logged. */
  close(logger: Logger): Promise<void> {
    return this.connection.closeQuietly(logger);
  }
}

/** A file of the whole database holds every table, whether it was chosen or not. */
function checkSelection(selection: readonly TableSelection[], schema: DatabaseSchema): void {
  const chosen = new Set(selection.map(({ table }) => tableKey(table.name)));
  const all = schema.tables.every((table) => !isCarried(table) || chosen.has(tableKey(table.name)));
  if (all && selection.every(({ where }) => where === undefined)) return;
  throw new Error('A snapshot of the whole database was asked for a part of it');
}

async function sizeOf(source: Connection, signal?: AbortSignal): Promise<number> {
  const size = await source.get<{ bytes: number }>(
    `SELECT (SELECT page_count FROM temp.pragma_page_count('main')) * (SELECT page_size FROM temp.pragma_page_size('main'))
       AS bytes`,
    [],
    signal,
  );
  return size?.bytes ?? 0;
}

async function vacuumInto(
  source: Connection,
  file: string,
  totalBytes: number,
  options: WorkOptions,
): Promise<void> {
  const { signal, report } = options;
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
    // The copy need not survive a crash, and VACUUM INTO makes it as durable as the source is set to be.
    await source.all('PRAGMA main.synchronous = OFF');
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
