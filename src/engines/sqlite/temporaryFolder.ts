import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../core/logger.ts';
import { isRunning } from '../../core/processes.ts';

/** A killed process leaves its folder, with a copy of somebody's data in it: after a day it is removed by the next. */
const staleAfter = 24 * 60 * 60 * 1000;

/** A fresh folder that only this user can read; its name tells whose it is, and of which process. */
export class TemporaryFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(logger: Logger): Promise<TemporaryFolder> {
    await removeStale(logger);
    return new TemporaryFolder(await mkdtemp(join(tmpdir(), `restore-point-${process.pid}-`)));
  }

  /** Makes an empty file that only this user can read. Resolves to its path. */
  async createFile(name: string): Promise<string> {
    const path = join(this.path, name);
    const file = await open(path, 'wx', 0o600);
    await file.close();
    return path;
  }

  /** Never throws: what cannot be removed is logged. */
  async remove(logger: Logger): Promise<void> {
    try {
      await removeFolder(this.path);
    } catch (error) {
      logger.error(`The temporary folder ${this.path} could not be removed`, error);
    }
  }
}

function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function removeStale(logger: Logger): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^restore-point-(\d+)-\w{6}$/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(tmpdir(), name);
    try {
      // A process in another container may see this folder too, and not be seen itself.
      if (Date.now() - (await stat(path)).mtimeMs > staleAfter) await removeFolder(path);
    } catch (error) {
      // Another user's, or another process was faster.
      logger.debug(
        `The temporary folder ${path} of a process that is gone could not be removed: ${String(error)}`,
      );
    }
  }
}
