import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { Archive } from '../archive/archiveReader.ts';
import type { Encryption, Keys } from '../archive/encryption/keys.ts';
import { fileError } from '../archive/publish.ts';
import { describeError, RestorePointError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { FindManifestRules } from '../core/manifestRules.ts';
import { isPinned } from './pins.ts';

export const backupExtension = '.dbbackup';
/** The tool `age` makes `x.dbbackup` of it. */
export const encryptedExtension = '.dbbackup.age';

/** Whether a file is a backup by its name. */
export function isBackupName(name: string): boolean {
  return name.endsWith(backupExtension) || name.endsWith(encryptedExtension);
}

/** Throws `usage` unless a file's name is that of a backup, encrypted or not. */
export function checkBackupName(file: string, encrypted: boolean): void {
  const named = isBackupName(file);
  if (named && file.endsWith(encryptedExtension) === encrypted) return;
  const ending = encrypted ? encryptedExtension : backupExtension;
  const message = named
    ? `The backup is ${encrypted ? '' : 'not '}encrypted, but its name says otherwise`
    : `The name of a backup must end in ${ending}`;
  throw new RestorePointError('usage', message, {
    place: { file },
    next: named ? `Choose a name that ends in ${ending}.` : 'Choose another name.',
  });
}

/** The name of a backup file for people: without the folder and the ending. */
export function backupNameOf(file: string): string {
  return path.basename(path.basename(file, encryptedExtension), backupExtension);
}

/** The path for the salvaged copy of a backup, beside it. */
export function salvagedName(file: string, encrypted: boolean): string {
  const name = `${backupNameOf(file)}-salvaged${encrypted ? encryptedExtension : backupExtension}`;
  return path.join(path.dirname(file), name);
}

/** A backup file as a list shows it. */
export interface BackupFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** When it was taken, or, where that cannot be read, when the file changed. */
  readonly time: Date;
  readonly manifest?: Manifest;
  /** See `Archive.fingerprint`; it is there with the manifest. */
  readonly fingerprint?: string;
  /** See `Archive.seal`; of an encrypted file. */
  readonly seal?: string;
  /** Pruning never removes it. */
  readonly pinned?: true;
  /** The kind of encryption: then the manifest needs the key. */
  readonly encryption?: Encryption;
  /** Why it cannot be used, as a sentence. */
  readonly problem?: string;
  /** The intact part of it can be salvaged. */
  readonly salvageable?: boolean;
}

/** Finds the keys that may open an encrypted file; undefined when there are none. */
export type FindKeys = (file: string) => Promise<Keys | undefined>;

/**
 * The backups of a folder (not of the folders in it), newest first; none when there is no such folder.
 * Reads only frames and manifests; of encrypted files that no key opens the header, and of a damaged one enough to find the
 * damaged place. A damaged or foreign file is in the list with its problem.
 */
export async function listBackups(
  folder: string,
  engines: FindManifestRules,
  findKeys?: FindKeys,
): Promise<BackupFile[]> {
  const backups: BackupFile[] = [];
  for (const file of await backupsIn(folder)) {
    const backup = await readBackupFile(file, engines, findKeys);
    if (backup) backups.push(backup);
  }
  return backups.sort((a, b) => b.time.getTime() - a.time.getTime());
}

/** The paths of the backups of a folder, by their names; none when there is no such folder. */
export async function backupsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => isBackupName(name) && !name.startsWith('.'))
    .map((name) => path.join(folder, name));
}

/** The text in a list for a file that cannot be used. */
export function problemOf(error: unknown): Pick<BackupFile, 'problem' | 'salvageable'> {
  const salvageable = RestorePointError.is(error) && error.details.salvageable === true;
  return { problem: describeError(error), ...(salvageable ? { salvageable } : {}) };
}

/** One file of such a list; undefined when it has gone meanwhile. */
export async function readBackupFile(
  file: string,
  engines: FindManifestRules,
  findKeys?: FindKeys,
): Promise<BackupFile | undefined> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!info) return undefined;
  const known = { file, size: info.size, ...((await isPinned(file)) ? { pinned: true as const } : {}) };
  let sealed: Awaited<ReturnType<typeof Archive.sealOf>>;
  try {
    sealed = await Archive.sealOf(file);
    const keys = sealed && (await findKeys?.(file));
    if (sealed && !keys) return { ...known, time: info.mtime, ...sealed };
    const archive = await Archive.open(file, engines, keys);
    await archive.close();
    const { manifest, fingerprint } = archive;
    return { ...known, time: new Date(manifest.createdAt), manifest, fingerprint, ...sealed };
  } catch (error) {
    if (sealed && RestorePointError.is(error, 'locked')) return { ...known, time: info.mtime, ...sealed };
    return { ...known, time: info.mtime, ...problemOf(error) };
  }
}

/** The path for a new backup whose name nobody chose. Two that begin in the same second get different names. */
export async function newBackupFile(
  folder: string,
  database: string,
  { encrypted = false } = {},
): Promise<{ readonly file: string; readonly anotherFile: () => Promise<string> }> {
  const now = new Date();
  const anotherFile = (): Promise<string> => newBackupPath(folder, database, { encrypted, now });
  return { file: await anotherFile(), anotherFile };
}

/** Whether a backup has the name that one of this database gets. */
export function isNamedAfter(file: string, database: string): boolean {
  const name = backupNameOf(file);
  const beginning = `${beginningOf(database)}-`;
  return name.startsWith(beginning) && /^\d{4}-\d\d-\d\d-\d{6}/.test(name.slice(beginning.length));
}

function beginningOf(database: string): string {
  const safe = database.replace(/\.(db|sqlite3?|db3)$/i, '').replace(/[^\p{L}\p{N}_-]+/gu, '-') || 'database';
  return safe.slice(0, 80);
}

/** A free path in a folder for a backup of this database, taken now: `shop-2026-11-22-093015.dbbackup`. Throws `file`. */
export async function newBackupPath(
  folder: string,
  database: string,
  { encrypted = false, now = new Date() } = {},
): Promise<string> {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  const time = `${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  const base = path.join(folder, `${beginningOf(database)}-${day}-${time}`);
  for (let number = 1; ; number++) {
    const file = `${base}${number === 1 ? '' : `-${number}`}${encrypted ? encryptedExtension : backupExtension}`;
    const taken = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw fileError('The backup cannot be written', file, error);
    });
    if (!taken) return file;
  }
}
