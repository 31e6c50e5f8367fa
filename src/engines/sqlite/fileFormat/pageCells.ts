import { UnclearFile } from './pages.ts';

/** The first byte of a page's own header (https://www.sqlite.org/fileformat2.html#b_tree_pages). */
export const pageType = { indexInterior: 2, tableInterior: 5, indexLeaf: 10, tableLeaf: 13 } as const;

/** The part of a record that goes on in pages of its own: where it begins, and how many bytes are there. */
export type TakeOverflow = (page: number, bytes: number) => void;

/** Where a page begins in what was read, and its own header. */
export interface PagePlace {
  readonly bytes: Buffer;
  readonly start: number;
  readonly header: number;
}

/** What a page of a b-tree holds. */
export interface PageCells {
  readonly cells: number;
  /** Bytes in which there is nothing, if they have room for one more cell like those that are there. */
  readonly spare: number;
  /** All of it is in one piece, between the pointers to the cells and the cells. */
  readonly plain: boolean;
}

/** How many bytes of a record may stand in its page, and how many do at least where it goes on elsewhere. */
export function localLimits(usableSize: number): {
  readonly least: number;
  readonly table: number;
  readonly index: number;
} {
  return {
    least: Math.floor(((usableSize - 12) * 32) / 255) - 23,
    table: usableSize - 35,
    index: Math.floor(((usableSize - 12) * 64) / 255) - 23,
  };
}

/**
 * How many bytes of a record stand in its page, of which `most` may: the rest is in pages of its own, all but the last of
 * which are full.
 */
export function localBytes(size: number, most: number, least: number, usableSize: number): number {
  if (size <= most) return size;
  const local = least + ((size - least) % (usableSize - 4));
  return local <= most ? local : least;
}

/** The cells of the pages of b-trees, by their bytes alone. Both methods throw `UnclearFile`. */
export class CellReader {
  readonly #usable: number;
  readonly #limits: ReturnType<typeof localLimits>;
  /** Where cells begin and end, of the page that was looked at last. */
  readonly #starts: Uint16Array;
  readonly #sizes: Uint32Array;

  constructor(usableSize: number) {
    this.#usable = usableSize;
    this.#limits = localLimits(usableSize);
    this.#starts = new Uint16Array(usableSize / 2);
    this.#sizes = new Uint32Array(usableSize);
  }

