import type { FileHandle } from 'node:fs/promises';
import { throwIfCancelled } from '../../../core/errors.ts';
import { freeBytes } from '../../../core/memory.ts';
import { readRuns, runLengths } from '../sequentialReads.ts';
import { freelistOf, headerBytes, lockPage } from './databaseHeader.ts';
import { OverflowChains } from './overflowChains.ts';
import { CellReader, childrenOf, isInterior, type PagePlace, pageType } from './pageCells.ts';
import { maxDepth, type PageFile, UnclearFile } from './pages.ts';

/** What a page is that is of no tree; the trees have the numbers after these. */
const kind = { overflow: 0, free: 1, trunk: 2, locked: 3, firstTree: 4 } as const;

const maxTrees = 0xffff - kind.firstTree;

/** What is told of a page, besides how many bytes of a row are in it: more than these can be in none. */
const mark = { nothing: 0, trunk: 0xfffd, plainTree: 0xfffe, raggedTree: 0xffff } as const;

/** Eight bytes of memory are needed for each. */
const maxPages = 2 ** 24;

/** Bytes that are looked at at once. */
const runBytes = 4 * 1024 * 1024;

/** A database file that nobody writes, open in both ways. */
export interface ReadFile {
  readonly handle: FileHandle;
  readonly pages: PageFile;
  readonly pageSize: number;
}

export interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Learns how many bytes were looked at. */
  readonly report?: ((bytes: number) => void) | undefined;
}

/**
 * What each page of a database is for. Whoever asks for it knows afterwards that every page is of one tree, of one row, or
 * free, and that the cells of each page are beside one another.
 */
export class PageUse {
  /** The cells of each tree that are rows or entries, by its first page. */
  readonly cells: ReadonlyMap<number, number>;
  /** Bytes of the file that could hold more rows, or belong to no row. */
  readonly spareBytes: number;
  readonly #pageSize: number;
  readonly #usable: number;
  readonly #reader: CellReader;
  /** By the number of a page less 1. */
  readonly #marks: Uint16Array;

  private constructor(scan: Scan, marks: Uint16Array) {
    this.cells = scan.cells;
    this.spareBytes = scan.spareBytes;
    this.#pageSize = scan.file.pageSize;
    this.#usable = scan.file.pages.usableSize;
    this.#reader = scan.reader;
    this.#marks = marks;
  }

  /**
   * `roots` are the first pages of all trees but the schema's. Throws `UnclearFile` where anything is not as SQLite leaves
   * it, `cancelled`, and errors of the file system.
   */
  static async find(file: ReadFile, roots: readonly number[], options: ScanOptions = {}): Promise<PageUse> {
    if (file.pages.pageCount > maxPages) throw new UnclearFile();
    const scan = new Scan(file, options);
    await scan.markFree();
    await scan.markTrees([1, ...roots]);
    return new PageUse(scan, await scan.readPages());
  }

  /** Makes zeros of all that holds nothing, in whole pages that stand in the file from a position on. */
  clear(bytes: Buffer, position: number): void {
    const first = position / this.#pageSize;
    for (let start = 0, index = first; start < bytes.length; start += this.#pageSize, index += 1)
      this.#clearPage(bytes, start, index);
  }

  #clearPage(bytes: Buffer, start: number, index: number): void {
    const end = start + this.#usable;
    const found = this.#marks[index]!;
    if (found === mark.plainTree) this.#reader.clear(placeOf(bytes, start, index));
    else if (found === mark.raggedTree) {
      const page = placeOf(bytes, start, index);
      this.#reader.clear(
        page,
        this.#reader.read(page, () => undefined),
      );
    } else if (found === mark.trunk) bytes.fill(0, start + 8 + 4 * bytes.readUInt32BE(start + 4), end);
    else bytes.fill(0, found === mark.nothing ? start : start + 4 + found, end);
  }
}

/** With its number less 1. */
type IndexedPage = PagePlace & { readonly index: number };

function placeOf(bytes: Buffer, start: number, index: number): IndexedPage {
  return { bytes, start, index, header: index === 0 ? start + headerBytes : start };
}

/** The finding of `PageUse`. */
class Scan {
  readonly file: ReadFile;
  readonly reader: CellReader;
  readonly cells = new Map<number, number>();
  spareBytes = 0;
  readonly #options: ScanOptions;
  /** By the number of a page less 1. */
  readonly #kinds: Uint16Array;
  #roots: readonly number[] = [];
  #interior = 0;

