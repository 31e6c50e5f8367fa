import type { FileHandle } from 'node:fs/promises';
import { headerBytes, pageSizeOf, reservedAt } from './databaseHeader.ts';

/** Where a database file is not as this code expects one, or not as simple: SQLite itself has to be asked. */
export class UnclearFile extends Error {}

/** Bytes that are read at once; whole pages of every size. */
const blockBytes = 128 * 1024;

/**
 * Blocks that are kept: more than the pages between a row of a b-tree and the next one, so that what was looked at last
 * is still there.
 */
const keptBlocks = 32;

/** A page within what was read: its bytes stay the same until the next page is asked for. */
export interface Page {
  readonly bytes: Buffer;
  readonly start: number;
  /** Where the bytes end that belong to rows: extensions of SQLite may keep the last ones of each page. */
  readonly end: number;
  /** Where the b-tree's own header begins. */
  readonly header: number;
}

/**
 * The pages of a SQLite database file that nobody writes (https://www.sqlite.org/fileformat2.html). The caller that opened the file
 * closes it.
 */
export class PageFile {
  readonly pageCount: number;
  readonly usableSize: number;
  readonly #handle: FileHandle;
  readonly #pageSize: number;
  /** In the order in which they were read. */
  readonly #blocks = new Map<number, Buffer>();

  private constructor(handle: FileHandle, size: number, header: Buffer) {
    this.#handle = handle;
    this.#pageSize = pageSizeOf(header);
    this.usableSize = this.#pageSize - header[reservedAt]!;
    const isPowerOfTwo = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (this.#pageSize < 512 || !isPowerOfTwo || this.usableSize < 480) throw new UnclearFile();
    this.pageCount = Math.floor(size / this.#pageSize);
  }

  /** Throws errors of the file system, and `UnclearFile`. */
  static async over(handle: FileHandle): Promise<PageFile> {
    const header = Buffer.alloc(headerBytes);
    const { bytesRead } = await handle.read(header, 0, headerBytes, 0);
    if (bytesRead < headerBytes) throw new UnclearFile();
    return new PageFile(handle, (await handle.stat()).size, header);
  }

  /** `number` counts from 1. Resolves at once where its block was read already. */
  page(number: number): Page | Promise<Page> {
    if (number < 1 || number > this.pageCount) throw new UnclearFile();
    const position = (number - 1) * this.#pageSize;
    const block = Math.floor(position / blockBytes);
    const pageIn = (bytes: Buffer): Page => {
      const start = position - block * blockBytes;
      const header = number === 1 ? start + headerBytes : start;
      return { bytes, start, end: start + this.usableSize, header };
    };
    const bytes = this.#blocks.get(block);
    return bytes ? pageIn(bytes) : this.#read(block).then(pageIn);
  }

  async #read(block: number): Promise<Buffer> {
    const [oldest, buffer] = [...this.#blocks.entries()][0] ?? [];
    const isFull = this.#blocks.size === keptBlocks;
    if (isFull) this.#blocks.delete(oldest!);
    const bytes = isFull ? buffer! : Buffer.allocUnsafeSlow(blockBytes);
    const { bytesRead } = await this.#handle.read(bytes, 0, blockBytes, block * blockBytes);
    bytes.fill(0, bytesRead);
    this.#blocks.set(block, bytes);
    return bytes;
  }
}
