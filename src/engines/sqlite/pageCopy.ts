import type { BigIntStats } from 'node:fs';
import { messageOf, RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Payload, PayloadSink } from '../../core/payload.ts';
import type { DatabaseSchema } from '../../core/schema.ts';
import type { SnapshotOptions, TableSelection, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { Connection } from './connection.ts';
import type { CountRows } from './counts.ts';
import { freelistOf, keepsPointerMap, pageSizeOf } from './fileFormat/databaseHeader.ts';
import { PageFile, UnclearFile } from './fileFormat/pages.ts';
import { PageUse } from './fileFormat/pageUse.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { isAt, isPlain, pathOf } from './liveDatabase.ts';
import { readRoots } from './payloadChecks.ts';
import { writePayload } from './payloadFile.ts';
import { checkSelection } from './wholeCopy.ts';

/** A file of which more than one in so many bytes is spare is better copied without these, if it is larger than this. */
const spareShare = 3;
const smallBytes = 1024 * 1024;

interface Opened {
  readonly handle: Awaited<ReturnType<FileOnDisk['readable']>>;
  readonly stats: BigIntStats;
  readonly roots: ReadonlyMap<string, number>;
  readonly use: PageUse;
}

/**
 * All of a database, page by page as it stands in its file, while a connection of SQLite's holds the lock under which
 * nobody writes it. Bytes that hold nothing are zeros in the copy: what was deleted is not in it, but for numbers of rows
 * by which the inner pages of a table divide the others.
 */
export class PageCopy {
  readonly connection: Connection;
  readonly #file: string;
  readonly #opened: Opened;

  private constructor(connection: Connection, file: string, opened: Opened) {
    this.connection = connection;
    this.#file = file;
    this.#opened = opened;
  }

  /**
   * Looks at every page. Resolves to undefined, and leaves nothing, where SQLite has to make the copy: a write-ahead log
   * holds newer pages, much of the file is empty, or anything in it is not as SQLite leaves it. Throws SQLite's errors as
   * the database is opened, and `cancelled`.
   */
  static async begin(
    file: string,
    onDisk: FileOnDisk,
    options: Omit<SnapshotOptions, 'whole'>,
  ): Promise<PageCopy | undefined> {
    // There SQLite locks bytes of the file against everybody.
    if (process.platform === 'win32') return undefined;
    const { signal, logger } = options;
    // Before the lock is there: if both have the place of the file then, they are of the same one.
    await onDisk.readable();
    const connection = await Connection.open(file, 'read');
    try {
      await connection.run('BEGIN', [], signal);
      await connection.get('SELECT count(*) AS n FROM main.sqlite_schema', [], signal);
      const opened = await openPages(connection, onDisk, options);
      if (opened) return new PageCopy(connection, file, opened);
    } catch (error) {
      await connection.closeQuietly(logger);
      throw error;
    }
    await connection.closeQuietly(logger);
    return undefined;
  }

  /** Resolves to what counts the rows of the tables. */
  take(selection: readonly TableSelection[], schema: DatabaseSchema): Promise<CountRows> {
    checkSelection(selection, schema);
    const { roots, use } = this.#opened;
    const rows = selection.map(({ table }) =>
      table.opaque ? 0 : (use.cells.get(roots.get(table.name.name) ?? 0) ?? 0),
    );
    return Promise.resolve(() => Promise.resolve(rows));
  }

  /** Throws `database` where the file was changed meanwhile, and what `writePayload` does. */
  async write(sink: PayloadSink, options: WorkOptions): Promise<Payload> {
    const { handle, use } = this.#opened;
    const read = (chunk: Buffer, position: number): void => {
      try {
        use.clear(chunk, position);
      } catch (error) {
        throw this.#changed(error);
      }
    };
    const payload = await writePayload(handle, sink, options, { read });
    const { size, mtimeNs } = await handle.stat({ bigint: true });
    const { stats } = this.#opened;
    if (size !== stats.size || mtimeNs !== stats.mtimeNs) throw this.#changed();
    return payload;
  }

  #changed(cause?: unknown): RestorePointError {
    return new RestorePointError(
      'database',
      'The file was written while it was backed up, by a program that does not heed the locks of SQLite',
      {
        place: { file: databaseName(this.#file) },
        next: 'Back it up again when that program has ended.',
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }

  /** Never throws: what goes wrong is logged. */
  close(logger: Logger): Promise<void> {
    return this.connection.closeQuietly(logger);
  }
}

/** Under the lock. Undefined where SQLite has to make the copy. */
async function openPages(
  connection: Connection,
  onDisk: FileOnDisk,
  options: WorkOptions,
): Promise<Opened | undefined> {
  const { signal, logger } = options;
  try {
    const opened = await lookAtPages(connection, onDisk, options);
    if (!opened)
      logger.debug('SQLite copies the database: its file is not one of pages alone, or much of it is empty');
    return opened;
  } catch (error) {
    throwIfCancelled(signal);
    const reason =
      error instanceof UnclearFile ? 'its pages are not as SQLite leaves them' : messageOf(error);
    logger.debug(`SQLite copies the database: ${reason}`);
    return undefined;
  }
}

async function lookAtPages(
  connection: Connection,
  onDisk: FileOnDisk,
  { signal, report }: WorkOptions,
): Promise<Opened | undefined> {
  const handle = await onDisk.readable();
  const plain = await isPlain(handle);
  const stats = await handle.stat({ bigint: true });
  if (!plain || !(await isAt(await pathOf(connection), await handle.stat()))) return undefined;
  const { header, size } = plain;
  const pageSize = pageSizeOf(header);
  const isMuch = (bytes: number): boolean => size > smallBytes && bytes * spareShare > size;
  if (keepsPointerMap(header) || isMuch(freelistOf(header).count * pageSize)) return undefined;
  const roots = await readRoots(connection, signal);
  const pages = await PageFile.over(handle);
  try {
    const use = await PageUse.find({ handle, pages, pageSize }, [...roots.values()], {
      signal,
      report: (bytes) => report?.({ phase: 'snapshot', bytes, totalBytes: size }),
    });
    return isMuch(use.spareBytes) ? undefined : { handle, stats, roots, use };
  } finally {
    await pages.close();
  }
}
