/** The number of 32-bit words in a hash. */
const words = 4;
const smallest = 1024;

/**
 * A number above 0 for each of many 128-bit hashes, in 24 bytes a place: a `Map` needs several times as much. Hashes have to be
 * evenly distributed. Setting 0 removes one.
 */
export class HashCounts {
  #hashes = new Uint32Array(smallest * words);
  #numbers = new Float64Array(smallest);
  /** Places that are or were taken. */
  #taken = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `hash` has at least 16 bytes. */
  get(hash: Buffer): number {
    return Math.max(0, this.#numbers[this.#find(hash)]!);
  }

  set(hash: Buffer, number: number): void {
    const place = this.#find(hash);
    const before = this.#numbers[place]!;
    if (before === 0) {
      if (number === 0) return;
      for (let word = 0; word < words; word++)
        this.#hashes[place * words + word] = hash.readUInt32LE(word * 4);
      this.#taken++;
    }
    this.#size += Number(number > 0) - Number(before > 0);
    this.#numbers[place] = number > 0 ? number : removed;
    if (this.#taken * 2 > this.#numbers.length) this.#grow();
  }

  /** The smallest of the numbers; Infinity if there is none. */
  smallest(): number {
    let found = Infinity;
    for (const number of this.#numbers) if (number > 0 && number < found) found = number;
    return found;
  }

  /** The place of a hash, or the one where it would be put. */
  #find(hash: Buffer): number {
    const mask = this.#numbers.length - 1;
    const [first, second] = [hash.readUInt32LE(0), hash.readUInt32LE(4)];
    const [third, fourth] = [hash.readUInt32LE(8), hash.readUInt32LE(12)];
    for (let place = first & mask; ; place = (place + 1) & mask) {
      if (this.#numbers[place] === 0) return place;
      const at = place * words;
      const same =
        this.#hashes[at] === first &&
        this.#hashes[at + 1] === second &&
        this.#hashes[at + 2] === third &&
        this.#hashes[at + 3] === fourth;
      if (same) return place;
    }
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#numbers = new Float64Array(numbers.length * 2);
    const mask = this.#numbers.length - 1;
    this.#taken = 0;
    for (const [from, number] of numbers.entries()) {
      if (number <= 0) continue;
      let place = hashes[from * words]! & mask;
      while (this.#numbers[place] !== 0) place = (place + 1) & mask;
      this.#hashes.set(hashes.subarray(from * words, (from + 1) * words), place * words);
      this.#numbers[place] = number;
      this.#taken++;
    }
  }
}

/** Marks a place whose hash was removed: what was put behind it must still be found. */
const removed = -1;
