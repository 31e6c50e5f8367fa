import { readdir, rm, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { isRunning } from '../core/processes.ts';

/** How a file in the making ends: hidden, beside its final place, and told as ours by this. */
export const temporarySuffix = '.dbbackup-part';

/**
 * What a killed process left is removed when nothing was written to it for a day, in milliseconds: a process in another
 * container, or of another machine that shares the folder, cannot be seen.
 */
const staleAfter = 24 * 60 * 60 * 1000;

/** Removes from a folder what processes that are gone have left of unfinished backups. Never throws: failures are logged. */
export async function removeLeftovers(folder: string, logger: Logger): Promise<void> {
  const failed = (what: string, error: unknown): void =>
    logger.warn(`What a backup that was killed has left cannot be removed: ${what}: ${messageOf(error)}`);
  const names = await readdir(folder).catch((error: unknown) => {
    failed(folder, error);
    return [];
  });
  for (const name of names) {
    const file = path.join(folder, name);
    try {
      if (!(await isLeftover(file))) continue;
      await rm(file, { force: true });
      logger.info(`Removed ${file}, which a backup that was killed had left`);
    } catch (error) {
      failed(file, error);
    }
  }
}

async function isLeftover(file: string): Promise<boolean> {
  const name = path.basename(file);
  if (!name.startsWith('.') || !name.endsWith(temporarySuffix)) return false;
  const pid = /\.(\d+)-[0-9a-f]{12}\.dbbackup-part$/.exec(name)?.[1];
  if (pid !== undefined && isRunning(Number(pid))) return false;
  const info = await stat(file);
  return info.isFile() && Date.now() - info.mtimeMs >= staleAfter;
}
