import { Keys } from '../archive/encryption/keys.ts';
import { takeBackup, type BackupReport, type TakeBackupOptions } from '../backup/takeBackup.ts';
import { pruneBackups } from '../backup/pruneBackups.ts';
import { verifyBackup } from '../backup/verifyBackup.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import type { Engine, Session, WorkOptions } from '../engines/engine.ts';
import type { RetentionPolicy } from './retention.ts';

export interface ScheduledBackupOptions extends Omit<
  TakeBackupOptions,
  'file' | 'anotherFile' | 'selection'
> {
  /** The sign of the database at the last backup (see `Session.changeSign`): with the same sign, none is taken. */
  readonly lastSign?: string;
  /** Names the new file. */
  readonly newFile: () => Promise<Pick<TakeBackupOptions, 'file' | 'anotherFile'>>;
  readonly engines: (id: EngineId) => Engine;
  /** What opens a backup that is encrypted to recipients. */
  readonly keys?: Keys;
  /** Which backups of this connection stay in the folder, once the new one was verified. */
  readonly keep?: { readonly folder: string; readonly policy: RetentionPolicy };
}

export type ScheduledBackupReport =
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'backedUp';
      readonly report: BackupReport;
      /** It was read again and is what was written. A backup encrypted to recipients needs an identity for that. */
      readonly verified: boolean;
      /** The sign of the database before the backup. */
      readonly sign?: string;
    };

/**
 * Backs up the whole database and verifies the file; or takes no backup if the database has not changed since the last one.
 * Throws as `takeBackup` and `verifyBackup`.
 */
export async function takeScheduledBackup(
  session: Session,
  { lastSign, newFile, engines, keys, keep, ...options }: ScheduledBackupOptions,
): Promise<ScheduledBackupReport> {
  // Before the snapshot: what changes during the backup changes the sign after it was read.
  const sign = await signOf(session, options);
  if (sign !== undefined && sign === lastSign) return { kind: 'unchanged' };
  const report = await takeBackup(session, { ...options, ...(await newFile()) });
  const opening = options.lock && 'passphrase' in options.lock ? new Keys(options.lock) : keys;
  const verified = !options.lock || opening !== undefined;
  if (verified)
    await verifyBackup(report.file, engines, { ...options, ...(opening ? { keys: opening } : {}) });
  if (verified && keep)
    await prune(report.file, keep, { ...options, engines, ...(opening ? { keys: opening } : {}) });
  return { kind: 'backedUp', report, verified, ...(sign === undefined ? {} : { sign }) };
}

/** A backup was taken. Removing older ones may have failed. */
async function prune(
  file: string,
  { folder, policy }: NonNullable<ScheduledBackupOptions['keep']>,
  { keys, ...options }: Omit<ScheduledBackupOptions, 'newFile' | 'keep'>,
): Promise<void> {
  const { logger, connection, madeHere } = options;
  if (!madeHere || connection === undefined) return;
  try {
    const { removed, left } = await pruneBackups(folder, policy, {
      ...options,
      madeHere,
      verified: [file],
      concerns: ({ source }) => source.connection === connection,
      ...(keys ? { findKeys: () => Promise.resolve(keys) } : {}),
    });
    for (const { backup } of removed) logger.info(`Deleted ${backup.file}: the schedule keeps newer backups`);
    for (const { file: other, problem = 'it has changed' } of left)
      logger.warn(`${other} was not deleted: ${problem}`);
  } catch (error) {
    if (RestorePointError.is(error, 'cancelled')) throw error;
    logger.warn(`Old backups were not deleted: ${messageOf(error)}`);
  }
}

/** Undefined if it cannot be had: then a backup is taken, and says what is wrong if it must. */
async function signOf(session: Session, options: WorkOptions): Promise<string | undefined> {
  try {
    return await session.changeSign?.(options);
  } catch (error) {
    if (RestorePointError.is(error, 'cancelled')) throw error;
    options.logger.debug(`It is not known whether the database has changed: ${messageOf(error)}`);
    return undefined;
  }
}
