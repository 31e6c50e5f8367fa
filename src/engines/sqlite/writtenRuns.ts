import type { FileHandle } from 'node:fs/promises';
import { randomDigest } from './randomDigest.ts';
import { readRuns } from './sequentialReads.ts';

interface Run {
  readonly length: number;
  readonly digest: Buffer;
}

/** What was written into a file, one run of bytes after the other: enough to tell whether that is what is in it. */
export class WrittenRuns {
  readonly #digest = randomDigest();
  readonly #runs: Run[] = [];

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  add(bytes: Uint8Array): void {
    this.#runs.push({ length: bytes.length, digest: this.#digest(bytes) });
  }

  /** Reads a file. Resolves to where the first run begins that is not in it, or its end where it goes on. */
  async firstDifference(handle: FileHandle, signal?: AbortSignal): Promise<number | undefined> {
    let index = 0;
    let end = 0;
    const lengths = this.#runs.map(({ length }) => length);
    for await (const { position, bytes } of readRuns(handle, lengths, signal)) {
      const { length, digest } = this.#runs[index]!;
      if (bytes.length < length || !digest.equals(this.#digest(bytes))) return position;
      index += 1;
      end = position + length;
    }
    return (await handle.stat()).size === end ? undefined : end;
  }
}
