import type { FileHandle } from 'node:fs/promises';

/** After so many bytes the system begins to bring them to the disk, while more are written. */
const syncBytes = 64 * 1024 * 1024;

/** Has what is written into a file brought to the disk by and by, so that its last sync does not wait for all of it. */
export class EarlySync {
  readonly #file: FileHandle;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** To be told of each write that is done; does not wait. */
  wrote(bytes: number): void {
    this.#unsynced += bytes;
    if (this.#unsynced < syncBytes || this.#syncing) return;
    this.#unsynced = 0;
    this.#syncing = this.#file
      .datasync()
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => (this.#syncing = undefined));
  }

  /** Brings all of it to the disk. Throws errors of the file system, also those from before, which it tells but once. */
  async sync(): Promise<void> {
    await this.settled();
    if (this.#failure) throw this.#failure.error;
    await this.#file.sync();
  }

  /** Resolves when nothing is under way. Never throws. */
  async settled(): Promise<void> {
    await this.#syncing;
  }
}
