import { RestorePointError } from '../../../core/errors.ts';
import { freeBytes } from '../../../core/memory.ts';
import type { Chunk, PayloadSource } from '../../../core/payload.ts';
import type { Row, Value } from '../../../core/values.ts';
import { type ReadValue, readColumn, readRow } from '../rows/typedValues.ts';

/** How many bytes of chunks are kept for the rows that are read next. */
const keptBytes = 48 * 1024 * 1024;

interface ReadChunk {
  readonly bytes: Uint8Array;
  /** Where each row begins, and where the last one ends. */
  readonly starts: Uint32Array;
}

/** The rows of one table in a payload, one after another or by their numbers. */
export class RowsOfChunks {
  readonly count: number;
  readonly #source: PayloadSource;
  readonly #chunks: readonly Chunk[];
  readonly #columns: readonly string[];
  readonly #readers: readonly ReadValue[];
  readonly #kept = new Map<Chunk, ReadChunk>();

  constructor(
    source: PayloadSource,
    chunks: readonly Chunk[],
    columns: readonly string[],
    readers: readonly ReadValue[],
  ) {
    this.#source = source;
    this.#chunks = chunks;
    this.#columns = columns;
    this.#readers = readers;
    this.count = chunks.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** What reads the values of columns, of all if they are left out. Throws `usage`. */
  values(names: readonly string[] = this.#columns): ((row: Uint8Array) => Value)[] {
    return names.map((name) => {
      const index = this.#columns.indexOf(name);
      const reader = this.#readers[index];
      if (!reader) throw new RestorePointError('usage', `There is no column ${name}`);
      return (row) => readColumn(row, index, reader);
    });
  }

  /** All rows, without the line feeds that end them. A row is valid until the next one is asked for. */
  async *all(): AsyncGenerator<Uint8Array> {
    for (const chunk of this.#chunks) {
      const bytes = await this.#source.readChunk(chunk);
      yield* splitRows(bytes);
      freeBytes(bytes);
    }
  }

  /** Values that are longer than `longest` are cut. */
  async row(number: number, longest: number): Promise<Row> {
    let first = 0;
    for (const chunk of this.#chunks) {
      if (number >= first + chunk.rows) {
        first += chunk.rows;
        continue;
      }
      const { bytes, starts } = await this.#read(chunk);
      const [start, next] = [starts[number - first]!, starts[number - first + 1]!];
      return readRow(bytes.subarray(start, next - 1), this.#readers, longest);
    }
    throw new RestorePointError('usage', 'The backup has no such row');
  }

  async #read(chunk: Chunk): Promise<ReadChunk> {
    const known = this.#kept.get(chunk);
    this.#kept.delete(chunk);
    const read = known ?? (await this.#load(chunk));
    // The one that was used last is dropped last.
    this.#kept.set(chunk, read);
    let total = [...this.#kept.keys()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [one, { bytes }] of this.#kept) {
      if (total <= keptBytes || one === chunk) break;
      this.#kept.delete(one);
      freeBytes(bytes);
      total -= one.bytes;
    }
    return read;
  }

  async #load(chunk: Chunk): Promise<ReadChunk> {
    const bytes = await this.#source.readChunk(chunk);
    const starts = new Uint32Array(chunk.rows + 1);
    let row = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0 && row < chunk.rows; end = bytes.indexOf(0x0a, end + 1)) {
      row += 1;
      starts[row] = end + 1;
    }
    if (row === chunk.rows) return { bytes, starts };
    throw new RestorePointError('damaged-backup', 'The backup contains fewer rows than its manifest says', {
      place: { entry: chunk.entry },
    });
  }
}

/** The rows of a chunk, without the line feeds that end them. */
export function* splitRows(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}