  constructor(file: ReadFile, options: ScanOptions) {
    this.file = file;
    this.#options = options;
    this.#kinds = new Uint16Array(file.pages.pageCount);
    this.reader = new CellReader(file.pages.usableSize);
    const locked = lockPage(file.pageSize);
    if (locked <= this.#kinds.length) this.#kinds[locked - 1] = kind.locked;
  }

  /** The chain of pages that list what is free. */
  async markFree(): Promise<void> {
    const { pages, pageSize } = this.file;
    const first = await pages.page(1);
    const { trunk, count } = freelistOf(first.bytes.subarray(first.start));
    let marked = 0;
    for (let next = trunk; next !== 0;) {
      throwIfCancelled(this.#options.signal);
      this.#claim(next, kind.trunk);
      const { bytes, start } = await pages.page(next);
      next = bytes.readUInt32BE(start);
      const leaves = bytes.readUInt32BE(start + 4);
      if (leaves > pages.usableSize / 4 - 2) throw new UnclearFile();
      for (let index = 0; index < leaves; index += 1)
        this.#claim(bytes.readUInt32BE(start + 8 + 4 * index), kind.free);
      this.spareBytes += (leaves + 1) * pageSize;
      marked += leaves + 1;
    }
    if (marked !== count) throw new UnclearFile();
  }

  /** Of the pages of trees only those that lead to others are read: all below them stand in them. */
  async markTrees(roots: readonly number[]): Promise<void> {
    if (roots.length > maxTrees) throw new UnclearFile();
    this.#roots = roots;
    for (const [index, root] of roots.entries()) {
      this.cells.set(root, 0);
      this.#claim(root, kind.firstTree + index);
      await this.#descend(root, kind.firstTree + index, 1);
    }
  }

  /** Resolves to the marks of all pages; no page can be marked any more. */
  async readPages(): Promise<Uint16Array> {
    const { pages, pageSize, handle } = this.file;
    const { signal, report } = this.#options;
    const mayOverflow = (page: number): boolean => this.#kinds[page - 1] === kind.overflow;
    const chains = new OverflowChains(pages.pageCount, pages.usableSize, mayOverflow);
    const lengths = runLengths(pages.pageCount * pageSize, runBytes);
    for await (const { position, bytes } of readRuns(handle, lengths, { signal })) {
      if (bytes.length % pageSize !== 0) throw new UnclearFile();
      for (let start = 0; start < bytes.length; start += pageSize)
        this.#readPage(placeOf(bytes, start, (position + start) / pageSize), chains);
      report?.(position + bytes.length);
    }
    chains.end();
    // A page that was taken for one with rows, and leads to others.
    if (this.#interior !== 0) throw new UnclearFile();
    freeBytes(this.#kinds);
    return chains.used;
  }

  #readPage(page: IndexedPage, chains: OverflowChains): void {
    const { index, bytes, start } = page;
    const of = this.#kinds[index]!;
    if (of === kind.overflow) chains.meet(index + 1, bytes.readUInt32BE(start));
    else if (of === kind.trunk) chains.used[index] = mark.trunk;
    else if (of >= kind.firstTree)
      chains.used[index] = this.#readTreePage(page, this.#roots[of - kind.firstTree]!, chains);
  }

  #readTreePage(page: IndexedPage, root: number, chains: OverflowChains): number {
    const found = this.reader.read(page, (first, bytes) => chains.begin(first, bytes));
    // That it can be cleared has to be known before any page is used.
    if (!found.plain) this.reader.clear(page, found);
    this.spareBytes += found.spare;
    const type = page.bytes[page.header];
    if (isInterior(type)) this.#interior -= 1;
    if (type !== pageType.tableInterior) this.cells.set(root, this.cells.get(root)! + found.cells);
    return found.plain ? mark.plainTree : mark.raggedTree;
  }

  async #descend(number: number, tree: number, depth: number): Promise<void> {
    if (depth > maxDepth) throw new UnclearFile();
    throwIfCancelled(this.#options.signal);
    const children = childrenOf(await this.file.pages.page(number), this.file.pages.usableSize);
    if (children.length === 0) return;
    this.#interior += 1;
    for (const child of children) this.#claim(child, tree);
    // All ways down a tree are of one length.
    const child = await this.file.pages.page(children[0]!);
    if (!isInterior(child.bytes[child.header])) return;
    for (const below of children) await this.#descend(below, tree, depth + 1);
  }

  /** Throws where a page is something already. */
  #claim(number: number, as: number): void {
    if (number < 1 || number > this.#kinds.length || this.#kinds[number - 1] !== kind.overflow)
      throw new UnclearFile();
    this.#kinds[number - 1] = as;
  }
}
