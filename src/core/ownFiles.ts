import { constants, type Stats } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileReason, RestorePointError } from './errors.ts';

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = constants;

/** The owner and mode of a file, as in `stat`. */
interface Owned {
  readonly uid: number;
  readonly mode: number;
}

/** Whether this user owns it. On Windows, users have separate folders for these files. */
export function isOwn({ uid }: Pick<Owned, 'uid'>): boolean {
  return process.getuid === undefined || uid === process.getuid();
}

/** Whether this user owns it and others have no access to it. */
export function isPrivate(info: Owned): boolean {
  return isOwn(info) && (process.platform === 'win32' || (info.mode & 0o077) === 0);
}

/** Whether nobody but this user (and root) can have written it. */
export function isWrittenByOwner(info: Owned): boolean {
  return isOwn(info) && (process.platform === 'win32' || (info.mode & 0o022) === 0);
}

/**
 * Makes a folder that only this user can use, where it is missing; takes away others' access to one that is there. Throws
 * `file`, also when it belongs to somebody else.
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  const failed = (reason: string, cause?: unknown): RestorePointError =>
    new RestorePointError('file', `This folder cannot be used: ${reason}`, {
      place: { file: folder },
      next: 'Set XDG_STATE_HOME to a folder of your own.',
      ...(cause === undefined ? {} : { cause }),
    });
  const info = await makeAndLook(folder).catch((error: unknown) => {
    throw failed(fileReason(error), error);
  });
  if (!isOwn(info)) throw failed('it belongs to another user, who could change the files in it');
}

async function makeAndLook(folder: string): Promise<Stats> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const info = await stat(folder);
  if (isOwn(info) && !isPrivate(info)) await chmod(folder, info.mode & 0o700);
  return info;
}

/**
 * Removes a file; of a link, the link itself. A file that is gone is fine.
 *
 * `rm` must not be used for this: where it is not allowed to remove a link (another user put it into a shared folder), it
 * takes the link for a folder and removes what is in the folder that it leads to.
 */
export async function removeFile(file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await unlink(file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      // Windows: a virus scanner or an indexer has it open for a moment.
      const mayPass = process.platform === 'win32' && (code === 'EBUSY' || code === 'EPERM');
      if (!mayPass || attempt === 5) throw error;
      await delay(attempt * 100);
    }
  }
}

/**
 * Removes a folder of files that this user made for itself; `wanted` may refuse it. Resolves to whether it is removed.
 * A link, another user's folder and one that others have access to stay as they are, also where one is put in its place
 * meanwhile; so do folders in it.
 */
export async function removePrivateFolder(
  folder: string,
  wanted: (info: { readonly mtimeMs: number }) => boolean = () => true,
): Promise<boolean> {
  const handle = await openFolder(folder);
  try {
    const info = await (handle?.stat() ?? lstat(folder));
    if (!info.isDirectory() || !isPrivate(info) || !wanted(info)) return false;
    const opened = insideOf(handle, folder);
    for (const name of await readdir(opened)) await removeFile(path.join(opened, name));
  } finally {
    await handle?.close();
  }
  await rmdir(folder);
  return true;
}

/** Undefined on Windows, which opens no folders. Throws for a link. */
async function openFolder(folder: string): Promise<FileHandle | undefined> {
  if (process.platform === 'win32') return undefined;
  return await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/** The path of the folder that was opened, whatever has its name by now. Only Linux has such paths. */
function insideOf(handle: FileHandle | undefined, folder: string): string {
  return handle && process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : folder;
}
