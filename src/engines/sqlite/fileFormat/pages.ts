import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { freeBytes } from '../../../core/memory.ts';
import { headerBytes, pageSizeOf, reservedAt } from './databaseHeader.ts';

/** Where a database file is not as this code expects one, or not as simple: SQLite itself has to be asked. */
export class UnclearFile extends Error {}

/** Rows of a table are not in the order of their rowids, or nothing is sure of it. */
export class DisorderedRows extends Error {}

/** Bytes that are read at once; the next ones are read ahead. */
const blockBytes = 128 * 1024;

/** After so many pages that were read one by one others get their turn: what is read at once keeps them waiting. */
const pagesInTurn = 64;

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

/** The pages of a SQLite database file that nobody writes (https://www.sqlite.org/fileformat2.html). */
export class PageFile {
  readonly pageCount: number;
  readonly #handle: FileHandle;
  readonly #borrowed: boolean;
  readonly #pageSize: number;
  readonly #usableSize: number;
  readonly #blockSize: number;
  /** In the order in which they were asked for. */
  readonly #blocks = new Map<number, Promise<Buffer>>();
  /** Buffers of blocks that are not kept any more. */
  readonly #free: Buffer[] = [];
  #current = -1;
  #bytes: Buffer = Buffer.alloc(0);
  /** The block of the page that was asked for last. */
  #last = -1;
  #single: Buffer | undefined;
  #singles = 0;

  private constructor(handle: FileHandle, borrowed: boolean, size: number, header: Buffer) {
    this.#handle = handle;
    this.#borrowed = borrowed;
    this.#pageSize = pageSizeOf(header);
    this.#usableSize = this.#pageSize - header[reservedAt]!;
    const isPowerOfTwo = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (this.#pageSize < 512 || !isPowerOfTwo || this.#usableSize < 480) throw new UnclearFile();
    this.#blockSize = Math.max(blockBytes, this.#pageSize);
    this.pageCount = Math.floor(size / this.#pageSize);
  }

  /** Throws errors of the file system, and `UnclearFile`. */
  static async open(file: string): Promise<PageFile> {
    const handle = await open(file, 'r');
    try {
      return await PageFile.#over(handle, false);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Leaves the file open when it is closed. Throws errors of the file system, and `UnclearFile`. */
  static over(handle: FileHandle): Promise<PageFile> {
    return PageFile.#over(handle, true);
  }

  static async #over(handle: FileHandle, borrowed: boolean): Promise<PageFile> {
    const header = Buffer.alloc(headerBytes);
    const { bytesRead } = await handle.read(header, 0, headerBytes, 0);
    if (bytesRead < headerBytes) throw new UnclearFile();
    return new PageFile(handle, borrowed, (await handle.stat()).size, header);
  }

  get usableSize(): number {
    return this.#usableSize;
  }

  /** `number` counts from 1. Resolves at once where its block was read last, and mostly where it stands alone. */
  page(number: number): Page | Promise<Page> {
    if (number < 1 || number > this.pageCount) throw new UnclearFile();
    const position = (number - 1) * this.#pageSize;
    const block = Math.floor(position / this.#blockSize);
    const start = position - block * this.#blockSize;
    const isNear = Math.abs(block - this.#last) <= 1;
    this.#last = block;
    if (block === this.#current) return this.#pageAt(this.#bytes, number, start);
    if (!isNear && !this.#blocks.has(block)) return this.#pageAlone(number, position);
    return this.#block(block).then((bytes) => {
      this.#current = block;
      this.#bytes = bytes;
      return this.#pageAt(bytes, number, start);
    });
  }

  /** No page may be looked at any more. */
  async close(): Promise<void> {
    const read = await Promise.allSettled(this.#blocks.values());
    for (const block of read) if (block.status === 'fulfilled') freeBytes(block.value);
    for (const buffer of this.#free) freeBytes(buffer);
    this.#blocks.clear();
    this.#free.length = 0;
    if (!this.#borrowed) await this.#handle.close();
  }

  /** Of an index into which values went in no order no page stands beside the next one: their blocks would be read in vain. */
  #pageAlone(number: number, position: number): Page | Promise<Page> {
    this.#single ??= Buffer.allocUnsafeSlow(this.#pageSize);
    const bytes = this.#single;
    this.#singles += 1;
    if (this.#singles % pagesInTurn === 0) {
      return this.#fill(bytes, position).then((filled) => this.#pageAt(filled, number, 0));
    }
    const bytesRead = readSync(this.#handle.fd, bytes, 0, bytes.length, position);
    return this.#pageAt(bytes.subarray(0, bytesRead), number, 0);
  }

  #pageAt(bytes: Buffer, number: number, start: number): Page {
    if (start + this.#pageSize > bytes.length) throw new UnclearFile();
    const header = number === 1 ? start + headerBytes : start;
    return { bytes, start, end: start + this.#usableSize, header };
  }

  #block(block: number): Promise<Buffer> {
    const found = this.#keep(block);
    if ((block + 1) * this.#blockSize < this.pageCount * this.#pageSize) void this.#keep(block + 1);
    return found;
  }

  #keep(block: number): Promise<Buffer> {
    const bytes = this.#blocks.get(block) ?? this.#read(block);
    this.#blocks.delete(block);
    this.#blocks.set(block, bytes);
    if (this.#blocks.size > keptBlocks) this.#forgetOldest();
    return bytes;
  }

  #forgetOldest(): void {
    for (const [block, bytes] of this.#blocks) {
      this.#blocks.delete(block);
      bytes.then(
        (buffer) => buffer.length === this.#blockSize && this.#free.push(buffer),
        () => undefined,
      );
      return;
    }
  }

  #read(block: number): Promise<Buffer> {
    const reading = this.#readBytes(block * this.#blockSize);
    // Who asks for the block is told; one that was only read ahead is nobody's concern.
    reading.catch(() => undefined);
    return reading;
  }

  #readBytes(position: number): Promise<Buffer> {
    return this.#fill(this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#blockSize), position);
  }

  /** What the file has from a position on, as much as the buffer takes. */
  async #fill(buffer: Buffer, position: number): Promise<Buffer> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#handle.read(
        buffer,
        filled,
        buffer.length - filled,
        position + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled < buffer.length ? buffer.subarray(0, filled) : buffer;
  }
}
