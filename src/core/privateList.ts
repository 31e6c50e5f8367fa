import { appendFile, chmod, open, stat, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { isPrivate, isWrittenByOwner, makePrivateFolder, removeFile } from './ownFiles.ts';

/** Lines in a file that only this user can read and write. A list that others can have written holds nothing. */
export class PrivateList {
  readonly #file: string;

  /** Neither the file nor its folder need be there. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Throws errors of the file system. */
  async add(line: string): Promise<void> {
    const folder = path.dirname(this.#file);
    const sound = await this.#isSound();
    await makePrivateFolder(folder);
    // Entries that others may have added must not count from now on.
    if (sound === false) await removeFile(this.#file);
    await appendFile(this.#file, `${line}\n`, { mode: 0o600 });
    if (!isPrivate(await stat(this.#file))) await chmod(this.#file, 0o600);
  }

  /** Throws errors of the file system, and when others can have written the list. */
  async has(line: string): Promise<boolean> {
    return (await this.lines()).includes(line);
  }

  /** In the order in which they were added. Throws as `has`. */
  async lines(): Promise<readonly string[]> {
    const file = await this.#open();
    try {
      if (!file) return [];
      if (!(await isSound(file, path.dirname(this.#file)))) {
        throw new Error(`${this.#file} is ignored: other users can write to it or its folder`);
      }
      return (await file.readFile('utf8')).split('\n').filter((line) => line !== '');
    } finally {
      await file?.close();
    }
  }

  /** Undefined if there is no such file. */
  async #isSound(): Promise<boolean | undefined> {
    const file = await this.#open();
    try {
      return file && (await isSound(file, path.dirname(this.#file)));
    } finally {
      await file?.close();
    }
  }

  #open(): Promise<FileHandle | undefined> {
    return open(this.#file, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
  }
}

async function isSound(file: FileHandle, folder: string): Promise<boolean> {
  return isWrittenByOwner(await file.stat()) && isWrittenByOwner(await stat(folder));
}
