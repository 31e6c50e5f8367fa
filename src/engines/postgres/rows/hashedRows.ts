import { randomBytes } from 'node:crypto';
import { hashedRowsModule } from './hashedRowsModule.ts';

/** The exports of `hashedRows.wat`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  add(end: number): number;
}

/** Every Node.js has it, and the types of none: they are the browser's. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: object };
  };
};

const nullAt = 64;
const inputAt = 512;
/** How much is hashed at once: about a millisecond's work. */
const pieceBytes = 256 * 1024;
/** A longer value would be hashed at a stretch that is too long. */
const maxValueBytes = 1024 * 1024;

let compiled: object | undefined;

/** A number of rows and the sum of their hashes, modulo 2^64. */
export interface HashSum {
  readonly rows: number;
  readonly sum: bigint;
}

/**
 * Hashes rows of COPY text as a server can hash the values in them with its own functions: see `hashedRows.wat`, and
 * `sumInServer` for the other side. The seed and the text for NULL are random, so that no data can be made for them.
 */
export class HashedRows {
  /** A signed integer of 64 bits, in decimal. */
  readonly seed: string;
  /** No value of a table is this text. */
  readonly nullText = randomBytes(16).toString('hex');
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  /** Bytes of a value that has not ended. */
  #rest = 0;
  #known = true;

  constructor() {
    compiled ??= new WebAssembly.Module(Buffer.from(hashedRowsModule, 'base64'));
    this.#exports = new WebAssembly.Instance(compiled).exports as Exports;
    const { buffer } = this.#exports.memory;
    this.#memory = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#memory.set(randomBytes(8), 0);
    this.seed = String(this.#view.getBigInt64(0, true));
    this.#memory.set(Buffer.from(this.nullText), nullAt);
    this.#view.setUint32(40, this.nullText.length, true);
  }

  /** Forgets the rows so far, before those of another table with this many columns. */
  begin(columns: number): void {
    this.#rest = 0;
    this.#known = columns > 0;
    this.#view.setBigUint64(8, this.#view.getBigUint64(0, true), true);
    this.#memory.fill(0, 16, 36);
    this.#view.setUint32(36, columns, true);
  }

  /** Adds the next bytes of the rows. Gives back whether there can still be a result. */
  add(bytes: Uint8Array): boolean {
    for (let start = 0; start < bytes.length && this.#known; start += pieceBytes) {
      this.#addPiece(bytes.subarray(start, start + pieceBytes));
    }
    return this.#known;
  }

  /**
   * The hash of the rows that have ended. Undefined if it is not known: a value was longer than 1 MiB, or not as COPY writes
   * it, or the last row has not ended.
   */
  get result(): HashSum | undefined {
    if (!this.#known || this.#rest > 0 || this.#view.getUint32(32, true) > 0) return undefined;
    return { rows: Number(this.#view.getBigUint64(24, true)), sum: this.#view.getBigUint64(16, true) };
  }

  #addPiece(piece: Uint8Array): void {
    this.#memory.set(piece, inputAt + this.#rest);
    const end = inputAt + this.#rest + piece.length;
    const last = this.#exports.add(end);
    this.#rest = end - last;
    this.#known = last > 0 && this.#rest <= maxValueBytes;
    if (this.#known) this.#memory.copyWithin(inputAt, last, end);
  }
}
