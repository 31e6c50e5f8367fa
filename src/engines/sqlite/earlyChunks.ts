import { open, statfs, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { freeBytes } from '../../core/memory.ts';
import { chunkBytes, type Compress } from '../../core/payload.ts';
import { randomDigest } from './randomDigest.ts';
import type { TemporaryFolder } from './temporaryFolder.ts';
import { writeFully } from './writeFully.ts';

/** A smaller database is copied before this is worth its while, in bytes. */
const worthwhile = 32 * 1024 * 1024;

/**
 * How far behind the end of a growing copy a chunk is taken for complete, in bytes: pages wait in SQLite's cache, and
 * the inner pages of a tree are written again until all that is below them is there.
 */
const margin = 16 * 1024 * 1024;

/** In which intervals the growing copy is looked at, in milliseconds. */
const interval = 20;

/** SQLite needs one processor to write the copy, and this process one thread for everything else. */
const chunksAtOnce = Math.min(Math.max(availableParallelism() - 1, 1), 2);

/** A chunk that was compressed, and where that lies. */
interface EarlyChunk {
  readonly digest: Buffer;
  readonly offset: number;
  readonly storedBytes: number;
  readonly storedDigest: Buffer;
}

/**
 * Compresses the chunks of a copy while SQLite writes it, and keeps them in a file of their own. That a chunk is
 * complete is a guess: `find` gives what was made of exactly the bytes that the finished copy has there. A failure costs
 * time and no backup: it is logged, and what is not here is compressed later.
 */
export class EarlyChunks {
  readonly #copy: FileHandle;
  readonly #spool: FileHandle;
  readonly #compress: Compress;
  readonly #logger: Logger;
  readonly #digest = randomDigest();
  readonly #chunks = new Map<number, EarlyChunk>();
  readonly #stopped = new AbortController();
  readonly #work: Promise<unknown>;
  /** The first chunk holds the header, which is written last. */
  #next = chunkBytes;
  #spoolBytes = 0;
  #used = 0;
  #discarded = false;

  private constructor(copy: FileHandle, spool: FileHandle, compress: Compress, logger: Logger) {
    this.#copy = copy;
    this.#spool = spool;
    this.#compress = compress;
    this.#logger = logger;
    this.#work = Promise.all(Array.from({ length: chunksAtOnce }, () => this.#follow()));
  }

  /**
   * `copyFile` is an empty file that is to be written, and `bytes` about how large it becomes. Resolves to undefined where
   * this does not pay, or has no room: a backup must not fail because of it.
   */
  static async begin(
    folder: TemporaryFolder,
    copyFile: string,
    bytes: number,
    { compress, logger }: { readonly compress?: Compress | undefined; readonly logger: Logger },
  ): Promise<EarlyChunks | undefined> {
    if (!compress || bytes < worthwhile) return undefined;
    let copy: FileHandle | undefined;
    try {
      const { bavail, bsize } = await statfs(dirname(copyFile));
      // The copy, what is made of it here, and the backup itself, which may be on the same disk.
      if (bavail * bsize < 3 * bytes) {
        logger.debug('There is no room to compress chunks while the database is copied');
        return undefined;
      }
      const spoolFile = await folder.createFile('chunks');
      copy = await open(copyFile, 'r');
      return new EarlyChunks(copy, await open(spoolFile, 'r+'), compress, logger);
    } catch (error) {
      await copy?.close();
      logger.debug(`Chunks are not compressed while the database is copied: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Begins with no more chunks; what was begun is kept. To be called when the copy is finished. */
  stop(): void {
    this.#stopped.abort();
  }

  /** Takes no more chunks, and gives the room back that all of them take. Never throws. */
  async discard(): Promise<void> {
    this.#discarded = true;
    this.stop();
    await this.#work;
    await this.#giveRoomBack();
  }

  /** What was made of the chunk at `position` of the copy, if it was made of just these bytes. */
  async find(position: number, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.get(position);
    if (!chunk?.digest.equals(this.#digest(bytes))) return undefined;
    try {
      const stored = Buffer.allocUnsafeSlow(chunk.storedBytes);
      await this.#spool.read(stored, 0, stored.length, chunk.offset);
      if (!chunk.storedDigest.equals(this.#digest(stored))) return undefined;
      this.#used += 1;
      return stored;
    } catch (error) {
      this.#logger.debug(`A chunk is compressed again: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Never throws: what goes wrong is logged. */
  async close(): Promise<void> {
    this.stop();
    await this.#work;
    this.#logger.debug(
      `${this.#chunks.size} chunks were compressed while the database was copied, ${this.#used} of them were used`,
    );
    for (const file of [this.#copy, this.#spool]) {
      await file.close().catch((error: unknown) => {
        this.#logger.error('A temporary file could not be closed', error);
      });
    }
  }

  /** Compresses one chunk after the other, until the copy is finished. Never throws. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    try {
      while (!signal.aborted) {
        const { size } = await this.#copy.stat();
        if (this.#next + chunkBytes + margin > size) {
          await delay(interval, undefined, { signal }).catch(() => 'it was ended');
          continue;
        }
        const position = this.#next;
        this.#next += chunkBytes;
        await this.#take(position, buffer);
      }
    } catch (error) {
      await this.#giveUp(error);
    }
  }

  async #take(position: number, buffer: Buffer): Promise<void> {
    const { bytesRead } = await this.#copy.read(buffer, 0, buffer.length, position);
    if (bytesRead < buffer.length) return;
    const digest = this.#digest(buffer);
    const stored = await this.#compress(buffer);
    if (this.#discarded) return;
    const offset = this.#spoolBytes;
    this.#spoolBytes += stored.length;
    await writeFully(this.#spool, stored, offset);
    const storedDigest = this.#digest(stored);
    this.#chunks.set(position, { digest, offset, storedBytes: stored.length, storedDigest });
    freeBytes(stored);
  }

  async #giveUp(error: unknown): Promise<void> {
    this.#logger.debug(`No more chunks are compressed while the database is copied: ${messageOf(error)}`);
    this.#discarded = true;
    this.stop();
    await this.#giveRoomBack();
  }

  async #giveRoomBack(): Promise<void> {
    this.#chunks.clear();
    await this.#spool.truncate(0).catch((error: unknown) => {
      this.#logger.debug(`The room of compressed chunks is not free again: ${messageOf(error)}`);
    });
  }
}
