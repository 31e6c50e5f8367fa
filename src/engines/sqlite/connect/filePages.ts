import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from 'sqlite3';
import { throwIfCancelled } from '../../../core/errors.ts';
import { isSqliteError } from './errors.ts';

/** The part of SQLite's online backup API that the driver has, and does not declare. */
interface Backup {
  readonly completed: boolean;
  readonly remaining: number;
  readonly pageCount: number;
  step(pages: number, done: (error: Error | null) => void): void;
  finish(done: (error: Error | null) => void): void;
}

interface BackupDatabase extends Database {
  backup(
    file: string,
    to: string,
    from: string,
    fileIsTo: boolean,
    begun: (error: Error | null) => void,
  ): Backup;
}

/** `to`: the database into a file; `from`: a file over the database. */
export type Direction = 'to' | 'from';

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the locks are there that are held to the end, and nothing that lasts is written. */
  readonly locked?: (() => Promise<void>) | undefined;
  /** Learns how many pages of how many are copied. */
  readonly copied?: ((pages: number, of: number) => void) | undefined;
}

/** Pages that are copied at once: then others get their turn, and a cancel is heard. */
const pagesAtOnce = 1024;

/** How long a lock is waited for, and in which intervals it is asked for again, in milliseconds. */
const lockPatience = 5_000;
const lockInterval = 50;

/**
 * Copies all pages of a database with SQLite's online backup API. Over a database that is one transaction: the lock is held
 * from the first step to the last, and until then, or after a kill, every row is as it was. Throws SQLite's errors,
 * `cancelled`.
 */
export async function copyPages(
  driver: Database,
  direction: Direction,
  file: string,
  { signal, locked, copied }: CopyOptions,
): Promise<void> {
  const backup = await new Promise<Backup>((resolve, reject) => {
    const begun: Backup = (driver as BackupDatabase).backup(
      file,
      'main',
      'main',
      direction === 'to',
      (error) => (error ? reject(error) : resolve(begun)),
    );
  });
  try {
    let begunCopying = false;
    let deadline = performance.now() + lockPatience;
    while (!backup.completed) {
      throwIfCancelled(signal);
      try {
        await new Promise<void>((resolve, reject) =>
          backup.step(begunCopying ? pagesAtOnce : 1, (error) => (error ? reject(error) : resolve())),
        );
        deadline = performance.now() + lockPatience;
        if (!begunCopying) await locked?.();
        begunCopying = true;
        copied?.(backup.pageCount - backup.remaining, backup.pageCount);
      } catch (error) {
        if (!isSqliteError(error, 'SQLITE_BUSY', 'SQLITE_LOCKED') || performance.now() > deadline)
          throw error;
        await delay(lockInterval);
      }
    }
  } finally {
    await new Promise<void>((resolve, reject) =>
      backup.finish((error) => (error ? reject(error) : resolve())),
    );
  }
}
