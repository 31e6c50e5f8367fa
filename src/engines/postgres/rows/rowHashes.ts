import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { rowHashesModule } from './rowHashesModule.ts';

/** The exports of `rowHashes.wat`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  begin(): void;
  words(at: number, count: number): void;
  finish(at: number, length: number, out: number): void;
  rows(at: number, end: number, columns: number, values: number, keys: number, most: number): number;
}

/** Every Node.js has it, and the types of none: they are the browser's. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: object };
  };
};

const keysAt = 64;
const recordsAt = 8192;
const recordBytes = 32;
const recordsAtOnce = (270_336 - recordsAt) / recordBytes;
const inputAt = 1_318_912;
/** How much is hashed at once: less than a millisecond's work. */
const pieceBytes = 256 * 1024;
/** A longer row is hashed by itself, outside of this memory. */
const maxRowBytes = 512 * 1024;
/** The bytes of a long row that are hashed before other work gets its turn. */
const turnBytes = 4 * 1024 * 1024;

const [tab, lineFeed] = [0x09, 0x0a];

let compiled: object | undefined;

/** The values of a line. */
export interface RowLayout {
  /** The number of leading values that are the row. */
  readonly columns: number;
  /** The number of values on each line; those after the columns belong only to the key. */
  readonly values: number;
  /** Places of the values that are the key, ascending. Without any, the row is. */
  readonly key: readonly number[];
}

/** A row while it is looked at: another one comes into the same place. */
export interface HashedRow {
  /** From `at` on: four words of the hash of the key, and two of that of the row. */
  readonly words: Uint32Array;
  readonly at: number;
  /** Without what belongs to the key alone, and without the line feed. Good until the next row. */
  text(): Uint8Array;
}

export interface RowTaker {
  take(row: HashedRow): void;
  /** Asked after some rows: what has to end before others come. */
  settled(): void | Promise<void>;
}

/** How many words of `HashedRow` count. */
export const [keyWords, rowWords] = [4, 2];

/**
 * Hashes rows of COPY text as they come, and their keys: with 128 bits (a row with 64 of them, if it has a key), by a
 * secret of this object's own. So two different rows never have the same hash, even if they were made for that.
 */
export class RowHashes implements HashedRow {
  words: Uint32Array;
  at = 0;
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #records: Uint32Array;
  #layout: RowLayout = { columns: 0, values: 1, key: [] };
  #start = 0;
  #end = 0;
  /** Bytes of a row that has not ended, in the memory. */
  #rest = 0;
  /** The same of a row that is long. */
  #long: Uint8Array[] | undefined;
  #longText: Uint8Array | undefined;

  /** Tests take another secret than chance gives. */
  constructor(secret = randomBytes(16)) {
    compiled ??= new WebAssembly.Module(Buffer.from(rowHashesModule, 'base64'));
    this.#exports = new WebAssembly.Instance(compiled).exports as Exports;
    const { buffer } = this.#exports.memory;
    this.#memory = new Uint8Array(buffer);
    this.#records = this.words = new Uint32Array(buffer, 0, inputAt / 4);
    this.#memory.set(secret, 0);
  }

  /** Forgets the rows so far: others come. */
  begin(layout: RowLayout): void {
    this.#layout = layout;
    this.#rest = 0;
    this.#long = undefined;
    for (const [index, place] of layout.key.entries()) this.#records[keysAt / 4 + index] = place;
  }

  /** Whether the bytes so far end where a row ends. */
  get whole(): boolean {
    return this.#rest === 0 && this.#long === undefined;
  }

