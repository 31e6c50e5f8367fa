import { randomFillSync } from 'node:crypto';
import { type RecordKey, valueKind } from './recordKey.ts';

/**
 * One choice for all sums of a process that are compared: what the hashes begin with, and what multiplies each word. With
 * constants in the place of these keys could be prepared that come to the same sums whatever the hashes begin with.
 */
const secrets = randomFillSync(new Int32Array(4));

/**
 * Identifies a set of keys with their rowids, whatever their order: their number, and sums of two hashes
 * of 32 bits (MurmurHash3's steps, with other rotations in the second).
 */
export class KeySum {
  /**
   * Mixes in the end of a text, in one place: V8 inlines the steps of the hashes only in a few places.
   * Three words for each value, whatever it is, and the rowid: so these tell which bytes came before them.
   */
  readonly #words: Int32Array;
  #count = 0;
  #first = 0;
  #second = 0;

  /** For keys of that many values. */
  constructor(terms: number) {
    this.#words = new Int32Array(3 * terms + 2);
  }

  equals(other: KeySum): boolean {
    return this.#count === other.#count && this.#first === other.#first && this.#second === other.#second;
  }

  /** Adds the values of these slots, and the rowid. */
  add(key: RecordKey, slots: readonly number[], rowidHigh: number, rowidLow: number): void {
    const { bytes, kinds, high, low } = key;
    const words = this.#words;
    const first = secrets[2]! | 1;
    const second = secrets[3]! | 1;
    let count = 0;
    let a = secrets[0]!;
    let b = secrets[1]!;
    for (let term = 0; term < slots.length; term += 1) {
      const slot = slots[term]!;
      const kind = kinds[slot]!;
      const isNull = kind === valueKind.null;
      words[count++] = kind;
      words[count++] = isNull ? 0 : low[slot]!;
      if (kind < valueKind.text) {
        words[count++] = isNull ? 0 : high[slot]!;
        continue;
      }
      let at = high[slot]!;
      const end = at + low[slot]!;
      for (; at + 4 <= end; at += 4) {
        const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        a = mixFirst(a, word, first);
        b = mixSecond(b, word, second);
      }
      let rest = 0;
      for (; at < end; at += 1) rest = (rest << 8) | bytes[at]!;
      words[count++] = rest;
    }
    words[count++] = rowidHigh;
    words[count++] = rowidLow;
    for (let index = 0; index < count; index += 1) {
      a = mixFirst(a, words[index]!, first);
      b = mixSecond(b, words[index]!, second);
    }
    b = avalanche(b);
    a = avalanche((a + b) | 0);
    this.#count += 1;
    this.#first = (this.#first + a) | 0;
    this.#second = (this.#second + b) | 0;
  }
}

/** `odd` is: no two words have the same product. */
function mixFirst(hash: number, word: number, odd: number): number {
  let k = Math.imul(word, odd);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixSecond(hash: number, word: number, odd: number): number {
  let k = Math.imul(word, odd);
  k = Math.imul((k << 16) | (k >>> 16), 0xab0e9789);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 17) | (mixed >>> 15), 5) + 0x561ccd1b) | 0;
}

function avalanche(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
