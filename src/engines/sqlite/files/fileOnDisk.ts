import { open, type FileHandle } from 'node:fs/promises';
import type { Logger } from '../../../core/logger.ts';

/** The bytes of a database file that SQLite has open too. */
export class FileOnDisk {
  readonly #path: string;
  #opening: Promise<FileHandle> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Stays open until this is closed. Throws errors of the file system. */
  handle(): Promise<FileHandle> {
    return (this.#opening ??= open(this.#path, 'r'));
  }

  /**
   * To be called when no connection of this process has the file open any more: POSIX drops all locks that a process
   * holds on a file when any part of it closes the file. Never throws.
   */
  async close(logger: Logger): Promise<void> {
    const file = await this.#opening?.catch(() => undefined);
    await file?.close().catch((error: unknown) => {
      logger.error('The database file could not be closed', error);
    });
  }
}
