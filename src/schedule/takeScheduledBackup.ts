import { Keys } from '../archive/encryption/keys.ts';
import { takeBackup, type BackupReport, type TakeBackupOptions } from '../backup/takeBackup.ts';
import { verifyBackup } from '../backup/verifyBackup.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import type { Engine, Session, WorkOptions } from '../engines/engine.ts';

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
  { lastSign, newFile, engines, keys, ...options }: ScheduledBackupOptions,
): Promise<ScheduledBackupReport> {
  // Before the snapshot: what changes during the backup changes the sign after it was read.
  const sign = await signOf(session, options);
  if (sign !== undefined && sign === lastSign) return { kind: 'unchanged' };
  const report = await takeBackup(session, { ...options, ...(await newFile()) });
  const opening = options.lock && 'passphrase' in options.lock ? new Keys(options.lock) : keys;
  const verified = !options.lock || opening !== undefined;
  if (verified)
    await verifyBackup(report.file, engines, { ...options, ...(opening ? { keys: opening } : {}) });
  return { kind: 'backedUp', report, verified, ...(sign === undefined ? {} : { sign }) };
}

/** Undefined if it cannot be had: then a backup is taken, and says what is wrong if it must. */
async function signOf(session: Session, options: WorkOptions): Promise<string | undefined> {
  try {
    return await session.changeSign?.(options);
  } catch (error) {
    if (RestorePointError.is(error, 'cancelled')) throw error;
    options.logger.debug(`Whether the database has changed is not known: ${messageOf(error)}`);
    return undefined;
  }
}
