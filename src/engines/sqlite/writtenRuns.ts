import { open, type FileHandle } from 'node:fs/promises';
import { throwIfCancelled } from '../../core/errors.ts';
import { randomDigest } from './randomDigest.ts';

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

  /** Reads the file. Resolves to where the first run begins that is not in it, or its end where it goes on. */
  async firstDifference(file: string, signal?: AbortSignal): Promise<number | undefined> {
    const handle = await open(file, 'r');
    try {
      let position = 0;
      const largest = this.#runs.reduce((most, { length }) => Math.max(most, length), 0);
      const buffers = [Buffer.allocUnsafeSlow(largest), Buffer.allocUnsafeSlow(largest)];
      const read = (index: number, from: number): Promise<Buffer> => {
        const reading = this.#read(handle, index, from, buffers[index % 2]!);
        // Whoever waits for it is told; when this is cancelled, nobody does.
        reading.catch(() => undefined);
        return reading;
      };
      let next = read(0, 0);
      for (const [index, { length, digest }] of this.#runs.entries()) {
        throwIfCancelled(signal);
        const bytes = await next;
        // The next run is read while this one is looked at.
        next = read(index + 1, position + length);
        if (bytes.length < length || !digest.equals(this.#digest(bytes))) return position;
        position += length;
      }
      return (await handle.stat()).size === position ? undefined : position;
    } finally {
      await handle.close();
    }
  }

  async #read(handle: FileHandle, index: number, position: number, buffer: Buffer): Promise<Buffer> {
    const length = this.#runs[index]?.length ?? 0;
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }
}