  /** Gives `taker` the rows that end in the next bytes. Throws where a row has another number of values. */
  push(bytes: Uint8Array, taker: RowTaker): void | Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + pieceBytes);
      const waiting = this.#long ? this.#pushLong(piece, taker) : this.#pushShort(piece, taker);
      at += piece.length;
      if (waiting) return waiting.then(() => this.push(bytes.subarray(at), taker));
    }
  }

  text(): Uint8Array {
    return this.#longText ?? this.#memory.subarray(this.#start, this.#end);
  }

  #pushShort(piece: Uint8Array, taker: RowTaker): void | Promise<void> {
    this.#memory.set(piece, inputAt + this.#rest);
    const end = inputAt + this.#rest + piece.length;
    this.#rest = 0;
    return this.#take(inputAt, end, taker);
  }

  #take(from: number, end: number, taker: RowTaker): void | Promise<void> {
    const { columns, values, key } = this.#layout;
    let at = from;
    for (;;) {
      const count = this.#exports.rows(at, end, columns, values, key.length, recordsAtOnce);
      if (count < 0) throw wrongRow();
      at = this.#records[4]!;
      for (let index = 0; index < count; index += 1) {
        const record = (recordsAt + index * recordBytes) / 4;
        this.#start = this.#records[record]!;
        this.#end = this.#records[record + 1]!;
        this.at = record + 2;
        taker.take(this);
      }
      if (count < recordsAtOnce) break;
      const waiting = taker.settled();
      if (waiting) return waiting.then(() => this.#take(at, end, taker));
    }
    this.#keep(at, end);
    return taker.settled();
  }

  #keep(at: number, end: number): void {
    if (end - at <= maxRowBytes) {
      this.#rest = end - at;
      this.#memory.copyWithin(inputAt, at, end);
    } else this.#long = [this.#memory.slice(at, end)];
  }

  #pushLong(piece: Uint8Array, taker: RowTaker): void | Promise<void> {
    const end = piece.indexOf(lineFeed);
    this.#long!.push(Buffer.from(piece.subarray(0, end < 0 ? piece.length : end)));
    if (end < 0) return;
    const text = this.#long!.length === 1 ? this.#long![0]! : Buffer.concat(this.#long!);
    this.#long = undefined;
    return this.#takeLong(text, taker).then(() => this.push(piece.subarray(end + 1), taker));
  }

  async #takeLong(line: Uint8Array, taker: RowTaker): Promise<void> {
    const values = fieldsOf(line);
    const { columns, key } = this.#layout;
    if (values.length !== this.#layout.values) throw wrongRow();
    const length = values.slice(0, columns).reduce((sum, value) => sum + value.length + 1, -1);
    const text = line.subarray(0, Math.max(0, length));
    const hash = new Uint32Array(keyWords + rowWords);
    const row = await this.#hash(text);
    hash.set(row);
    hash.set(row.subarray(0, rowWords), keyWords);
    if (key.length > 0) {
      const parts = key.flatMap((place) => [values[place]!, Uint8Array.of(tab)]);
      hash.set(await this.#hash(Buffer.concat(parts)));
    }
    const words = this.words;
    [this.words, this.at, this.#longText] = [hash, 0, text];
    taker.take(this);
    [this.words, this.#longText] = [words, undefined];
    await taker.settled();
  }

  async #hash(text: Uint8Array): Promise<Uint32Array> {
    this.#exports.begin();
    let at = 0;
    for (; text.length - at >= 8;) {
      const piece = text.subarray(at, Math.min(at + pieceBytes, text.length - (text.length % 8)));
      this.#memory.set(piece, inputAt);
      this.#exports.words(inputAt, piece.length / 8);
      at += piece.length;
      if (at % turnBytes === 0) await nextTurn();
    }
    this.#memory.set(text.subarray(at), inputAt);
    this.#exports.finish(inputAt, text.length, recordsAt);
    return this.#records.slice(recordsAt / 4, recordsAt / 4 + 4);
  }
}

/** The values of a line of COPY text. */
export function fieldsOf(line: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let start = 0;
  for (let end = line.indexOf(tab); end >= 0; end = line.indexOf(tab, start)) {
    fields.push(line.subarray(start, end));
    start = end + 1;
  }
  fields.push(line.subarray(start));
  return fields;
}

function wrongRow(): Error {
  return new Error('A row has another number of values than there are columns');
}
