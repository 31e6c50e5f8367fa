import type { Stats } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RestorePointError } from '../../core/errors.ts';
import { syncFolder } from '../../core/syncFolder.ts';
import type { WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { Connection } from './connection.ts';
import { inWords } from './errors.ts';
import { pageSizeOf } from './fileFormat/databaseHeader.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { isThere } from './isThere.ts';
import { hasRoom, isAt, isPlain, pathOf } from './liveDatabase.ts';
import { companions } from './newFile.ts';
import { type CompareOptions, PageOverwrite } from './pageOverwrite.ts';
import { distrust } from './payloadDatabase.ts';
import type { Replacement } from './payloadPages.ts';

/** Rows of a smaller database are copied in a moment, in bytes. */
const worthwhile = 8 * 1024 * 1024;

export interface PageTarget {
  readonly file: string;
  readonly onDisk: Pick<FileOnDisk, 'writable'>;
}

/** What is known of a database file under the lock. */
interface Locked {
  readonly handle: FileHandle;
  readonly stats: Stats;
  readonly header: Buffer;
  readonly size: number;
  /** Where SQLite looks for the journal. */
  readonly path: string;
}

/**
 * A database file on which a connection of SQLite's holds the exclusive lock, while its pages are written over by others:
 * what was there stands in a rollback journal as SQLite writes one. Should this process end, SQLite brings it back.
 */
export class LockedDatabase {
  readonly connection: Connection;
  readonly handle: FileHandle;
  readonly header: Buffer;
  readonly size: number;
  readonly pageSize: number;
  readonly #target: PageTarget;
  readonly #locked: Locked;
  readonly #options: WorkOptions;
  #overwrite: PageOverwrite | undefined;
  #isLocked = true;

  private constructor(target: PageTarget, connection: Connection, locked: Locked, options: WorkOptions) {
    this.connection = connection;
    this.handle = locked.handle;
    this.header = locked.header;
    this.size = locked.size;
    this.pageSize = pageSizeOf(locked.header);
    this.#target = target;
    this.#locked = locked;
    this.#options = options;
  }

  /**
   * Resolves to undefined, and holds no lock, where pages cannot be written, or rows are copied as fast. Throws SQLite's
   * errors, also where the lock is not given, those of the file system, and `cancelled`.
   */
  static async lock(target: PageTarget, options: WorkOptions): Promise<LockedDatabase | undefined> {
    const { file, onDisk } = target;
    if ((await stat(file)).size < worthwhile) return undefined;
    const handle = await onDisk.writable();
    if (!(await isPlain(handle))) return undefined;
    const connection = await Connection.open(file, 'write');
    try {
      await distrust(connection);
      await connection.run('BEGIN EXCLUSIVE', [], options.signal);
      const locked = await look(connection, handle);
      if (locked) return new LockedDatabase(target, connection, locked, options);
    } catch (error) {
      await connection.closeQuietly(options.logger);
      throw error;
    }
    await connection.closeQuietly(options.logger);
    return undefined;
  }

  /**
   * Compares the pages, and makes the journal; changes nothing. `header` is that of the replacement. False, and leaves
   * nothing, where there is no room for the journal, or the page that SQLite never writes differs.
   */
  async compare(replacement: Replacement, header: Buffer, options: CompareOptions): Promise<boolean> {
    const { path, stats, size } = this.#locked;
    if (!(await hasRoom(path, size, replacement.size))) return false;
    const journaled = { path, pageSize: this.pageSize, pageCount: size / this.pageSize, stats };
    this.#overwrite = await PageOverwrite.begin(
      { database: this.handle, replacement },
      journaled,
      { old: this.header, replacement: header },
      options,
    );
    return this.#overwrite !== undefined;
  }

  /** To be used when they were compared. */
  get pages(): PageOverwrite {
    if (!this.#overwrite) throw new Error('The pages were not compared yet');
    return this.#overwrite;
  }

  /** See `PageOverwrite.seal`. Throws `refused` where another file has the name of the database. */
  async seal(): Promise<void> {
    await this.refuseOthers();
    await this.pages.seal();
  }

  /** What was written lasts. Throws `refused` where another file has the name of the database. */
  async commit(): Promise<void> {
    const { logger } = this.#options;
    await this.pages.sync();
    await this.refuseOthers();
    await this.pages.commit();
    // Without its journal it is done: nothing that fails here must look like a failed restore.
    await syncFolder(dirname(this.#locked.path)).catch((error: unknown) => {
      logger.error(`The folder of ${this.#target.file} could not be brought to the disk`, error);
    });
  }

  /** Makes all as it was. Throws where it is not sure of that. */
  async undo(): Promise<void> {
    const overwrite = this.#overwrite;
    if (!overwrite) return;
    await overwrite.settled();
    if (!overwrite.begun) return overwrite.abandon();
    const place = { file: databaseName(this.#target.file) };
    if (!(await overwrite.isKept())) throw journalGone(place.file);
    // SQLite would put the old pages into whatever has the name of the database.
    if (!(await this.#isInPlace())) return overwrite.playBack();
    await this.unlock();
    await inWords('database', place, () => this.#playBack());
    if (!(await overwrite.isKept())) return;
    throw new RestorePointError('database', 'SQLite has not brought the pages back that were there', {
      place,
      next: 'Leave the file whose name ends in -journal beside the database: SQLite needs it when it is opened next.',
    });
  }

  /** Gives the lock up, when nothing is under way any more. Never throws. */
  async unlock(): Promise<void> {
    if (!this.#isLocked) return;
    this.#isLocked = false;
    const { logger } = this.#options;
    await this.#overwrite?.settled();
    await this.connection.rollBack().catch((error: unknown) => {
      logger.error('The lock on the database was not given up before its connection was closed', error);
    });
    await this.connection.closeQuietly(logger);
  }

  async #isInPlace(): Promise<boolean> {
    const { path, stats } = this.#locked;
    return isAt(path, stats).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    });
  }

  /** Throws `refused` where another file has the name of the database. */
  async refuseOthers(): Promise<void> {
    if (!(await this.#isInPlace())) throw replaced(databaseName(this.#target.file));
  }

  /** Whatever SQLite opens it. */
  async #playBack(): Promise<void> {
    const connection = await Connection.open(this.#target.file, 'write');
    try {
      await connection.get('SELECT count(*) AS n FROM main.sqlite_schema');
    } finally {
      await connection.closeQuietly(this.#options.logger);
    }
  }
}

/** Undefined where the file is no longer one of pages alone, or something of SQLite's is beside it. */
async function look(connection: Connection, handle: FileHandle): Promise<Locked | undefined> {
  const path = await pathOf(connection);
  for (const suffix of companions) if (await isThere(path + suffix)) return undefined;
  const plain = await isPlain(handle);
  const stats = await handle.stat();
  return plain && (await isAt(path, stats)) ? { handle, stats, path, ...plain } : undefined;
}

function replaced(file: string): RestorePointError {
  return new RestorePointError(
    'refused',
    'Another program has put another file in the place of the database',
    {
      place: { file },
      next: 'Start the restore again.',
    },
  );
}

function journalGone(file: string): RestorePointError {
  return new RestorePointError('database', 'The journal with the pages that were there is gone', {
    place: { file },
    unchanged: 'Some pages of the database may be those of the backup.',
    next: 'Restore the backup again, or the safety backup.',
  });
}
