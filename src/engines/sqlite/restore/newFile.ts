import { constants } from 'node:fs';
import { link, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { partPath, removeLeftovers } from '../../../core/leftovers.ts';
import type { Logger } from '../../../core/logger.ts';
import { removeFile } from '../../../core/ownFiles.ts';
import { syncFolder } from '../../../core/syncFolder.ts';
import { isThere } from '../files/isThere.ts';
import type { Destination } from '../payload/payloadFile.ts';

/** The files that SQLite keeps beside a database, and would use if they existed. */
export const companions = ['-journal', '-wal', '-shm'];

/** As SQLite makes its files. */
const usualMode = 0o644;

/**
 * A database file in the making, beside its place, where there is no file. It is given its name as the last step: nobody
 * sees any of it before, and nobody's file is replaced.
 */
export class NewFile {
  /** Where it is made, for this user's eyes alone. */
  readonly path: string;
  /** Where it goes. */
  readonly place: string;
  readonly #mode: number;
  readonly #logger: Logger;

  private constructor(path: string, place: string, mode: number, logger: Logger) {
    this.path = path;
    this.place = place;
    this.#mode = mode;
    this.#logger = logger;
  }

  /**
   * Resolves to undefined if something is in its place or beside it, or if a file cannot get a name without replacing
   * another. Throws errors of the file system.
   */
  static async begin(place: string, logger: Logger): Promise<NewFile | undefined> {
    for (const suffix of ['', ...companions]) {
      if (await isThere(place + suffix)) return undefined;
    }
    const folder = dirname(place);
    await removeLeftovers(folder, logger);
    const path = partPath(folder, 'restore-point', '.database-part');
    const probe = partPath(folder, 'restore-point', '.database-part');
    try {
      await (await open(path, 'wx', 0o600)).close();
      await (await open(probe, 'wx', usualMode)).close();
      const { mode } = await stat(probe);
      await removeFile(probe);
      if (await canBeLinked(path, probe)) return new NewFile(path, place, mode & 0o777, logger);
      await removeFile(path);
      return undefined;
    } catch (error) {
      for (const file of [path, probe]) await removeFile(file).catch(() => 'already reported');
      throw error;
    }
  }

  /** For a payload that becomes it. */
  get room(): Destination {
    const remedy = 'restore into a file in another folder';
    return { file: this.path, folder: dirname(this.place), remedy };
  }

  /**
   * Gives it its place; to be called when no connection has it open. Throws `database` where a file is there by now, and
   * errors of the file system: then nothing of it is there.
   */
  async publish(): Promise<void> {
    await this.#sync();
    await link(this.path, this.place).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? this.#taken() : error;
    });
    // It has its name by now, and is whole: nothing that fails here must look like a failed restore.
    await this.remove();
    await syncFolder(dirname(this.place)).catch((error: unknown) => {
      this.#logger.error(
        `${this.place} exists, but its folder could not be flushed to disk: ${messageOf(error)}`,
        error,
      );
    });
  }

  /** Removes what was made beside the place. Never throws: what goes wrong is logged. */
  async remove(): Promise<void> {
    await removeFile(this.path).catch((error: unknown) => {
      this.#logger.error(`The file ${this.path} could not be removed`, error);
    });
  }

  async #sync(): Promise<void> {
    // In a folder that others can write, another may have put a link there.
    const handle = await open(this.path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
    try {
      await handle.chmod(this.#mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #taken(): RestorePointError {
    const file = basename(this.place);
    return new RestorePointError(
      'database',
      'Another program has created a file with this name in the meantime',
      {
        place: { file },
        next: 'Check what is in it, or restore into another file.',
      },
    );
  }
}

/** Not every file system has hard links. */
async function canBeLinked(file: string, to: string): Promise<boolean> {
  try {
    await link(file, to);
  } catch {
    return false;
  }
  await removeFile(to);
  return true;
}
