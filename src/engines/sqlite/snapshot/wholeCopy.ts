import { stat, truncate } from 'node:fs/promises';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import { tableKey } from '../../../core/names.ts';
import type { Payload, PayloadSink } from '../../../core/payload.ts';
import { type DatabaseSchema, isCarried } from '../../../core/schema.ts';
import type { SnapshotOptions, TableSelection, WorkOptions } from '../../engine.ts';
import { Connection } from '../connect/connection.ts';
import { type CountRows, countStoredRows } from '../rows/counts.ts';
import { writePayload } from '../payload/payloadFile.ts';
import { readSchemaOrder, restoreSchemaOrder } from '../schema/schemaOrder.ts';
import type { TemporaryFolder } from '../files/temporaryFolder.ts';
import { missingIn } from '../schema/unproven.ts';

/** The copy grows without a word from SQLite: its size is asked for in these intervals, in milliseconds. */
const sizeInterval = 200;

/**
 * All of a database in a file of its own, compacted by SQLite: pages that were freed, and what was deleted, are not in it.
 * Where SQLite cannot do that for want of something that only the application registers, the file is copied as it is.
 */
export class WholeCopy {
  readonly connection: Connection;
  readonly asItIs: boolean;
  readonly #file: string;

  private constructor(connection: Connection, file: string, asItIs: boolean) {
    this.connection = connection;
    this.#file = file;
    this.asItIs = asItIs;
  }

  /** Makes it in a file of the folder. */
  static async begin(
    file: string,
    folder: TemporaryFolder,
    options: Omit<SnapshotOptions, 'whole'>,
  ): Promise<WholeCopy> {
    const { logger } = options;
    const copyFile = await folder.createFile('database.sqlite');
    const source = await Connection.open(file, 'read');
    try {
      const asItIs = !(await copyCompacted(source, copyFile, options));
      if (asItIs) await copyAsItIs(source, copyFile, options);
      return new WholeCopy(await Connection.open(copyFile, 'immutable'), copyFile, asItIs);
    } finally {
      await source.closeQuietly(logger);
    }
  }

  get source(): string {
    return this.#file;
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
  throw new Error('A snapshot of the whole database was asked for only a part of it');
}

/** False where SQLite cannot, and the file is empty again. */
async function copyCompacted(source: Connection, copyFile: string, options: WorkOptions): Promise<boolean> {
  const { signal, logger } = options;
  try {
    await vacuumInto(source, copyFile, await sizeOf(source, signal), options);
  } catch (error) {
    if (missingIn(error) === undefined) throw error;
    logger.debug(`SQLite cannot compact the database: ${messageOf(error)}`);
    await truncate(copyFile);
    return false;
  }
  await keepOrder(copyFile, await readSchemaOrder(source, 'main', signal));
  return true;
}

/** In one state, and without a write-ahead log, which only one who may write the copy could open. */
async function copyAsItIs(
  source: Connection,
  copyFile: string,
  { signal, report }: WorkOptions,
): Promise<void> {
  const pageSize = await source.get<{ n: number }>(
    `SELECT page_size AS n FROM temp.pragma_page_size('main')`,
  );
  const copied = (pages: number, of: number): void =>
    report?.({ phase: 'snapshot', bytes: pages * (pageSize?.n ?? 0), totalBytes: of * (pageSize?.n ?? 0) });
  await source.run('BEGIN', [], signal);
  try {
    await source.get('SELECT count(*) AS n FROM main.sqlite_schema', [], signal);
    await source.copyPages('to', copyFile, { signal, copied });
  } finally {
    await source.rollBack();
  }
  const copy = await Connection.open(copyFile, 'write');
  try {
    await copy.all('PRAGMA synchronous = OFF');
    await copy.all('PRAGMA main.journal_mode = DELETE');
  } finally {
    await copy.close();
  }
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
      (error: unknown) =>
        options.logger.debug(`The size of the copy could not be found out: ${String(error)}`),
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

/**
 * VACUUM INTO puts tables first, then indexes, then all others: they go back to where they were. Objects that are in no
 * order, because the schema has changed since, are the last.
 */
async function keepOrder(copyFile: string, order: readonly string[]): Promise<void> {
  const copy = await Connection.open(copyFile, 'write');
  try {
    await copy.all('PRAGMA journal_mode = OFF');
    await copy.all('PRAGMA synchronous = OFF');
    await restoreSchemaOrder(copy, order);
  } finally {
    await copy.close();
  }
}
