import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Compression } from '../core/manifest.ts';

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
