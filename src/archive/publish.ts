import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { removeLeftovers, temporarySuffix } from './leftovers.ts';

export interface TemporaryFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/**
 * Makes the folder where it is missing, and a file in it that only this user can read; its name tells the process.
 * What killed processes left there is removed. Throws `file`.
 */
export async function createTemporary(finalPath: string, logger: Logger): Promise<TemporaryFile> {
  const folder = path.dirname(finalPath);
  const owner = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const name = path.basename(finalPath).replace(/\.dbbackup(\.age)?$/, '');
  const temporary = path.join(folder, `.${name}.${owner}${temporarySuffix}`);
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder, logger);
    return { path: temporary, handle: await open(temporary, 'wx+', 0o600) };
  } catch (error) {
    throw fileError(`The backup cannot be written to ${folder}`, finalPath, error);
  }
}

/**
 * Gives a complete file its final name: content to the disk, then the name, then the folder to the disk.
 * A file that is there already is never overwritten. Throws `file`; the temporary file is then still there.
 */
export async function publish(temporary: TemporaryFile, finalPath: string): Promise<void> {
  try {
    await temporary.handle.sync();
    await temporary.handle.close();
    await giveName(temporary.path, finalPath);
    await syncFolder(path.dirname(finalPath));
  } catch (error) {
    if (RestorePointError.is(error)) throw error;
    throw fileError('The backup could not be published', finalPath, error);
  }
}

export async function discard(temporary: TemporaryFile): Promise<void> {
  await temporary.handle.close().catch(ignoreClosed);
  await rm(temporary.path, { force: true });
}

/** `link` fails when the name is taken, `rename` would replace it; not every file system has `link`. */
async function giveName(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') throw existsAlready(to);
    const placeholder = await open(to, 'wx').catch((taken: NodeJS.ErrnoException) => {
      throw taken.code === 'EEXIST' ? existsAlready(to) : taken;
    });
    await placeholder.close();
    await rename(from, to);
    return;
  }
  await rm(from);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there the file system journals the name by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function existsAlready(file: string): RestorePointError {
  return new RestorePointError('file', 'A file of this name is there already, and is never overwritten', {
    place: { file },
    next: 'Choose another name.',
  });
}

export function fileError(what: string, file: string, cause: unknown): RestorePointError {
  return new RestorePointError('file', `${what}: ${reasonInWords(cause)}`, { place: { file }, cause });
}

function reasonInWords(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return 'the disk is full';
    case 'EDQUOT':
      return 'the disk quota is used up';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOENT':
      return 'there is no such file or folder';
    case 'EISDIR':
      return 'it is a folder';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a part of the path is no folder';
    default:
      return messageOf(error);
  }
}

function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EBADF') throw error;
}
