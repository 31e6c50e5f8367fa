import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { freeBytes } from '../../core/memory.ts';
import { removeFile } from '../../core/ownFiles.ts';
import { syncFolder } from '../../core/syncFolder.ts';
import { EarlySync } from './earlySync.ts';
import { readRuns, runLengths } from './sequentialReads.ts';
import { writeFully } from './writeFully.ts';

/** https://www.sqlite.org/fileformat2.html#the_rollback_journal */
const magic = Buffer.from('d9d505f920a163d7', 'hex');
/** The header takes one sector, which is what a disk writes whole; SQLite reads its size from there. */
const sectorBytes = 512;
/** Where the number stands that its checksums begin with. */
const nonceAt = 12;
/** Every so many bytes of a page, from its end on, one takes part in its checksum. */
const checksumStep = 200;
/** Before a page stands its number, after it its checksum, each in four bytes. */
const numberBytes = 4;
/** That are read at a time where pages are brought back. */
const recordsAtOnce = 64;

/** The database file that may be brought back, as it is. */
export interface JournaledFile {
  /** Where SQLite looks for it: the path without symbolic links. */
  readonly path: string;
  readonly pageSize: number;
  readonly pageCount: number;
  readonly stats: Pick<Stats, 'mode' | 'uid' | 'gid' | 'dev' | 'ino'>;
}

/**
 * A rollback journal as SQLite writes one, with whole pages as they were: once it is sealed, whatever SQLite opens the
 * database next brings it back to that, and removes the journal. To be used while a connection of SQLite's holds the
 * exclusive lock, and has not written.
 */
export class RollbackJournal {
  #path: string;
  readonly #file: FileHandle;
  readonly #sync: EarlySync;
  readonly #pageSize: number;
  readonly #nonce = randomBytes(4).readUInt32BE();
  readonly #buffers: [Buffer, Buffer];
  #writing: Promise<void> = Promise.resolve();
  #records = 0;
  #end = sectorBytes;
  #closed = false;

  private constructor(path: string, file: FileHandle, pageSize: number, pagesAtOnce: number) {
    this.#path = path;
    this.#file = file;
    this.#sync = new EarlySync(file);
    this.#pageSize = pageSize;
    const bytes = pagesAtOnce * (pageSize + 2 * numberBytes);
    this.#buffers = [Buffer.allocUnsafeSlow(bytes), Buffer.allocUnsafeSlow(bytes)];
  }

  /**
   * Makes one that SQLite takes for none until it is sealed; `pagesAtOnce` is how many are added with one call. Throws
   * errors of the file system, also where there is one.
   */
  static async begin(database: JournaledFile, pagesAtOnce: number): Promise<RollbackJournal> {
    const path = `${database.path}-journal`;
    const file = await open(path, 'wx', 0o600);
    const journal = new RollbackJournal(path, file, database.pageSize, pagesAtOnce);
    try {
      // Who may write the database has to be able to bring it back.
      const { uid, gid, mode } = database.stats;
      if (process.getuid?.() === 0) await file.chown(uid, gid);
      await file.chmod(mode & 0o777);
      const header = Buffer.alloc(sectorBytes);
      header.writeUInt32BE(journal.#nonce, nonceAt);
      header.writeUInt32BE(database.pageCount, 16);
      header.writeUInt32BE(sectorBytes, 20);
      header.writeUInt32BE(database.pageSize, 24);
      await writeFully(file, header, 0);
      return journal;
    } catch (error) {
      await journal.remove().catch(() => 'told already');
      throw error;
    }
  }

  /** Adds pages of a block of them, by their places in it; the first one has the number `first`. */
  async add(block: Buffer, places: readonly number[], first: number): Promise<void> {
    if (places.length === 0) return;
    const [buffer] = this.#buffers.reverse() as [Buffer, Buffer];
    let at = 0;
    for (const place of places) {
      const page = block.subarray(place * this.#pageSize, (place + 1) * this.#pageSize);
      at = buffer.writeUInt32BE(first + place, at);
      at += page.copy(buffer, at);
      at = buffer.writeUInt32BE(this.#checksum(page), at);
    }
    await this.#writing;
    const position = this.#end;
    this.#end += at;
    this.#records += places.length;
    this.#writing = this.#write(buffer.subarray(0, at), position);
    // It is told with the next one, or when it is sealed.
    this.#writing.catch(() => undefined);
  }

  /** From now on, until it is removed, the pages in it come back. Throws errors of the file system. */
  async seal(): Promise<void> {
    await this.#writing;
    for (const buffer of this.#buffers) freeBytes(buffer);
    // All of it is on the disk before it says that it is a journal.
    await this.#sync.sync();
    const count = Buffer.alloc(numberBytes);
    count.writeUInt32BE(this.#records);
    await writeFully(this.#file, Buffer.concat([magic, count]), 0);
    await this.#file.sync();
    await this.#close();
    await syncFolder(dirname(this.#path));
  }

  /**
   * Brings the pages back itself, into the file that they are of, for where another one has its name: SQLite would put them
   * into that, so that the journal gets a name first that SQLite does not look for. To be used when it is sealed. Throws
   * errors of the file system.
   */
  async playBack(database: FileHandle, pageCount: number): Promise<void> {
    const aside = `${this.#path}.${this.#nonce.toString(16)}`;
    await rename(this.#path, aside);
    this.#path = aside;
    const recordBytes = this.#pageSize + 2 * numberBytes;
    const file = await open(aside, 'r');
    try {
      const lengths = runLengths(this.#records * recordBytes, recordsAtOnce * recordBytes);
      for await (const { bytes } of readRuns(file, lengths, { from: sectorBytes })) {
        for (let at = 0; at < bytes.length; at += recordBytes) {
          const page = bytes.subarray(at + numberBytes, at + numberBytes + this.#pageSize);
          await writeFully(database, page, (bytes.readUInt32BE(at) - 1) * this.#pageSize);
        }
      }
    } finally {
      await file.close();
    }
    await database.truncate(pageCount * this.#pageSize);
    await database.sync();
  }

  /** Without it the database stays as it is. Throws errors of the file system while it is there. */
  async remove(): Promise<void> {
    await this.#close();
    await removeFile(this.#path).catch(async (error: unknown) => {
      if (await this.isThere()) throw error;
    });
  }

  /** Whether this very journal is there: another program may have played it back, and begun one of its own. */
  async isThere(): Promise<boolean> {
    const file = await open(this.#path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (!file) return false;
    try {
      const nonce = Buffer.alloc(numberBytes);
      await file.read(nonce, 0, numberBytes, nonceAt);
      return nonce.readUInt32BE() === this.#nonce;
    } finally {
      await file.close();
    }
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([this.#writing, this.#sync.settled()]);
    await this.#file.close();
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    await writeFully(this.#file, bytes, position);
    this.#sync.wrote(bytes.length);
  }

  #checksum(page: Buffer): number {
    let sum = this.#nonce;
    for (let at = page.length - checksumStep; at > 0; at -= checksumStep) sum += page[at]!;
    return sum >>> 0;
  }
}
