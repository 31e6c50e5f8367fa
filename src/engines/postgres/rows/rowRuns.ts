import { RowDigest } from './rowDigest.ts';

/** Receives a run of whole rows. It owns `bytes` until it calls `release`, and keeps them if it never does. */
export type TakeRun = (bytes: Uint8Array, rows: number, release: () => void) => void | Promise<void>;

/** Room past the size of a run, for the piece that passes it. */
const slackBytes = 128 * 1024;

/**
 * Cuts the bytes of a COPY in text format into runs of whole rows of at least `runBytes` each. A line feed inside a
 * value is written `\n`, so the byte 0x0A always ends a row.
 */
export class RowRuns {
  readonly digest = new RowDigest();
  readonly #runBytes: number;
  readonly #take: TakeRun;
  #buffer = new Uint8Array(0);
  /** Buffers that were released: to use them again spares the garbage collector all that a backup reads. */
  readonly #released: Uint8Array<ArrayBuffer>[] = [];
  #length = 0;
  /** The end of the last complete row in the buffer. */
  #end = 0;
  #rowsTaken = 0;

  constructor(runBytes: number, take: TakeRun) {
    this.#runBytes = runBytes;
    this.#take = take;
  }

  push(piece: Uint8Array): void | Promise<void> {
    const before = this.#length;
    this.#append(piece);
    const end = this.digest.add(piece);
    if (end === 0) return;
    this.#end = before + end;
    if (this.#end >= this.#runBytes) return this.#cut();
  }

  /** Gives the last run. Throws when the bytes end inside a row. */
  finish(): void | Promise<void> {
    if (!this.digest.whole) throw new Error('The data ends in the middle of a row');
    if (this.#end > 0) return this.#cut();
  }

  #append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#buffer.length) {
      const grown = this.#grown(piece.length);
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = needed;
  }

  #grown(added: number): Uint8Array<ArrayBuffer> {
    const needed = this.#length + added;
    const released = this.#released.pop();
    if (released && released.length >= needed) return released;
    // Most tables are small. A run ends at the first row end past its size, mostly in the piece that passes it.
    const usual = this.#rowsTaken > 0 ? this.#runBytes + slackBytes : 2 * this.#length;
    return new Uint8Array(Math.max(needed, usual));
  }

  #cut(): void | Promise<void> {
    const buffer = this.#buffer;
    const rest = buffer.subarray(this.#end, this.#length);
    const run = buffer.subarray(0, this.#end);
    const rows = this.digest.rows - this.#rowsTaken;
    this.#rowsTaken = this.digest.rows;
    this.#buffer = new Uint8Array(0);
    this.#length = this.#end = 0;
    if (rest.length > 0) this.#append(rest);
    return this.#take(run, rows, () => {
      // The first ones were smaller, and one that a large row made large is not kept.
      if (buffer.length === this.#runBytes + slackBytes) this.#released.push(buffer);
    });
  }
}
