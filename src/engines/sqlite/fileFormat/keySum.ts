import { randomFillSync } from 'node:crypto';
import { type RecordKey, valueKind } from './recordKey.ts';

/** One choice for all sums of a process that are compared: nobody can prepare keys whose sums are the same. */
const seed = randomFillSync(new Int32Array(2));

/**
 * What tells a set of keys with their rowids from another, whatever their order: their number, and sums of two hashes
 * of 32 bits (MurmurHash3's steps, with other constants in the second).
 */
export class KeySum {
  /** What is mixed in after the bytes of text: V8 has room for few places where the steps of the hashes are inlined. */
  readonly #words: Int32Array;
  #count = 0;
  #first = 0;
  #second = 0;

  /** Of keys of that many values. */
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
    let count = 0;
    let a = seed[0]!;
    let b = seed[1]!;
    for (let term = 0; term < slots.length; term += 1) {
      const slot = slots[term]!;
      const kind = kinds[slot]!;
      words[count++] = kind;
      if (kind === valueKind.null) continue;
      words[count++] = low[slot]!;
      if (kind < valueKind.text) {
        words[count++] = high[slot]!;
        continue;
      }
      let at = high[slot]!;
      const end = at + low[slot]!;
      for (; at + 4 <= end; at += 4) {
        const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        a = mixFirst(a, word);
        b = mixSecond(b, word);
      }
      let rest = 0;
      for (; at < end; at += 1) rest = (rest << 8) | bytes[at]!;
      words[count++] = rest;
    }
    words[count++] = rowidHigh;
    words[count++] = rowidLow;
    for (let index = 0; index < count; index += 1) {
      a = mixFirst(a, words[index]!);
      b = mixSecond(b, words[index]!);
    }
    b = avalanche(b);
    a = avalanche((a + b) | 0);
    this.#count += 1;
    this.#first = (this.#first + a) | 0;
    this.#second = (this.#second + b) | 0;
  }
}

function mixFirst(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixSecond(hash: number, word: number): number {
  let k = Math.imul(word, 0x239b961b);
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
