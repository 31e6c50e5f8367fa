import { SpilledRows } from './spilledRows.ts';

/** Numbers are put aside in groups, so that the places of billions fit in memory. */
const groupNumbers = 8_192;

/** A list of numbers of any length in bounded memory: what does not fit goes to a temporary file. */
export class NumberList {
  readonly #groups = new SpilledRows(4 * 1024 * 1024);
  readonly #places: number[] = [];
  #last = new Float64Array(groupNumbers);
  #length = 0;
  #read: { readonly group: number; readonly numbers: Float64Array } | undefined;

  get length(): number {
    return this.#length;
  }

  /** Throws `file`. */
  async add(number: number): Promise<void> {
    const at = this.#length % groupNumbers;
    this.#last[at] = number;
    this.#length += 1;
    if (at < groupNumbers - 1) return;
    this.#places.push(this.#groups.add(new Uint8Array(this.#last.buffer)));
    this.#last = new Float64Array(groupNumbers);
    await this.#groups.settled();
  }

  /** The numbers from one place to before another. */
  async slice(from: number, to: number): Promise<number[]> {
    const numbers: number[] = [];
    for (let at = from; at < Math.min(to, this.#length);) {
      const group = await this.#group(Math.floor(at / groupNumbers));
      const end = Math.min(to, this.#length, (Math.floor(at / groupNumbers) + 1) * groupNumbers);
      for (; at < end; at++) numbers.push(group[at % groupNumbers]!);
    }
    return numbers;
  }

  /** All of them, in groups. */
  async *all(): AsyncGenerator<readonly number[]> {
    for (let at = 0; at < this.#length; at += groupNumbers) yield await this.slice(at, at + groupNumbers);
  }

  /** In a list of ascending numbers: the place of the first one that is not less than this one. */
  async placeOf(number: number): Promise<number> {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [found] = await this.slice(middle, middle + 1);
      if (found! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#groups.close();
  }

  async #group(group: number): Promise<Float64Array> {
    const place = this.#places[group];
    if (place === undefined) return this.#last;
    if (this.#read?.group !== group) {
      const bytes = await this.#groups.read(place);
      const numbers = new Float64Array(groupNumbers);
      new Uint8Array(numbers.buffer).set(bytes);
      this.#read = { group, numbers };
    }
    return this.#read.numbers;
  }
}
