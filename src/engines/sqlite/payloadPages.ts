import type { FileHandle } from 'node:fs/promises';
import { throwIfCancelled } from '../../core/errors.ts';
import { freeBytes } from '../../core/memory.ts';
import type { Payload, PayloadSource } from '../../core/payload.ts';
import { pageSizeOf } from './fileFormat/databaseHeader.ts';
import { readRuns, type ReadRun } from './sequentialReads.ts';

/** Where the pages come from that are written over others. */
export interface Replacement {
  /** In bytes. */
  readonly size: number;
  /** Like `readRuns`. */
  runs(
    lengths: readonly number[],
    options: { readonly from?: number; readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<ReadRun>;
}

/** Of a file that nobody writes. */
export async function replacementOf(handle: FileHandle): Promise<Replacement> {
  const { size } = await handle.stat();
  return { size, runs: (lengths, options) => readRuns(handle, lengths, options) };
}

/** Chunks that are looked at, all over a payload. */
const probes = 8;

/** The database in a backup, read as it stands there: nothing is taken out. All methods throw `damaged-backup`. */
export class PayloadPages implements Replacement {
  readonly size: number;
  readonly #payload: Payload;
  readonly #source: PayloadSource;
  /** Where each chunk begins. */
  readonly #starts: readonly number[];

  constructor(payload: Payload, source: PayloadSource) {
    this.#payload = payload;
    this.#source = source;
    let size = 0;
    this.#starts = payload.chunks.map(({ bytes }) => (size += bytes) - bytes);
    this.size = size;
  }

  /** Each is read from the beginning on, and every chunk checked. Throws `cancelled`. */
  async *runs(
    lengths: readonly number[],
    { from = 0, signal }: { readonly from?: number; readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<ReadRun, void, undefined> {
    if (from !== 0) throw new Error('A payload is read from its beginning');
    const chunks = this.#source.read(this.#payload, signal)[Symbol.asyncIterator]();
    let rest: Uint8Array = Buffer.alloc(0);
    let position = 0;
    try {
      for (const length of lengths) {
        throwIfCancelled(signal);
        const taken: Uint8Array[] = [];
        for (let missing = length; missing > 0;) {
          if (rest.length === 0) {
            const next = await chunks.next();
            if (next.done === true) break;
            rest = next.value;
          }
          const part = rest.subarray(0, missing);
          rest = rest.subarray(part.length);
          missing -= part.length;
          taken.push(part);
        }
        const bytes = asOne(taken);
        yield { position, bytes };
        position += bytes.length;
        // Of a chunk that goes on in the next run the rest is needed.
        if (rest.length === 0) for (const part of taken) freeBytes(part);
      }
    } finally {
      await chunks.return?.();
    }
  }

  /** The chunk in which a byte is, and where that chunk begins. */
  async chunkAt(position: number): Promise<{ readonly start: number; readonly bytes: Buffer }> {
    const index = this.#starts.findLastIndex((start) => start <= position);
    const chunk = this.#payload.chunks[index];
    if (!chunk || position >= this.size) throw new Error(`The payload has no byte ${position}`);
    return { start: this.#starts[index]!, bytes: asBuffer(await this.#source.readChunk(chunk)) };
  }

  /** How much of a database file with this header is not the same here, from 0 to 1, by some chunks from all over: a guess. */
  async differingShare(database: FileHandle, header: Buffer): Promise<number> {
    const pageSize = pageSizeOf(header);
    let [differing, all] = [0, 0];
    const { length } = this.#starts;
    for (let probe = 0; probe < Math.min(probes, length); probe += 1) {
      const index = Math.floor(((probe + 0.5) / Math.min(probes, length)) * length);
      const { start, bytes } = await this.chunkAt(this.#starts[index]!);
      const there = Buffer.alloc(bytes.length);
      await database.read(there, 0, there.length, start);
      for (let at = 0; at < bytes.length; at += pageSize, all += 1)
        if (bytes.compare(there, at, at + pageSize, at, at + pageSize) !== 0) differing += 1;
      freeBytes(bytes);
    }
    return differing / Math.max(all, 1);
  }
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

function asOne(parts: readonly Uint8Array[]): Buffer {
  return parts.length === 1 ? asBuffer(parts[0]!) : Buffer.concat(parts);
}
