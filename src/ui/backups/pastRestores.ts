import { stat } from 'node:fs/promises';
import type * as vscode from 'vscode';
import { messageOf } from '../../core/errors.ts';
import { removeFile } from '../../core/ownFiles.ts';
import type { RestoreMode } from '../../core/plan.ts';
import { backupNameOf, type BackupFile } from '../../backup/backupFiles.ts';
import { surplusBackups } from '../../backup/surplusBackups.ts';
import type { Connection } from '../connections/connection.ts';
import type { Services } from '../services.ts';
import { keptSafetyBackups } from '../settings.ts';
import { listSafetyBackups, takenFrom } from './backupOrigin.ts';

/** What is remembered of a restore in this workspace, beside its safety backup. */
export interface PastRestore {
  readonly safetyBackup: string;
  /** The key of the connection that was restored. */
  readonly connection: string;
  readonly mode: RestoreMode;
  /** The backup that was restored, and its state then. */
  readonly backup: string;
  readonly stamp: string;
  /** It was itself an undo. */
  readonly isUndo?: boolean;
  readonly isUndone?: boolean;
}

const remembered = 'restorePoint.restores';

function all({ memory }: { readonly memory: vscode.Memento }): readonly PastRestore[] {
  return memory.get<readonly PastRestore[]>(remembered, []);
}

export function pastRestore(
  services: Pick<Services, 'memory'>,
  safetyBackup: string,
): PastRestore | undefined {
  return all(services).find((one) => one.safetyBackup === safetyBackup);
}

/** Identifies a state of a file; undefined where it is gone. */
export async function stampOf(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined);
  return info && `${info.size} ${info.mtimeMs}`;
}

/** Remembers a restore. An undo also marks the restore before it as undone. */
export async function rememberRestore(
  services: Pick<Services, 'memory'>,
  restore: Omit<PastRestore, 'stamp'>,
): Promise<void> {
  const stamp = (await stampOf(restore.backup)) ?? '';
  const others = all(services).map((one) =>
    restore.isUndo && one.safetyBackup === restore.backup ? { ...one, isUndone: true } : one,
  );
  await services.memory.update(remembered, [...others, { ...restore, stamp }]);
}

/** Marks a restore as undone where its undo took no safety backup. */
export async function rememberUndo(services: Pick<Services, 'memory'>, safetyBackup: string): Promise<void> {
  const restores = all(services).map((one) =>
    one.safetyBackup === safetyBackup ? { ...one, isUndone: true } : one,
  );
  await services.memory.update(remembered, restores);
}

/** The last restore that is not undone: of this connection, else of any. An undo is none. */
export async function lastRestore(
  services: Pick<Services, 'memory'>,
  connection: Connection | undefined,
): Promise<PastRestore | undefined> {
  for (const past of all(services).toReversed()) {
    if (past.isUndo || past.isUndone || (connection && past.connection !== connection.key)) continue;
    if ((await stampOf(past.safetyBackup)) !== undefined) return past;
  }
  return undefined;
}

/** The key of the connection that a safety backup belongs to, if that is clear. */
function ownerOf(services: Services, { file, manifest }: BackupFile): string | undefined {
  return pastRestore(services, file)?.connection ?? takenFrom(services, file, manifest)?.key;
}

/** Whether its name is one that a restore gives. */
function isSafetyName(file: string): boolean {
  return /^before-restore-.*-\d{4}-\d\d-\d\d-\d{6}(?:-\d+)?$/.test(backupNameOf(file));
}

/** Removes the oldest safety backups of a connection when a new one is there. A file that stays is no failure. */
export async function pruneSafetyBackups(
  services: Services,
  connection: Connection,
  newest: string,
): Promise<void> {
  try {
    const own = (await listSafetyBackups(services)).filter(
      (backup) =>
        backup.problem === undefined &&
        backup.pinned === undefined &&
        isSafetyName(backup.file) &&
        (backup.encryption !== undefined || backup.manifest?.purpose === 'safety') &&
        ownerOf(services, backup) === connection.key,
    );
    const gone = surplusBackups(own, keptSafetyBackups(), newest);
    for (const { file } of gone) {
      await removeFile(file);
      services.log.info(`Removed an old safety backup of ${connection.name}: ${file}`);
    }
    const names = new Set(gone.map(({ file }) => file));
    const left = all(services).filter(({ safetyBackup }) => !names.has(safetyBackup));
    if (gone.length > 0) await services.memory.update(remembered, left);
  } catch (error) {
    services.log.warn(`Old safety backups of ${connection.name} could not be removed: ${messageOf(error)}`);
  }
}
