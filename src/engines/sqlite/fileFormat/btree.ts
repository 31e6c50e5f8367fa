import { throwIfCancelled } from '../../../core/errors.ts';
import { type Page, type PageFile, UnclearFile } from './pages.ts';

/** The first byte of a page's own header (https://www.sqlite.org/fileformat2.html#b_tree_pages). */
const pageType = { indexInterior: 2, tableInterior: 5, indexLeaf: 10, tableLeaf: 13 } as const;

/** No tree of a file is deeper: SQLite's own limit. */
const maxDepth = 20;

/**
 * A row of a table, or an entry of an index: where its record begins, and where the part of it ends that is in the page.
 * For a table's row, the rowid is in two halves of 32 bits. `size` is the size of the whole record, in bytes.
 */
export type TakeCell = (
  bytes: Buffer,
  at: number,
  end: number,
  rowidHigh: number,
  rowidLow: number,
  size: number,
) => void;

export type BtreeKind = 'table' | 'index';

/** Gives every cell of a b-tree in its order. Throws `UnclearFile`, `cancelled`. */
export async function walkBtree(
  file: PageFile,
  root: number,
  kind: BtreeKind,
  take: TakeCell,
  signal?: AbortSignal,
): Promise<void> {
  await new BtreeWalk(file, kind, take, signal).descend(root, 1);
}

class BtreeWalk {
  readonly #file: PageFile;
  readonly #kind: BtreeKind;
  readonly #take: TakeCell;
  readonly #signal: AbortSignal | undefined;
  readonly #usableSize: number;
  readonly #maxLocal: number;
  readonly #minLocal: number;
  #visited = 0;

  constructor(file: PageFile, kind: BtreeKind, take: TakeCell, signal?: AbortSignal) {
    this.#file = file;
    this.#kind = kind;
    this.#take = take;
    this.#signal = signal;
    this.#usableSize = file.usableSize;
    this.#minLocal = Math.floor(((this.#usableSize - 12) * 32) / 255) - 23;
    this.#maxLocal =
      kind === 'table' ? this.#usableSize - 35 : Math.floor(((this.#usableSize - 12) * 64) / 255) - 23;
  }

  async descend(number: number, depth: number): Promise<void> {
    this.#visited += 1;
    // A circle, or one of a tree that shares pages.
    if (depth > maxDepth || this.#visited > this.#file.pageCount) throw new UnclearFile();
    throwIfCancelled(this.#signal);
    const found = this.#file.page(number);
    const page = found instanceof Promise ? await found : found;
    const isTable = this.#kind === 'table';
    const type = page.bytes[page.header];
    if (type === (isTable ? pageType.tableLeaf : pageType.indexLeaf)) return this.#leaf(page);
    if (type !== (isTable ? pageType.tableInterior : pageType.indexInterior)) throw new UnclearFile();
    await this.#interior(page, depth);
  }

  #leaf({ bytes, start, end, header }: Page): void {
    const cells = bytes.readUInt16BE(header + 3);
    const pointers = header + 8;
    if (pointers + 2 * cells > end) throw new UnclearFile();
    for (let index = 0; index < cells; index += 1) {
      const pointer = pointers + 2 * index;
      this.#cell(bytes, start + ((bytes[pointer]! << 8) | bytes[pointer + 1]!), end);
    }
  }

  async #interior(page: Page, depth: number): Promise<void> {
    // The kept part must outlive all pages below.
    const bytes = Buffer.from(page.bytes.subarray(page.start, page.end));
    const header = page.header - page.start;
    const cells = bytes.readUInt16BE(header + 3);
    const pointers = header + 12;
    if (pointers + 2 * cells > bytes.length) throw new UnclearFile();
    for (let index = 0; index < cells; index += 1) {
      const at = bytes.readUInt16BE(pointers + 2 * index);
      if (at + 4 > bytes.length) throw new UnclearFile();
      await this.descend(bytes.readUInt32BE(at), depth + 1);
      if (this.#kind === 'index') this.#cell(bytes, at + 4, bytes.length);
    }
    await this.descend(bytes.readUInt32BE(header + 8), depth + 1);
  }

  #cell(bytes: Buffer, start: number, pageEnd: number): void {
    let at = start;
    let size = 0;
    // Longer ones are larger than any record can be.
    for (let count = 0; ; count += 1) {
      if (count === 5 || at >= pageEnd) throw new UnclearFile();
      const byte = bytes[at++]!;
      size = size * 128 + (byte & 0x7f);
      if (byte < 0x80) break;
    }
    let high = 0;
    let low = 0;
    if (this.#kind === 'table') {
      for (let count = 1; ; count += 1) {
        if (at >= pageEnd) throw new UnclearFile();
        const byte = bytes[at++]!;
        const bits = count === 9 ? 8 : 7;
        high = (high << bits) | (low >>> (32 - bits));
        low = (low << bits) | (count === 9 ? byte : byte & 0x7f);
        if (byte < 0x80 || count === 9) break;
      }
    }
    const end = at + this.#localBytes(size);
    if (end > pageEnd) throw new UnclearFile();
    this.#take(bytes, at, end, high, low, size);
  }

  /** How many bytes of a record are in its page: the rest is in overflow pages, which are full except the last one. */
  #localBytes(size: number): number {
    if (size <= this.#maxLocal) return size;
    const local = this.#minLocal + ((size - this.#minLocal) % (this.#usableSize - 4));
    return local <= this.#maxLocal ? local : this.#minLocal;
  }
}
