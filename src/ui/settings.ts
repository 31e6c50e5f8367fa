import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Compression } from '../core/manifest.ts';

function read<Value>(name: string, fallback: Value, scope?: vscode.WorkspaceFolder): Value {
  return vscode.workspace.getConfiguration('restorePoint', scope).get(name, fallback);
}

/** Where the new backups of a workspace folder go, as an absolute path. */
export function backupFolder(folder: vscode.WorkspaceFolder): string {
  const setting = read('backupFolder', '', folder).trim() || 'backups';
  return path.resolve(folder.uri.fsPath, setting.replaceAll('${workspaceFolder}', folder.uri.fsPath));
}

export function compression(folder?: vscode.WorkspaceFolder): Compression {
  return read<Compression>('compression', 'zstd', folder);
}

/** Whether a restore backs the tables up that it is about to write. */
export function safetyBackupsWanted(): boolean {
  return read('safetyBackups', true);
}
