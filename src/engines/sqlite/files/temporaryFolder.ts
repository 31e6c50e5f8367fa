import { mkdtemp, open, readdir, statfs } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../../core/logger.ts';
import { removePrivateFolder } from '../../../core/ownFiles.ts';
import { isRunning } from '../../../core/processes.ts';

/** A killed process leaves its folder, with a copy of a user's data in it: a later process removes it after a day. */
const staleAfter = 24 * 60 * 60 * 1000;

/** Where Linux has files that are in memory. */
const memoryFolder = '/dev/shm';
const memoryFileSystem = 0x01021994;

/** A new folder that only this user can read; its name contains the user and the process. */
export class TemporaryFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** With `secretBytes`, it is in memory where so much fits; else a warning says that it is on the disk. */
  static async create(logger: Logger, secretBytes?: number): Promise<TemporaryFolder> {
    const inMemory = secretBytes !== undefined && (await fitsIntoMemory(secretBytes));
    const parent = inMemory ? memoryFolder : tmpdir();
    await removeStale(parent, logger);
    const path = await mkdtemp(join(parent, `restore-point-${process.pid}-`));
    if (secretBytes !== undefined && !inMemory) {
      logger.warn(
        `The decrypted backup is in ${path} while it is read, for this user only: there is not enough memory`,
      );
    }
    return new TemporaryFolder(path);
  }

  /** Makes an empty file that only this user can read. Resolves to its path. */
  async createFile(name: string): Promise<string> {
    const path = join(this.path, name);
    const file = await open(path, 'wx', 0o600);
    await file.close();
    return path;
  }

  /** Tries twice, because it contains a copy of a user's data. Never throws: a folder that stays is logged. */
  async remove(logger: Logger): Promise<void> {
    try {
      await removePrivateFolder(this.path).catch(() => removePrivateFolder(this.path));
    } catch (error) {
      logger.error(`The temporary folder ${this.path} could not be removed`, error);
    }
  }
}

/** Twice as much is taken while the text of a database is converted. */
async function fitsIntoMemory(bytes: number): Promise<boolean> {
  const info = await statfs(memoryFolder).catch(() => undefined);
  if (info?.type !== memoryFileSystem) return false;
  return info.bavail * info.bsize > 2 * bytes && freemem() > 3 * bytes;
}

async function removeStale(parent: string, logger: Logger): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^restore-point-(\d+)-\w{6}$/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(parent, name);
    try {
      // A process in another container may see this folder too, and not be seen itself.
      await removePrivateFolder(path, ({ mtimeMs }) => Date.now() - mtimeMs > staleAfter);
    } catch (error) {
      // Another user's, or another process was faster.
      logger.debug(
        `The temporary folder ${path} of a process that has ended could not be removed: ${String(error)}`,
      );
    }
  }
}
