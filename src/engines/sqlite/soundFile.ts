import { cancelled, messageOf } from '../../core/errors.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogTable } from './catalog.ts';
import { Connection } from './connection.ts';
import { isSqliteError } from './errors.ts';
import { provenIndexes, type RootPages } from './fileFormat/indexProof.ts';
import { DisorderedRows, type PageFile, UnclearFile } from './fileFormat/pages.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { distrust } from './untrusted.ts';
import { checkedIndexes, readRoots } from './payloadChecks.ts';

/** A database file, and the connection whose transaction keeps others from writing to it. */
export interface LiveFile {
  readonly connection: Connection;
  readonly file: string;
  readonly onDisk: Pick<FileOnDisk, 'pages'>;
}

/**
 * What is sure of a database file that a restore changes only in part, found while nothing is written to it. All of it is
 * found beside the connection of the restore: SQLite lets no transaction write any more that has met damaged pages.
 */
export class SoundFile {
  readonly #reader: Connection;
  readonly #roots: RootPages;
  /** Undefined where not all that was committed is in the file. */
  readonly #pages: PageFile | undefined;
  readonly #options: WorkOptions;
  readonly #end = new AbortController();
  #checking: Promise<boolean> | undefined;

  private constructor(
    reader: Connection,
    roots: RootPages,
    pages: PageFile | undefined,
    options: WorkOptions,
  ) {
    this.#reader = reader;
    this.#roots = roots;
    this.#pages = pages;
    const signals = [this.#end.signal, ...(options.signal ? [options.signal] : [])];
    this.#options = { ...options, signal: AbortSignal.any(signals) };
  }

  /** Undefined where the file cannot be read by another connection. Throws `cancelled`. */
  static async begin(live: LiveFile, options: WorkOptions): Promise<SoundFile | undefined> {
    try {
      return await SoundFile.#begin(live, options);
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      options.logger.debug(`The database cannot be read by another connection: ${error.message}`);
      return undefined;
    }
  }

  static async #begin({ file, onDisk }: LiveFile, options: WorkOptions): Promise<SoundFile> {
    const { signal, logger } = options;
    const reader = await Connection.open(file, 'write');
    try {
      await distrust(reader);
      const roots = await readRoots(reader, signal);
      const pages = (await isAllInFile(reader, options)) ? await openPages(onDisk, options) : undefined;
      return new SoundFile(reader, roots, pages, options);
    } catch (error) {
      await reader.closeQuietly(logger);
      throw error;
    }
  }

  /**
   * Whether every page is in order and belongs to one table, one index or the free ones: nothing that is written to one of
   * these can change another. Begins with the first call. Throws `cancelled`.
   */
  pagesFit(): Promise<boolean> {
    this.#checking ??= this.#checkPages();
    this.#checking.catch(() => 'told to whoever asks');
    return this.#checking;
  }

  /** The names of a table's indexes of which the file itself proves that they are in step with it. Throws `cancelled`. */
  async provenIndexes(table: CatalogTable, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const indexes = checkedIndexes(table);
    if (!this.#pages || indexes.length === 0) return new Set();
    const either = AbortSignal.any([signal, ...(this.#options.signal ? [this.#options.signal] : [])]);
    try {
      return await provenIndexes(this.#pages, table, indexes, this.#roots, { ordered: true, signal: either });
    } catch (error) {
      if (either.aborted) throw error;
      if (!(error instanceof UnclearFile || error instanceof DisorderedRows))
        this.#options.logger.debug(`The pages of ${table.name} could not be read: ${messageOf(error)}`);
      return new Set();
    }
  }

  /** Resolves when nothing reads the file any more: its readers would keep the restore from writing. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.#checking?.catch(() => 'told to whoever asked');
    await this.#pages?.close();
    await this.#reader.closeQuietly(this.#options.logger);
  }

  async #checkPages(): Promise<boolean> {
    const { signal, logger } = this.#options;
    try {
      const [problem] = await this.#reader.all<{ quick_check: string }>(
        'PRAGMA main.quick_check(1)',
        [],
        signal,
      );
      return problem?.quick_check === 'ok';
    } catch (error) {
      if (signal?.aborted) throw error;
      logger.debug(`The pages of the database could not be checked: ${messageOf(error)}`);
      return false;
    }
  }
}

/** Whether nothing that was committed is in a write-ahead log alone. */
async function isAllInFile(reader: Connection, { signal, logger }: WorkOptions): Promise<boolean> {
  const [mode] = await reader.all<{ journal_mode: string }>('PRAGMA main.journal_mode');
  if (mode?.journal_mode !== 'wal') return true;
  try {
    const [log] = await reader.all<{ busy: number; log: number; checkpointed: number }>(
      'PRAGMA main.wal_checkpoint(PASSIVE)',
      [],
      signal,
    );
    // Where another program is at it, both are -1.
    return log !== undefined && log.busy === 0 && log.log >= 0 && log.log === log.checkpointed;
  } catch (error) {
    if (signal?.aborted) throw error;
    logger.debug(`The write-ahead log could not be put into the file: ${messageOf(error)}`);
    return false;
  }
}

async function openPages(
  onDisk: Pick<FileOnDisk, 'pages'>,
  { logger }: WorkOptions,
): Promise<PageFile | undefined> {
  try {
    return await onDisk.pages();
  } catch (error) {
    logger.debug(`The pages of the database cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
