import { cancelled, messageOf } from '../../../core/errors.ts';
import type { WorkOptions } from '../../engine.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import type { RootPages } from '../rows/indexProof.ts';
import type { FileOnDisk } from '../files/fileOnDisk.ts';
import { proveTable, readRoots } from '../payload/payloadChecks.ts';
import { distrust } from '../payload/untrusted.ts';

/** A database file, and the connection whose transaction keeps others from writing to it. */
export interface LiveFile {
  readonly connection: Connection;
  readonly file: string;
  readonly onDisk: FileOnDisk;
}

/**
 * Proves facts about a database file that a restore changes only in part, while nothing is written to it. All of it is
 * found beside the connection of the restore: SQLite lets no transaction write any more that has met damaged pages.
 */
export class SoundFile {
  readonly #reader: Connection;
  readonly #live: LiveFile;
  readonly #options: WorkOptions;
  #roots: RootPages = new Map();

  private constructor(reader: Connection, live: LiveFile, options: WorkOptions) {
    this.#reader = reader;
    this.#live = live;
    this.#options = options;
  }

  /** Undefined where the file cannot be read by another connection. Throws `cancelled`. */
  static async begin(live: LiveFile, options: WorkOptions): Promise<SoundFile | undefined> {
    const reader = await Connection.open(live.file, 'write');
    const file = new SoundFile(reader, live, options);
    try {
      await distrust(reader);
      const [mode] = await reader.all<{ journal_mode: string }>('PRAGMA main.journal_mode');
      // The contents of a write-ahead log may not be in the file.
      if (mode?.journal_mode !== 'wal') file.#roots = await readRoots(reader, options.signal);
      return file;
    } catch (error) {
      await file.close();
      if (!isSqliteError(error)) throw error;
      options.logger.debug(`The database cannot be read by another connection: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Whether every page is in order and belongs to one table, one index or the free ones: nothing that is written to one of
   * these can change another. Throws `cancelled`.
   */
  async pagesFit(): Promise<boolean> {
    const { signal, logger } = this.#options;
    try {
      const found = await this.#reader.get<{ quick_check: string }>('PRAGMA main.quick_check(1)', [], signal);
      return found?.quick_check === 'ok';
    } catch (error) {
      if (signal?.aborted) throw error;
      logger.debug(`The pages of the database could not be checked: ${messageOf(error)}`);
      return false;
    }
  }

  /** The names of a table's indexes of which the file itself proves that they are in step with it. Throws `cancelled`. */
  async provenIndexes(table: CatalogTable): Promise<ReadonlySet<string>> {
    if (!this.#roots.has(table.name)) return new Set();
    const { signal, logger } = this.#options;
    try {
      const handle = await this.#live.onDisk.handle();
      return (await proveTable(handle, table, this.#roots, { ordered: true, signal })).indexes;
    } catch (error) {
      if (signal?.aborted) throw cancelled();
      logger.debug(`The pages of ${table.name} could not be read: ${messageOf(error)}`);
      return new Set();
    }
  }

  /** Resolves when nothing reads the file any more: its readers would keep the restore from writing. Never throws. */
  close(): Promise<void> {
    return this.#reader.closeQuietly(this.#options.logger);
  }
}
