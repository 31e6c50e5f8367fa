import { chmod, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import { partPath, removeLeftovers } from '../../core/leftovers.ts';
import type { Logger } from '../../core/logger.ts';
import { syncFolder } from '../../core/syncFolder.ts';
import { Connection } from './connection.ts';
import type { Destination } from './payloadFile.ts';

/** The session's own connection to the file. */
export interface OpenBeside {
  /** Never throws. */
  close(): Promise<void>;
  /** On the file that has the name by then. */
  reopen(): Promise<void>;
}

/**
 * A database file in the making, beside the empty one whose place it takes when it is complete. Until then nobody sees
 * any of it, and nobody else can write into the empty one.
 */
export class NewFile {
  /** Where it is made. */
  readonly path: string;
  /** Where it goes, with no symbolic link in it. */
  readonly #place: string;
  readonly #lock: Connection;
  readonly #handle: FileHandle;
  readonly #beside: OpenBeside;
  readonly #logger: Logger;
  #writtenBack: Promise<void> | undefined;
  #state: 'making' | 'placed' | 'removed' = 'making';

  private constructor(
    paths: { readonly part: string; readonly place: string },
    lock: Connection,
    handle: FileHandle,
    beside: OpenBeside,
    logger: Logger,
  ) {
    this.path = paths.part;
    this.#place = paths.place;
    this.#lock = lock;
    this.#handle = handle;
    this.#beside = beside;
    this.#logger = logger;
  }

  /** Resolves to undefined where the file is not empty any more. Throws SQLite's errors and those of the file system. */
  static async begin(file: string, beside: OpenBeside, logger: Logger): Promise<NewFile | undefined> {
    const lock = await Connection.open(file, 'write');
    let handle: FileHandle | undefined;
    try {
      await lock.run('BEGIN IMMEDIATE');
      const place = await realpath(file);
      const { size, mode } = await stat(place);
      if (size === 0) {
        const folder = dirname(place);
        await removeLeftovers(folder, logger);
        const part = partPath(folder, 'restore-point', '.database-part');
        handle = await open(part, 'wx+', 0o600);
        await chmod(part, mode & 0o7777);
        return new NewFile({ part, place }, lock, handle, beside, logger);
      }
    } catch (error) {
      await handle?.close();
      await lock.closeQuietly(logger);
      throw error;
    }
    await lock.close();
    return undefined;
  }

  /** For a payload that becomes it. */
  get room(): Omit<Destination, 'written'> {
    return {
      file: this.path,
      folder: dirname(this.#place),
      remedy: 'restore into a file in another folder',
    };
  }

  /** Begins to bring to the disk what is written by now, and does not wait for it: `publish` does. */
  writeBack(): void {
    this.#writtenBack ??= this.#handle.sync();
    // Whoever waits for it is told.
    this.#writtenBack.catch(() => undefined);
  }

  /** Gives it its place; to be called when no connection has it open. Throws `database`: the place is empty then. */
  async publish(): Promise<void> {
    await this.#writtenBack;
    await this.#handle.sync();
    await this.#handle.close();
    if ((await stat(this.#place)).size > 0) throw this.#taken();
    if (process.platform === 'win32') await this.#rename();
    // While the lock is held nobody writes into the file whose name this one takes.
    else await rename(this.path, this.#place).then(() => this.#letGo());
    this.#state = 'placed';
    // It has its name by now, and is whole: nothing that fails here must look like a failed restore.
    const warn = (what: string, error: unknown): void =>
      this.#logger.error(`${this.#place} is there, but ${what}: ${messageOf(error)}`, error);
    await this.#beside.reopen().catch((error: unknown) => warn('could not be opened again', error));
    await syncFolder(dirname(this.#place)).catch((error: unknown) =>
      warn('its folder could not be brought to the disk', error),
    );
  }

  /** To be called at the end, also after `publish`. Never throws: what goes wrong is logged. */
  async remove(): Promise<void> {
    if (this.#state !== 'making') return;
    this.#state = 'removed';
    await this.#writtenBack?.catch(() => 'the file is not wanted any more');
    await this.#handle.close().catch(() => 'publish() has closed it');
    await this.#lock.closeQuietly(this.#logger);
    await rm(this.path, { force: true }).catch((error: unknown) => {
      this.#logger.error(`The unfinished database ${this.path} could not be removed`, error);
    });
  }

  async #letGo(): Promise<void> {
    await this.#beside.close();
    await this.#lock.closeQuietly(this.#logger);
  }

  /** Windows gives no name to a file while one that has it is open. */
  async #rename(): Promise<void> {
    await this.#letGo();
    try {
      await rename(this.path, this.#place);
    } catch (error) {
      await this.#beside.reopen();
      throw error;
    }
  }

  #taken(): RestorePointError {
    return new RestorePointError('database', 'Another program has written to the file meanwhile', {
      place: { file: this.#place },
      next: 'Restore into another file, or look at what is in this one.',
    });
  }
}
