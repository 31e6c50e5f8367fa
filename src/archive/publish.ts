import { link, mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { fileReason, RestorePointError } from '../core/errors.ts';
import { partPath, removeLeftovers } from '../core/leftovers.ts';
import type { Logger } from '../core/logger.ts';
import { removeFile } from '../core/ownFiles.ts';
import { syncFolder } from '../core/syncFolder.ts';

export interface TemporaryFile {
  /** Its name in messages: `The backup`. */
  readonly what: string;
  readonly path: string;
  readonly handle: FileHandle;
}

/**
 * Creates a missing folder, and a file in it that only this user can read. Its name contains the number of the process.
 * Removes leftovers of killed processes there. Throws `file`.
 */
export async function createTemporary(
  finalPath: string,
  logger: Logger,
  what = 'The backup',
): Promise<TemporaryFile> {
  const folder = path.dirname(finalPath);
  const name = path.basename(finalPath).replace(/\.dbbackup(\.age)?$/, '');
  const temporary = partPath(folder, name, '.dbbackup-part');
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder, logger);
    return { what, path: temporary, handle: await open(temporary, 'wx+', 0o600) };
  } catch (error) {
    throw fileError(`${what} cannot be written to ${folder}`, finalPath, error);
  }
}

/** Returns another path in the same folder, for the case that the first one is taken. */
export type AnotherPath = () => Promise<string>;

/**
 * Gives a complete file its final name: content to the disk, then the name, then the folder to the disk. Resolves to
 * the name. A file that is there already is never overwritten. Throws `file`: then no file has the final name,
 * and the temporary file may still be there.
 */
export async function publish(
  temporary: TemporaryFile,
  finalPath: string,
  another?: AnotherPath,
): Promise<string> {
  let file = finalPath;
  let named = false;
  try {
    await temporary.handle.sync();
    await temporary.handle.close();
    let given = await giveName(temporary, file);
    while (given === 'taken') {
      if (!another) throw existsAlready(file);
      file = await another();
      given = await giveName(temporary, file);
    }
    named = true;
    if (given === 'linked') await removeFile(temporary.path);
    await syncFolder(path.dirname(file));
    return file;
  } catch (error) {
    const failure = RestorePointError.is(error)
      ? error
      : fileError(`${temporary.what} could not be given its final name`, file, error);
    throw named ? await takeNameBack(file, failure) : failure;
  }
}

export async function discard(temporary: TemporaryFile): Promise<void> {
  await temporary.handle.close().catch(ignoreClosed);
  await removeFile(temporary.path);
}

/**
 * `link` fails if the name is taken; `rename` would replace the file, but not every file system has `link`. A linked file has
 * both names.
 */
async function giveName(
  { path: from, what }: TemporaryFile,
  to: string,
): Promise<'linked' | 'renamed' | 'taken'> {
  try {
    await link(from, to);
    return 'linked';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'taken';
  }
  const placeholder = await open(to, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    return undefined;
  });
  if (!placeholder) return 'taken';
  try {
    await placeholder.close();
    await rename(from, to);
  } catch (error) {
    throw await takeNameBack(to, fileError(`${what} could not be given its final name`, to, error));
  }
  return 'renamed';
}

/** Removes a name that may not be durable. Resolves to the error to throw. */
async function takeNameBack(file: string, failure: RestorePointError): Promise<RestorePointError> {
  try {
    await removeFile(file);
    return failure;
  } catch (second) {
    const unchanged = 'A file with this name may have been left there. Do not rely on it.';
    return failure.with({ suppressed: second, unchanged });
  }
}

function existsAlready(file: string): RestorePointError {
  return new RestorePointError(
    'file',
    'A file with this name already exists, and Restore Point never overwrites a file',
    {
      place: { file },
      next: 'Choose another name.',
    },
  );
}

export function fileError(what: string, file: string, cause: unknown): RestorePointError {
  return new RestorePointError('file', `${what}: ${fileReason(cause)}`, { place: { file }, cause });
}

function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EBADF') throw error;
}
