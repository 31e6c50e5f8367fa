import * as path from 'node:path';
import * as vscode from 'vscode';
import { type ProofInterval, proofIntervals } from '../schedule/proofDue.ts';
import type { Connection } from './connections/connection.ts';
import type { Compression } from '../core/manifest.ts';
import type { RetentionPolicy } from '../schedule/retention.ts';

function read<Value>(name: string, fallback: Value, scope?: vscode.WorkspaceFolder): Value {
  return vscode.workspace.getConfiguration('restorePoint', scope).get(name, fallback);
}

/** The folder for new backups of a workspace folder, as an absolute path. */
export function backupFolder(folder: vscode.WorkspaceFolder): string {
  const setting = read('backupFolder', '', folder).trim() || 'backups';
  return path.resolve(folder.uri.fsPath, setting.replaceAll('${workspaceFolder}', folder.uri.fsPath));
}

export function compression(folder?: vscode.WorkspaceFolder): Compression {
  return read<Compression>('compression', 'zstd', folder);
}

/** Whether a restore first backs up the tables that it will write. */
export function safetyBackupsWanted(): boolean {
  return read('safetyBackups', true);
}

/** How many safety backups of each connection are kept. */
export function keptSafetyBackups(): number {
  const number = read('keepSafetyBackups', 10);
  return Number.isSafeInteger(number) && number >= 1 ? number : 10;
}

/** The id of the connection on whose server backups are proved; by default that of the backup's own connection. */
export function proofServer(): string | undefined {
  return read('proofServer', '').trim() || undefined;
}

/** Which backups are kept when others are pruned; without a rule, all. */
export function retention(folder?: vscode.WorkspaceFolder): RetentionPolicy {
  return policyFrom(read<unknown>('retention', {}, folder));
}

/** The rules in a value of a setting or an argument; whatever else is in it counts as no rule. */
export function policyFrom(value: unknown): RetentionPolicy {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >;
  const rules = ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly'] as const;
  const sound = rules.filter((rule) => Number.isSafeInteger(given[rule]) && Number(given[rule]) > 0);
  return Object.fromEntries(sound.map((rule) => [rule, Number(given[rule])]));
}

/** How often the newest backup of a connection is proved. */
export function proveInterval({ usable, scope }: Connection): ProofInterval {
  const value = usable?.settings.prove ?? read<string>('prove', 'never', scope.folder);
  return proofIntervals.find((interval) => interval === value) ?? 'never';
}

/** Whether the status bar shows the age of the last backup. */
export function statusBarWanted(): boolean {
  return read('statusBar', true);
}
