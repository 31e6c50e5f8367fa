import type { MadeHere } from '../../../src/backup/madeHere.ts';
import { takeBackup, type BackupReport } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { engineById } from '../../../src/engines/registry.ts';
import {
  restoreBackup,
  type RestoreOptions,
  type RestoreReport,
} from '../../../src/restore/restoreBackup.ts';

const engine = engineById('sqlite');

/** Backs a whole database file up, as the product does. */
export async function backUpFile(
  database: string,
  backup: string,
  madeHere?: MadeHere,
): Promise<BackupReport> {
  const session = await engine.connect(
    { engine: 'sqlite', file: database },
    { readOnly: true, logger: silentLogger },
  );
  try {
    return await takeBackup(session, {
      file: backup,
      logger: silentLogger,
      ...(madeHere ? { madeHere } : {}),
    });
  } finally {
    await session.close();
  }
}

/** Restores a whole backup into a database file, which is made if it is not there, as the product does. */
export async function restoreFile(
  backup: string,
  database: string,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreReport> {
  const session = await engine.connect(
    { engine: 'sqlite', file: database },
    { readOnly: false, create: true, logger: silentLogger },
  );
  try {
    return await restoreBackup(backup, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode: 'replace',
      logger: silentLogger,
      confirm: () => Promise.resolve(true),
      ...options,
    });
  } finally {
    await session.close();
  }
}

/** Does something at the first event of a phase of a restore. */
export function during(phase: ProgressEvent['phase'], act: () => void): Pick<RestoreOptions, 'report'> {
  let done = false;
  return {
    report: (event) => {
      if (done || event.phase !== phase) return;
      done = true;
      act();
    },
  };
}
