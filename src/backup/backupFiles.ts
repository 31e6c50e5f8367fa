import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { Archive } from '../archive/archiveReader.ts';
import { fileError } from '../archive/publish.ts';
import { describeError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';

export const backupExtension = '.dbbackup';

/** A backup file as a list shows it. */
export interface BackupFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** When it was taken, or, where that cannot be read, when the file changed. */
  readonly time: Date;
  readonly manifest?: Manifest;
  /** Why it cannot be used, as a sentence. */
  readonly problem?: string;
}

/**
 * The backups of a folder (not of the folders in it), newest first; none when there is no such folder.
 * Only frames and manifests are read. A damaged or foreign file is in the list with its problem.
 */
export async function listBackups(folder: string): Promise<BackupFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const backups: BackupFile[] = [];
  for (const name of names.filter((entry) => entry.endsWith(backupExtension) && !entry.startsWith('.'))) {
    const backup = await readBackupFile(path.join(folder, name));
    if (backup) backups.push(backup);
  }
  return backups.sort((a, b) => b.time.getTime() - a.time.getTime());
}

/** One file of such a list; undefined when it has gone meanwhile. */
export async function readBackupFile(file: string): Promise<BackupFile | undefined> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!info) return undefined;
  try {
    const archive = await Archive.open(file);
    await archive.close();
    return { file, size: info.size, time: new Date(archive.manifest.createdAt), manifest: archive.manifest };
  } catch (error) {
    return { file, size: info.size, time: info.mtime, problem: describeError(error) };
  }
}

/** Where a new backup goes whose name nobody chose; two that begin in the same second get two names. */
export async function newBackupFile(
  folder: string,
  database: string,
): Promise<{ readonly file: string; readonly anotherFile: () => Promise<string> }> {
  const now = new Date();
  const anotherFile = (): Promise<string> => newBackupPath(folder, database, now);
  return { file: await anotherFile(), anotherFile };
}

/** A free path in a folder for a backup of this database, taken now: `shop-2026-11-22-093015.dbbackup`. Throws `file`. */
export async function newBackupPath(folder: string, database: string, now = new Date()): Promise<string> {
  const safe = database.replace(/\.(db|sqlite3?|db3)$/i, '').replace(/[^\p{L}\p{N}_-]+/gu, '-') || 'database';
  const pad = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  const time = `${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  const base = path.join(folder, `${safe.slice(0, 80)}-${day}-${time}`);
  for (let number = 1; ; number++) {
    const file = `${base}${number === 1 ? '' : `-${number}`}${backupExtension}`;
    const taken = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw fileError('The backup cannot be written', file, error);
    });
    if (!taken) return file;
  }
}