  /** Reads all cells of a page. */
  read(page: PagePlace, takeOverflow: TakeOverflow): PageCells {
    const { bytes, start, header } = page;
    const type = bytes[header]!;
    const pointers = pointersOf(page, this.#usable);
    const cells = (bytes[header + 3]! << 8) | bytes[header + 4]!;
    const content = contentOf(page);
    let [used, lowest] = [0, this.#usable];
    for (let index = 0, at = pointers; index < cells; index += 1, at += 2) {
      const place = (bytes[at]! << 8) | bytes[at + 1]!;
      const size = this.#cellSize(page, type, place, takeOverflow);
      this.#starts[index] = place;
      this.#sizes[place] = size;
      used += size;
      if (place < lowest) lowest = place;
    }
    const end = pointers - start + 2 * cells;
    if (content < end || content > this.#usable || lowest < content) throw new UnclearFile();
    const empty = this.#usable - end - used;
    if (empty < 0) throw new UnclearFile();
    return { cells, spare: empty * cells < used ? 0 : empty, plain: empty === content - end };
  }

  /** Makes zeros of all bytes in which there is nothing. `ragged`: of a page that is not plain, and was read just now. */
  clear(page: PagePlace, ragged?: PageCells): void {
    const { bytes, start, header } = page;
    const content = contentOf(page);
    bytes.fill(0, pointersOf(page, this.#usable) + 2 * bytes.readUInt16BE(header + 3), start + content);
    if (ragged) this.#clearBetween(page, ragged.cells, content);
  }

  /** Free blocks stand in a chain by their first four bytes, and what is too small for that stands nowhere. */
  #clearBetween({ bytes, start, header }: PagePlace, cells: number, content: number): void {
    const starts = this.#starts.subarray(0, cells).sort();
    let next = bytes.readUInt16BE(header + 1);
    let fragments = 0;
    let at = content;
    for (let index = 0; at < this.#usable;) {
      const cell = index < cells ? starts[index]! : this.#usable;
      const isBlock = next !== 0 && next < cell;
      const found = isBlock ? next : cell;
      if (found < at) throw new UnclearFile();
      fragments += found - at;
      bytes.fill(0, start + at, start + found);
      at = found;
      if (isBlock) {
        const size = found + 4 <= this.#usable ? bytes.readUInt16BE(start + found + 2) : 0;
        const following = size >= 4 ? bytes.readUInt16BE(start + found) : 1;
        if (size < 4 || found + size > cell || (following !== 0 && following < found + size))
          throw new UnclearFile();
        bytes.fill(0, start + found + 4, start + found + size);
        next = following;
        at += size;
      } else if (index < cells) {
        at += this.#sizes[cell]!;
        index += 1;
      }
    }
    if (at !== this.#usable || next !== 0 || fragments !== bytes[header + 7]) throw new UnclearFile();
  }

  #cellSize(page: PagePlace, type: number, place: number, takeOverflow: TakeOverflow): number {
    const { bytes, start } = page;
    const pageEnd = start + this.#usable;
    const first = start + place;
    const isTable = type === pageType.tableLeaf || type === pageType.tableInterior;
    let at = type === pageType.tableInterior || type === pageType.indexInterior ? first + 4 : first;
    if (type === pageType.tableInterior) return checkedSize(first, skipVarint(bytes, at, pageEnd), pageEnd);
    let size = 0;
    // Longer ones are larger than any record can be.
    for (let count = 0; ; count += 1) {
      if (count === 5 || at >= pageEnd) throw new UnclearFile();
      const byte = bytes[at++]!;
      size = size * 128 + (byte & 0x7f);
      if (byte < 0x80) break;
    }
    if (isTable) at = skipVarint(bytes, at, pageEnd);
    const { least, table, index } = this.#limits;
    const local = localBytes(size, isTable ? table : index, least, this.#usable);
    if (local === size) return checkedSize(first, at + size, pageEnd);
    const total = checkedSize(first, at + local + 4, pageEnd);
    takeOverflow(bytes.readUInt32BE(at + local), size - local);
    return total;
  }
}

export function isInterior(type: number | undefined): boolean {
  return type === pageType.tableInterior || type === pageType.indexInterior;
}

/** The pages that a page leads to, in their order; none where it leads to no others. Throws `UnclearFile`. */
export function childrenOf({ bytes, start, header }: PagePlace, usable: number): Uint32Array {
  if (!isInterior(bytes[header])) return new Uint32Array();
  const cells = bytes.readUInt16BE(header + 3);
  const end = start + usable;
  if (header + 12 + 2 * cells > end) throw new UnclearFile();
  const children = new Uint32Array(cells + 1);
  for (let index = 0; index < cells; index += 1) {
    const at = start + bytes.readUInt16BE(header + 12 + 2 * index);
    if (at + 4 > end) throw new UnclearFile();
    children[index] = bytes.readUInt32BE(at);
  }
  children[cells] = bytes.readUInt32BE(header + 8);
  return children;
}

function checkedSize(first: number, end: number, pageEnd: number): number {
  if (end > pageEnd) throw new UnclearFile();
  // No cell is given less room.
  return Math.max(4, end - first);
}

function skipVarint(bytes: Buffer, from: number, pageEnd: number): number {
  let at = from;
  for (let count = 1; ; count += 1) {
    if (at >= pageEnd) throw new UnclearFile();
    if (bytes[at++]! < 0x80 || count === 9) return at;
  }
}

/** Where the pointers to the cells begin. Throws where the page is none of a b-tree, or they go beyond its end. */
function pointersOf({ bytes, start, header }: PagePlace, usable: number): number {
  const type = bytes[header];
  if (!isInterior(type) && type !== pageType.tableLeaf && type !== pageType.indexLeaf)
    throw new UnclearFile();
  const pointers = header + (isInterior(type) ? 12 : 8);
  if (pointers + 2 * bytes.readUInt16BE(header + 3) > start + usable) throw new UnclearFile();
  return pointers;
}

/** Where cells may begin, from the beginning of the page. */
function contentOf({ bytes, header }: PagePlace): number {
  return bytes.readUInt16BE(header + 5) || 65_536;
}
