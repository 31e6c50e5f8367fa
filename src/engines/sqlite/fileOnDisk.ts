import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { freemem } from 'node:os';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { headerBytes } from './fileFormat/databaseHeader.ts';
import { PageFile } from './fileFormat/pages.ts';

/** With a smaller file SQLite is done before this is worth its while, in bytes. */
const worthwhile = 16 * 1024 * 1024;

const pieceBytes = 1024 * 1024;

/** Places of a file at which it is tried, and in how many milliseconds a read ends that no disk took part in. */
const probes = 15;
const cachedMilliseconds = 0.025;

/** Has the system work on a database file beside SQLite. A failure costs time and nothing else: it is logged. */
export class FileOnDisk {
  readonly #path: string;
  readonly #logger: Logger;
  #opening: Promise<FileHandle> | undefined;
  #reading: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #ended = false;
  #inVain = false;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /**
   * Begins to have it read from its beginning to its end, and so into the system's cache, and does not wait for it. SQLite
   * asks for one page at a time, in the order of its trees, which after a restore may go from the end to the beginning:
   * from a disk that takes ten times as long and more. A file that the memory does not hold is left alone, and so is one
   * that is in the cache, or is being read ahead.
   */
  readAhead(): void {
    this.#reading ??= this.#read()
      .catch((error: unknown) => {
        this.#logger.debug(`The database file is not read ahead: ${messageOf(error)}`);
      })
      .finally(() => (this.#reading = undefined));
  }

  /** Begins to have written what SQLite has left to the system by now, for which a COMMIT waits; does not wait for it. */
  writeBack(): void {
    this.#writing ??= this.#write().catch((error: unknown) => {
      this.#logger.debug(`The database file is not written before it is committed: ${messageOf(error)}`);
    });
  }

  /**
   * To read its pages as they are in the file; to be closed before this is. Throws errors of the file system, and
   * `UnclearFile`.
   */
  async pages(): Promise<PageFile> {
    return PageFile.over(await this.#readable());
  }

  /** The first bytes as they are in the file. Throws errors of the file system. */
  async header(): Promise<Buffer> {
    const header = Buffer.alloc(headerBytes);
    await (await this.#readable()).read(header, 0, headerBytes, 0);
    return header;
  }

  /** Stays open until this is closed. */
  #readable(): Promise<FileHandle> {
    return (this.#opening ??= open(this.#path, 'r'));
  }

  /**
   * To be called when no connection of this process has the file open any more: POSIX drops all locks that a process
   * holds on a file when any part of it closes the file. Never throws.
   */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#reading;
    await this.#writing;
    const file = await this.#opening?.catch(() => undefined);
    await file?.close().catch((error: unknown) => {
      this.#logger.error('The database file could not be closed', error);
    });
  }

  async #write(): Promise<void> {
    const file = await this.#readable();
    if ((await file.stat()).size >= worthwhile) await file.datasync();
  }

  async #read(): Promise<void> {
    const file = await this.#readable();
    const { size } = await file.stat();
    if (size < worthwhile || size > freemem() / 2 || this.#inVain || isCached(file, 0, size)) return;
    const buffer = Buffer.allocUnsafeSlow(pieceBytes);
    for (let position = 0; position < size && !this.#ended; position += pieceBytes) {
      await file.read(buffer, 0, pieceBytes, position);
    }
    // Where the system keeps nothing of it, as of some network's files, all passes would be in vain.
    this.#inVain = !isCached(file, size - probes * pieceBytes, size);
  }
}

/** Whether most of a part is in the system's cache. On this thread: another one's answer would take longer than the read. */
function isCached(file: FileHandle, from: number, to: number): boolean {
  const page = Buffer.allocUnsafeSlow(4096);
  const times = Array.from({ length: probes }, (_, probe) => {
    const position = from + Math.floor(((probe + 0.5) / probes) * (to - from));
    const started = performance.now();
    readSync(file.fd, page, 0, page.length, position);
    return performance.now() - started;
  });
  return times.sort((a, b) => a - b)[Math.floor(probes / 2)]! < cachedMilliseconds;
}
