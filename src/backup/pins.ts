import { lstat, open, rename } from 'node:fs/promises';
import { fileError } from '../archive/publish.ts';
import { removeFile } from '../core/ownFiles.ts';

/** A pinned backup has an empty file beside it with its name and this ending. Pruning never removes it. */
export const pinExtension = '.pinned';

export function pinOf(file: string): string {
  return `${file}${pinExtension}`;
}

/** Whether a backup is pinned. Where that cannot be found out, it counts as pinned. */
export async function isPinned(file: string): Promise<boolean> {
  return await lstat(pinOf(file)).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

/** Pins a backup; one that is pinned stays pinned. Throws `file`, also where there is no such backup. */
export async function pinBackup(file: string): Promise<void> {
  try {
    await lstat(file);
    await (await open(pinOf(file), 'wx')).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw fileError('The backup cannot be pinned', file, error);
  }
}

/** Throws `file`. */
export async function unpinBackup(file: string): Promise<void> {
  try {
    await lstat(file);
    await removeFile(pinOf(file));
  } catch (error) {
    throw fileError('The backup cannot be unpinned', file, error);
  }
}

/** Takes the pin along when a backup was renamed or moved. Throws `file`. */
export async function movePin(from: string, to: string): Promise<void> {
  try {
    await rename(pinOf(from), pinOf(to));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw fileError('The backup was renamed, but its pin was not', to, error);
  }
}

/** Removes a backup and its pin. Throws errors of the file system. */
export async function removeBackup(file: string): Promise<void> {
  await removeFile(file);
  await removeFile(pinOf(file));
}
