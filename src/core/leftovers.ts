import { randomBytes } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf } from './errors.ts';
import type { Logger } from './logger.ts';
import { isOwn, removeFile } from './ownFiles.ts';
import { isRunning } from './processes.ts';

/** The ending of an unfinished file: hidden, in the folder of its final place, and recognizable as ours. */
export type PartSuffix = '.dbbackup-part' | '.database-part';

/** The path of an unfinished file; its name contains the number of the process. */
export function partPath(folder: string, name: string, suffix: PartSuffix): string {
  return path.join(folder, `.${name}.${process.pid}-${randomBytes(6).toString('hex')}${suffix}`);
}

/**
 * Leftovers of a killed process are removed when nothing was written to them for a day, in milliseconds: a process in another
 * container, or of another machine that shares the folder, cannot be seen.
 */
const staleAfter = 24 * 60 * 60 * 1000;

/** Removes from a folder what processes that are gone have left of unfinished files. Never throws: failures are logged. */
export async function removeLeftovers(folder: string, logger: Logger): Promise<void> {
  const failed = (what: string, error: unknown): void =>
    logger.warn(`Leftovers of a killed process could not be removed: ${what}: ${messageOf(error)}`);
  const names = await readdir(folder).catch((error: unknown) => {
    failed(folder, error);
    return [];
  });
  for (const name of names) {
    const file = path.join(folder, name);
    try {
      if (!(await isLeftover(file))) continue;
      await removeFile(file);
      logger.info(`Removed ${file}, a leftover of a killed process`);
    } catch (error) {
      failed(file, error);
    }
  }
}

async function isLeftover(file: string): Promise<boolean> {
  const name = path.basename(file);
  if (
    !/^\..*\.dbbackup-part$/s.test(name) &&
    !/^\.restore-point\.\d+-[0-9a-f]{12}\.database-part$/.test(name)
  )
    return false;
  const pid = /\.(\d+)-[0-9a-f]{12}\.\w+-part$/.exec(name)?.[1];
  if (pid !== undefined && isRunning(Number(pid))) return false;
  // Another user may have put a link there, or a file of his own.
  const info = await lstat(file);
  return info.isFile() && isOwn(info) && Date.now() - info.mtimeMs >= staleAfter;
}
