import type { FileHandle } from 'node:fs/promises';
import { chunkBytes } from '../../core/payload.ts';
import { headerBytes, pageSizeOf, reservedAt } from './fileFormat/databaseHeader.ts';
import { CellReader, childrenOf, type PagePlace } from './fileFormat/pageCells.ts';
import { maxDepth, UnclearFile } from './fileFormat/pages.ts';
import type { PayloadPages } from './payloadPages.ts';
import { writeFully } from './writeFully.ts';

/** The pages of a schema mostly stand side by side; where they are in more chunks, all of the payload is taken out. */
const maxChunks = 8;

/** What it writes at most, of a usual backup. */
export const maxSchemaBytes = maxChunks * chunkBytes;

/**
 * Writes the chunks into a file that hold the schema of the database in a backup, where they stand in the whole: of it SQLite
 * can read the schema then, and nothing else. False where they are many. Throws `UnclearFile`, `damaged-backup`, errors of the
 * file system.
 */
export async function writeSchemaOf(pages: PayloadPages, output: FileHandle): Promise<boolean> {
  await output.truncate(pages.size);
  return new SchemaPages(pages, output).write();
}

class SchemaPages {
  readonly #pages: PayloadPages;
  readonly #output: FileHandle;
  readonly #chunks: { readonly start: number; readonly bytes: Buffer }[] = [];
  #pageSize = headerBytes;
  #visited = 0;

  constructor(pages: PayloadPages, output: FileHandle) {
    this.#pages = pages;
    this.#output = output;
  }

  async write(): Promise<boolean> {
    const header = await this.#page(1);
    if (!header) return false;
    this.#pageSize = pageSizeOf(header);
    const isPowerOfTwo = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (this.#pageSize < 512 || !isPowerOfTwo || header[reservedAt] !== 0) throw new UnclearFile();
    return this.#descend(1, new CellReader(this.#pageSize), 1);
  }

  /** False where there are too many chunks. */
  async #descend(number: number, reader: CellReader, depth: number): Promise<boolean> {
    if (depth > maxDepth) throw new UnclearFile();
    const bytes = await this.#page(number);
    if (!bytes) return false;
    const page: PagePlace = { bytes, start: 0, header: number === 1 ? headerBytes : 0 };
    const overflow: (readonly [page: number, bytes: number])[] = [];
    reader.read(page, (first, left) => overflow.push([first, left]));
    for (const [first, length] of overflow) if (!(await this.#follow(first, length))) return false;
    for (const child of childrenOf(page, bytes.length))
      if (!(await this.#descend(child, reader, depth + 1))) return false;
    return true;
  }

  async #follow(first: number, bytes: number): Promise<boolean> {
    let page = first;
    for (let left = bytes; left > 0; left -= this.#pageSize - 4) {
      const found = await this.#page(page);
      if (!found) return false;
      page = found.readUInt32BE(0);
    }
    return true;
  }

  async #page(number: number): Promise<Buffer | undefined> {
    const position = (number - 1) * this.#pageSize;
    this.#visited += 1;
    const isThere = number >= 1 && position + this.#pageSize <= this.#pages.size;
    // A circle, or what is no page.
    if (!isThere || this.#visited > this.#pages.size / this.#pageSize + 1) throw new UnclearFile();
    const holds = ({ start, bytes }: { start: number; bytes: Buffer }): boolean =>
      start <= position && position + this.#pageSize <= start + bytes.length;
    let chunk = this.#chunks.find(holds);
    if (!chunk) {
      if (this.#chunks.length === maxChunks) return undefined;
      chunk = await this.#pages.chunkAt(position);
      if (!holds(chunk)) throw new UnclearFile();
      this.#chunks.push(chunk);
      await writeFully(this.#output, chunk.bytes, chunk.start);
    }
    return chunk.bytes.subarray(position - chunk.start, position - chunk.start + this.#pageSize);
  }
}
