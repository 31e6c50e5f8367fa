import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { isNamedAfter, listBackups, type BackupFile } from '../../backup/backupFiles.ts';
import type { Manifest } from '../../core/manifest.ts';
import { makePrivateFolder } from '../../core/ownFiles.ts';
import type { Connection } from '../connections/connection.ts';
import type { Services } from '../services.ts';

type Known = Pick<Services, 'safetyFolder' | 'store'>;

/** The folder for a connection's safety backups. A connection of a workspace folder gets a folder of its own. */
export async function safetyFolderFor({ safetyFolder }: Known, connection: Connection): Promise<string> {
  await makePrivateFolder(safetyFolder);
  return safetyFolderIn(safetyFolder, connection);
}

/** A manifest names its connection only by id, and connections of several folders can share an id. */
function safetyFolderIn(root: string, { key, scope }: Connection): string {
  if (scope.target !== vscode.ConfigurationTarget.WorkspaceFolder) return root;
  return path.join(root, createHash('sha256').update(key).digest('hex').slice(0, 16));
}

/** Newest first. */
export async function listSafetyBackups({
  safetyFolder,
  engineById,
}: Pick<Services, 'safetyFolder' | 'engineById'>): Promise<BackupFile[]> {
  const entries = await readdir(safetyFolder, { withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(safetyFolder, name));
  const lists = await Promise.all(
    [safetyFolder, ...folders].map((folder) => listBackups(folder, engineById)),
  );
  return lists.flat().sort((a, b) => b.time.getTime() - a.time.getTime());
}

/** Whether a backup was taken from a connection. An encrypted one does not say so, but its name does if nobody chose it. */
export function isBackupOf(known: Known, connection: Connection, backup: BackupFile): boolean {
  const { file, manifest, encryption } = backup;
  if (manifest) return takenFrom(known, file, manifest)?.key === connection.key;
  const { file: databaseFile, database } = connection.usable?.settings.address ?? {};
  const name = database ?? (databaseFile === undefined ? undefined : path.basename(databaseFile));
  return encryption !== undefined && name !== undefined && isNamedAfter(file, name);
}

/** The connection that a backup was taken from, if that is clear. */
export function takenFrom(
  { store, safetyFolder }: Known,
  file: string,
  manifest?: Pick<Manifest, 'source'>,
): Connection | undefined {
  const all = store.list();
  const folder = path.dirname(file);
  // The folder is named after the connection's key, so the match is unique.
  const ofFolder = all.find((one) => safetyFolderIn(safetyFolder, one) === folder && folder !== safetyFolder);
  // This safety backup belongs to a folder that is not open, not to another folder's connection.
  if (ofFolder || path.dirname(folder) === safetyFolder) return ofFolder;
  const candidates = all.filter(({ id }) => id === manifest?.source.connection);
  if (candidates.length < 2) return candidates[0];
  const isOfFolder = ({ scope }: Connection): boolean =>
    scope.target === vscode.ConfigurationTarget.WorkspaceFolder;
  if (folder === safetyFolder) return candidates.find((one) => !isOfFolder(one));
  const home = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file))?.uri.toString();
  return candidates.find((one) => isOfFolder(one) && one.scope.folder?.uri.toString() === home);
}
