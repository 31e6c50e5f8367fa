import { freeBytes } from '../../../core/memory.ts';
import { UnclearFile } from './pages.ts';

/** Of an overflow page that was met before the row that goes on in it: then its link is noted, and not how much is left. */
const unowned = 0xffff;

/**
 * Follows the parts of rows that stand in pages of their own, while pages and the rows on them are met in the order of
 * the file: a row may go on behind where it begins, and before. All methods throw `UnclearFile`. Pages are counted from 1.
 */
export class OverflowChains {
  /** By the number of a page less 1: how many bytes of a row are in it. Of others it is not written here. */
  readonly used: Uint16Array;
  /** What is left of a row from a page on that was not met yet; of an unowned page, the next one. */
  readonly #noted: Uint32Array;
  readonly #mayOverflow: (page: number) => boolean;
  readonly #pageCount: number;
  readonly #full: number;
  #unowned = 0;
  #awaited = 0;

  constructor(pageCount: number, usableSize: number, mayOverflow: (page: number) => boolean) {
    this.used = new Uint16Array(pageCount);
    this.#noted = new Uint32Array(pageCount);
    this.#pageCount = pageCount;
    this.#full = usableSize - 4;
    this.#mayOverflow = mayOverflow;
  }

  /** A row was met of which so many bytes stand in a page and those after it. */
  begin(first: number, bytes: number): void {
    this.#own(first, bytes);
  }

  /** A page was met that names another one as the next, or none. */
  meet(page: number, next: number): void {
    const left = this.#noted[page - 1]!;
    if (left === 0) {
      this.#unowned += 1;
      this.used[page - 1] = unowned;
      this.#noted[page - 1] = next;
      return;
    }
    this.#awaited -= 1;
    this.#own(next, this.#settle(page, next, left));
  }

  /** Every page was met: each has to be of one row, and every row to be there. Nothing more can be noted. */
  end(): void {
    if (this.#unowned > 0 || this.#awaited > 0) throw new UnclearFile();
    freeBytes(this.#noted);
  }

  #own(first: number, bytes: number): void {
    let [page, left] = [first, bytes];
    while (left > 0) {
      if (page < 1 || page > this.#pageCount || !this.#mayOverflow(page)) throw new UnclearFile();
      const used = this.used[page - 1]!;
      const noted = this.#noted[page - 1]!;
      if (used !== unowned) {
        if (used !== 0 || noted !== 0) throw new UnclearFile();
        this.#awaited += 1;
        this.#noted[page - 1] = left;
        return;
      }
      this.#unowned -= 1;
      left = this.#settle(page, noted, left);
      page = noted;
    }
  }

  /** Resolves how much of so many bytes is left for the page after this one. */
  #settle(page: number, next: number, left: number): number {
    const here = Math.min(left, this.#full);
    if (left > here !== (next !== 0)) throw new UnclearFile();
    this.used[page - 1] = here;
    return left - here;
  }
}
