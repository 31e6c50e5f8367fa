import { RowDigest } from './rowDigest.ts';

/** What takes a run of whole rows. `bytes` is its own to keep. */
export type TakeRun = (bytes: Uint8Array, rows: number) => void | Promise<void>;

/**
 * Cuts the bytes of a COPY in text format into runs of whole rows of at least `runBytes` each. A line feed inside a
 * value is written `\n`, so the byte 0x0A always ends a row.
 */
export class RowRuns {
  readonly digest = new RowDigest();
  readonly #runBytes: number;
  readonly #take: TakeRun;
  #buffer = new Uint8Array(0);
  #length = 0;
  /** Where the last whole row in the buffer ends. */
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
    if (!this.digest.whole) throw new Error('The rows end in the middle of one');
    if (this.#end > 0) return this.#cut();
  }

  #append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#buffer.length) {
      // A run ends at the first row end past its size, mostly in the piece that passes it.
      const grown = new Uint8Array(Math.max(needed, this.#runBytes + 2 * piece.length, 1.5 * this.#length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = needed;
  }

  #cut(): void | Promise<void> {
    const run = this.#buffer.subarray(0, this.#end);
    const rest = this.#buffer.subarray(this.#end, this.#length);
    const rows = this.digest.rows - this.#rowsTaken;
    this.#rowsTaken = this.digest.rows;
    this.#buffer = new Uint8Array(0);
    this.#length = this.#end = 0;
    if (rest.length > 0) this.#append(rest);
    return this.#take(run, rows);
  }
}
