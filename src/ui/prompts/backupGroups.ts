import * as path from 'node:path';
import * as vscode from 'vscode';
import { isNamedAfter, type BackupFile } from '../../backup/backupFiles.ts';
import type { DatabaseAddress } from '../../core/connections.ts';
import { nameWithEngine, type Connection } from '../connections/connection.ts';

export interface BackupGroup {
  readonly title?: string;
  readonly backups: readonly BackupFile[];
  /** Why the backups of this group cannot be chosen. */
  readonly refusal?: (backup: BackupFile) => { readonly reason: string; readonly short: string };
}

/** Groups backups for a target: its own, others of its engine, damaged ones, and those that cannot be restored into it. */
export function groupBackups(backups: readonly BackupFile[], into: Connection): BackupGroup[] {
  const label = nameWithEngine(into);
  const cannot = vscode.l10n.t('Cannot be restored into {0}', label);
  const reasonOf = ({ manifest }: BackupFile): { reason: string; short: string } => {
    const version = manifest?.source.serverVersion ?? '';
    return {
      reason: vscode.l10n.t('This {0} backup cannot be restored into {1}.', version, label),
      short: vscode.l10n.t('Taken from {0}', version),
    };
  };
  const own: BackupFile[] = [];
  const others: BackupFile[] = [];
  const damaged: BackupFile[] = [];
  const foreign: BackupFile[] = [];
  for (const backup of backups) {
    if (isForeign(backup, into)) foreign.push(backup);
    else if (backup.problem !== undefined) damaged.push(backup);
    else (isOwn(backup, into) ? own : others).push(backup);
  }
  const groups: BackupGroup[] = [
    { title: vscode.l10n.t('Taken from {0}', into.name), backups: own },
    { title: vscode.l10n.t('Taken from other databases'), backups: others },
    { title: vscode.l10n.t('Damaged'), backups: damaged },
    { title: cannot, backups: foreign, refusal: reasonOf },
  ];
  return groups.filter((group) => group.backups.length > 0);
}

function isForeign({ manifest }: BackupFile, { usable }: Connection): boolean {
  return manifest !== undefined && usable !== undefined && manifest.source.engine !== usable.engine.id;
}

/**
 * Whether a backup was taken from a connection, as far as that can be seen: an encrypted one reveals only its name, which
 * begins with the name of its database.
 */
export function isOwn({ manifest, encryption, file }: BackupFile, { id, usable }: Connection): boolean {
  if (manifest) return manifest.source.connection === id;
  if (!encryption || !usable) return false;
  const database = databaseOf(usable.settings.address);
  return database !== undefined && isNamedAfter(file, database);
}

function databaseOf({ file, database }: DatabaseAddress): string | undefined {
  return file === undefined ? database : path.basename(file);
}
