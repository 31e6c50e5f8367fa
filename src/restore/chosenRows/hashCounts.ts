/** The number of 32-bit words in a hash. */
const words = 4;
const smallest = 1024;

/** Marks a place whose hash was removed: what was put behind it must still be found. */
const removed = 2 ** 32 - 1;

/**
 * A number above 0 and below 2³² - 1 for each of many 128-bit hashes, in 27 to 40 bytes each: a `Map` needs several times as
 * much. Hashes have to be evenly distributed. Setting 0 removes one, and an empty table gives its memory back.
 */
export class HashCounts {
  #hashes = new Uint32Array(smallest * words);
  #numbers = new Uint32Array(smallest);
  /** Places that are or were taken. */
  #taken = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `hash` has at least 16 bytes. */
  get(hash: Buffer): number {
    const number = this.#numbers[this.#find(hash)]!;
    return number === removed ? 0 : number;
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
    this.#size += Number(number > 0) - Number(isNumber(before));
    this.#numbers[place] = number > 0 ? number : removed;
    if (this.#size === 0) this.clear();
    else if (this.#taken * 4 > this.#numbers.length * 3) this.#grow();
  }

  /** The smallest of the numbers; Infinity if there is none. */
  smallest(): number {
    let found = Infinity;
    for (const number of this.#numbers) if (isNumber(number) && number < found) found = number;
    return found;
  }

  /** Removes all, and gives their memory back. */
  clear(): void {
    if (this.#taken === 0) return;
    this.#size = 0;
    this.#allocate(smallest);
  }

  /** The place of a hash, or the one where it would be put. */
  #find(hash: Buffer): number {
    const [first, second] = [hash.readUInt32LE(0), hash.readUInt32LE(4)];
    const [third, fourth] = [hash.readUInt32LE(8), hash.readUInt32LE(12)];
    for (let place = this.#firstPlace(first); ; place = this.#next(place)) {
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

  #firstPlace(word: number): number {
    return Math.floor((word / 2 ** 32) * this.#numbers.length);
  }

  #next(place: number): number {
    return place + 1 === this.#numbers.length ? 0 : place + 1;
  }

  #allocate(places: number): void {
    this.#hashes = new Uint32Array(places * words);
    this.#numbers = new Uint32Array(places);
    this.#taken = 0;
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#allocate(Math.ceil(numbers.length * 1.5));
    for (const [from, number] of numbers.entries()) {
      if (!isNumber(number)) continue;
      let place = this.#firstPlace(hashes[from * words]!);
      while (this.#numbers[place] !== 0) place = this.#next(place);
      for (let word = 0; word < words; word++)
        this.#hashes[place * words + word] = hashes[from * words + word]!;
      this.#numbers[place] = number;
      this.#taken++;
    }
  }
}

function isNumber(place: number): boolean {
  return place > 0 && place !== removed;
}
