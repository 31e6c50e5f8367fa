import xxhash, { type XXHashAPI } from 'xxhash-wasm';

/** A row larger than this is hashed in parts: the hash's memory grows to the largest piece and never shrinks. */
const partBytes = 1024 * 1024;

let loading: Promise<XXHashAPI> | undefined;

/**
 * What tells a set of rows from another, whatever their order: their number, and the sum modulo 2^64 of the XXH64
 * (seed 0) of each row's bytes, without the line feed that ends it.
 */
export class RowDigest {
  readonly #hashes: XXHashAPI;
  #rows = 0;
  #sum = 0n;

  private constructor(hashes: XXHashAPI) {
    this.#hashes = hashes;
  }

  static async create(): Promise<RowDigest> {
    loading ??= xxhash();
    return new RowDigest(await loading);
  }

  get rows(): number {
    return this.#rows;
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return this.#sum.toString(16).padStart(16, '0');
  }

  /**
   * Adds the whole rows of `bytes` from `start`, and gives back where the last of them ends. Up to `searched` there is
   * no line feed: a row that comes in many pieces is not searched again with each of them.
   */
  add(bytes: Uint8Array, start: number, searched: number = start): number {
    const hashes = this.#hashes;
    let from = start;
    let sum = this.#sum;
    for (let end = bytes.indexOf(0x0a, searched); end >= 0; end = bytes.indexOf(0x0a, from)) {
      const row = bytes.subarray(from, end);
      sum = BigInt.asUintN(64, sum + (row.length > partBytes ? this.#hashInParts(row) : hashes.h64Raw(row)));
      this.#rows += 1;
      from = end + 1;
    }
    this.#sum = sum;
    return from;
  }

  #hashInParts(row: Uint8Array): bigint {
    const hash = this.#hashes.create64();
    for (let start = 0; start < row.length; start += partBytes) {
      hash.update(row.subarray(start, start + partBytes));
    }
    return hash.digest();
  }
}
