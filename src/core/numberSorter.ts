import { NumberList } from './numberList.ts';
import { throwIfCancelled } from './errors.ts';
import { SpilledRows } from './spilledRows.ts';

/** How many bytes are sorted at once, and what a key takes besides its own bytes, about. */
const runBytes = 32 * 1024 * 1024;
const keyOverhead = 192;
const groupBytes = 64 * 1024;
/** Before each key: its length, and its number. */
const headBytes = 12;

/** How many of a key's bytes are compared as one number: as many as one holds exactly. */
const partBytes = 6;

interface Entry {
  readonly key: Buffer;
  readonly number: number;
  /** The first bytes of the key, and those after them: most keys differ there. */
  readonly head: number;
  readonly next: number;
}

function entryOf(key: Buffer, number: number): Entry {
  return { key, number, head: partOf(key, 0), next: partOf(key, partBytes) };
}

/** Bytes that are missing are zeros: keys that are then equal are compared as wholes. */
function partOf(key: Buffer, start: number): number {
  if (key.length >= start + partBytes) return key.readUIntBE(start, partBytes);
  let part = 0;
  for (let at = start; at < start + partBytes; at++) part = part * 256 + (key[at] ?? 0);
  return part;
}

/**
 * Sorts numbers by keys of bytes, in bounded memory: runs are sorted, put aside and merged. Numbers without a key are last;
 * those with equal keys are ascending.
 */
export class NumberSorter {
  readonly #direction: 1 | -1;
  readonly #memory: number;
  readonly #spilled = new SpilledRows();
  /** The places of the groups of each run. */
  readonly #runs: number[][] = [];
  readonly #last = new NumberList();
  #entries: Entry[] = [];
  #bytes = 0;

  constructor({ descending }: { readonly descending: boolean }, memory = runBytes) {
    this.#direction = descending ? -1 : 1;
    this.#memory = memory;
  }

  /** Throws `file`. */
  async add(key: Buffer | undefined, number: number): Promise<void> {
    if (!key) return await this.#last.add(number);
    this.#entries.push(entryOf(key, number));
    this.#bytes += key.length + keyOverhead;
    if (this.#bytes > this.#memory) await this.#putRun();
  }

  /** Throws `cancelled` and `file`. */
  async sorted(signal?: AbortSignal): Promise<NumberList> {
    const list = new NumberList();
    try {
      if (this.#runs.length === 0) {
        for (const { number } of this.#sortedEntries()) await list.add(number);
      } else {
        await this.#putRun();
        await this.#merge(list, signal);
      }
      for await (const numbers of this.#last.all()) for (const number of numbers) await list.add(number);
      return list;
    } catch (error) {
      await list.close();
      throw error;
    }
  }

  /** Never throws. */
  async close(): Promise<void> {
    this.#entries = [];
    await this.#spilled.close();
    await this.#last.close();
  }

  #compare(one: Entry, other: Entry): number {
    const difference = one.head - other.head || one.next - other.next || one.key.compare(other.key);
    return this.#direction * difference || one.number - other.number;
  }

  #sortedEntries(): Entry[] {
    return this.#entries.sort((one, other) => this.#compare(one, other));
  }

  async #putRun(): Promise<void> {
    const places: number[] = [];
    let parts: Buffer[] = [];
    let bytes = 0;
    const put = (): void => {
      if (parts.length > 0) places.push(this.#spilled.add(Buffer.concat(parts)));
      [parts, bytes] = [[], 0];
    };
    for (const { key, number } of this.#sortedEntries()) {
      const head = Buffer.alloc(headBytes);
      head.writeUInt32LE(key.length);
      head.writeDoubleLE(number, 4);
      parts.push(head, key);
      bytes += headBytes + key.length;
      if (bytes < groupBytes) continue;
      put();
      await this.#spilled.settled();
    }
    put();
    await this.#spilled.settled();
    this.#runs.push(places);
    [this.#entries, this.#bytes] = [[], 0];
  }

  async #merge(list: NumberList, signal?: AbortSignal): Promise<void> {
    const heap = new Heap<Run>((one, other) => this.#compare(one.entry!, other.entry!));
    for (const places of this.#runs) {
      const run = new Run(this.#spilled, places);
      if (await run.advance()) heap.push(run);
    }
    for (let run = heap.first; run; run = heap.first) {
      await list.add(run.entry!.number);
      if (list.length % 10_000 === 0) throwIfCancelled(signal);
      if (run.isAtGroupEnd ? await run.advance() : run.advanceInGroup()) heap.settle();
      else heap.pop();
    }
  }
}

/** Reads a sorted run, a group at a time. */
class Run {
  entry: Entry | undefined;
  readonly #spilled: SpilledRows;
  readonly #places: readonly number[];
  #next = 0;
  #group: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(spilled: SpilledRows, places: readonly number[]) {
    this.#spilled = spilled;
    this.#places = places;
  }

  get isAtGroupEnd(): boolean {
    return this.#at >= this.#group.length;
  }

  /** Goes to the next entry. Resolves to whether there is one. */
  async advance(): Promise<boolean> {
    if (this.isAtGroupEnd) {
      const place = this.#places[this.#next++];
      if (place === undefined) return false;
      this.#group = await this.#spilled.read(place);
      this.#at = 0;
    }
    return this.advanceInGroup();
  }

  advanceInGroup(): boolean {
    const start = this.#at + headBytes;
    this.#at = start + this.#group.readUInt32LE(this.#at);
    this.entry = entryOf(this.#group.subarray(start, this.#at), this.#group.readDoubleLE(start - 8));
    return true;
  }
}

/** The least of some items is first. */
class Heap<Item> {
  readonly #items: Item[] = [];
  readonly #compare: (one: Item, other: Item) => number;

  constructor(compare: (one: Item, other: Item) => number) {
    this.#compare = compare;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    let at = this.#items.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(this.#items[at]!, this.#items[parent]!) >= 0) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.settle();
  }

  /** Puts the first item where it belongs, after it has changed. */
  settle(): void {
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#items.length && this.#compare(this.#items[child]!, this.#items[least]!) < 0)
          least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(one: number, other: number): void {
    [this.#items[one], this.#items[other]] = [this.#items[other]!, this.#items[one]!];
  }
}
