import { lstat } from 'node:fs/promises';

/** Whether anything has this name; a symbolic link to nothing is there too. Throws other errors of the file system. */
export async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
