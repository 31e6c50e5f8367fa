import type { HashedRow } from './rowHashes.ts';

/** Words of a slot: the hash of the key, and that of the row or, without a key, how many rows have that hash. */
const slotWords = 6;
const maxLoad = 0.8;
const smallest = 1024;

/** The state of a row: not found on the other side, found equal, or found different. */
export const slotState = { empty: 0, alone: 1, same: 2, changed: 3 } as const;

/** Rows by the hashes of their keys, in memory that is bounded. */
export class RowTable {
  readonly #maxSlots: number;
  #slots: Uint32Array;
  #states: Uint8Array;
  /** For each row, a number that the caller keeps. */
  #kept: Float64Array | undefined;
  #size = 0;

  /** `positions`: room for a number of each row is needed. */
  constructor(maxBytes: number, expectedRows: number, positions: boolean) {
    this.#maxSlots = Math.max(smallest, Math.floor(maxBytes / bytesOfSlot(positions)));
    const wanted = Math.ceil(expectedRows / maxLoad) + smallest;
    const slots = Math.min(this.#maxSlots, Math.max(smallest, wanted));
    this.#slots = new Uint32Array(slots * slotWords);
    this.#states = new Uint8Array(slots);
  }

  /** How many rows such a table holds at most. */
  static capacity(maxBytes: number, positions: boolean): number {
    return Math.floor(Math.max(smallest, maxBytes / bytesOfSlot(positions)) * maxLoad);
  }

  /** The slot of a row's key; below 0 where it has none. */
  find({ words, at }: HashedRow): number {
    const slot = this.#place(words, at);
    return this.#states[slot] === slotState.empty ? -1 : slot;
  }

  /** Adds a row; gives back whether there is one of this key already, or there is no room left. */
  add({ words, at }: HashedRow): 'added' | 'known' | 'full' {
    let slot = this.#place(words, at);
    if (this.#states[slot] !== slotState.empty) return 'known';
    if (this.#size >= this.#states.length * maxLoad) {
      if (this.#states.length >= this.#maxSlots) return 'full';
      this.#rebuild(Math.min(this.#maxSlots, 2 * this.#states.length), () => true);
      slot = this.#place(words, at);
    }
    this.#slots.set(words.subarray(at, at + slotWords), slot * slotWords);
    this.#states[slot] = slotState.alone;
    this.#size += 1;
    return 'added';
  }

  /** Keeps those rows alone for whose second word this is true. */
  keep(isKept: (word: number) => boolean): void {
    this.#rebuild(this.#states.length, isKept);
  }

  state(slot: number): number {
    return this.#states[slot]!;
  }

  setState(slot: number, state: number): void {
    this.#states[slot] = state;
  }

  /** How many rows were not found on the other side. */
  rowsAlone(counted: boolean): number {
    let rows = 0;
    for (let slot = 0; slot < this.#states.length; slot += 1) {
      if (this.#states[slot] === slotState.alone) rows += counted ? this.count(slot) : 1;
    }
    return rows;
  }

  isSameRow(slot: number, { words, at }: HashedRow): boolean {
    const place = slot * slotWords;
    return this.#slots[place + 4] === words[at + 4] && this.#slots[place + 5] === words[at + 5];
  }

  /** Without a key: how many rows are the same as this one. */
  count(slot: number): number {
    return this.#slots[slot * slotWords + 4]!;
  }

  setCount(slot: number, count: number): void {
    this.#slots[slot * slotWords + 4] = count;
  }

  position(slot: number): number {
    return this.#kept?.[slot] ?? -1;
  }

  setPosition(slot: number, position: number): void {
    this.#kept ??= new Float64Array(this.#states.length).fill(-1);
    this.#kept[slot] = position;
  }

  #place(words: Uint32Array, at: number): number {
    const [slots, states] = [this.#slots, this.#states];
    const [first, second, third, fourth] = [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!];
    let slot = Math.floor((first / 2 ** 32) * states.length);
    while (states[slot] !== slotState.empty) {
      const place = slot * slotWords;
      if (
        slots[place] === first &&
        slots[place + 1] === second &&
        slots[place + 2] === third &&
        slots[place + 3] === fourth
      )
        return slot;
      slot = slot + 1 === states.length ? 0 : slot + 1;
    }
    return slot;
  }

  #rebuild(length: number, isKept: (word: number) => boolean): void {
    const [slots, states] = [this.#slots, this.#states];
    this.#slots = new Uint32Array(length * slotWords);
    this.#states = new Uint8Array(length);
    this.#size = 0;
    for (let slot = 0; slot < states.length; slot += 1) {
      const at = slot * slotWords;
      if (states[slot] === slotState.empty || !isKept(slots[at + 1]!)) continue;
      const to = this.#place(slots, at);
      this.#slots.set(slots.subarray(at, at + slotWords), to * slotWords);
      this.#states[to] = states[slot]!;
      this.#size += 1;
    }
  }
}

function bytesOfSlot(positions: boolean): number {
  return 4 * slotWords + 1 + (positions ? 8 : 0);
}
