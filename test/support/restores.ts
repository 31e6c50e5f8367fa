import assert from 'node:assert/strict';
import {
  type BackupReport,
  type BackupSelection,
  takeBackup,
  type TakeBackupOptions,
} from '../../src/backup/takeBackup.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { type RestoreOptions, type RestoreReport, restoreBackup } from '../../src/restore/restoreBackup.ts';
import type { TestDatabase } from './testDatabases.ts';

export async function backUp(
  database: TestDatabase,
  file: string,
  selection?: BackupSelection,
  options: Partial<TakeBackupOptions> = {},
): Promise<BackupReport> {
  const session = await database.connect({ readOnly: true });
  try {
    const chosen = selection ? { selection } : {};
    return await takeBackup(session, { file, logger: silentLogger, ...chosen, ...options });
  } finally {
    await session.close();
  }
}

export async function restore(
  file: string,
  database: TestDatabase,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreReport> {
  const session = await database.connect();
  try {
    const confirm = (): Promise<boolean> => Promise.resolve(true);
    return await restoreBackup(file, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode: 'replace',
      logger: silentLogger,
      confirm,
      ...options,
    });
  } finally {
    await session.close();
  }
}

/** The error that something is expected to end with. */
export async function failure(work: Promise<unknown>): Promise<RestorePointError> {
  const error: unknown = await work.then(
    () => new assert.AssertionError({ message: 'it did not fail' }),
    (thrown: unknown) => thrown,
  );
  if (!RestorePointError.is(error)) throw error;
  return error;
}
