import { createCipheriv, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { throwIfCancelled } from '../../../core/errors.ts';

/** Records the runs of bytes that were written to a file: enough to check whether the file still contains them. */
export class WrittenRuns {
  readonly #key = randomBytes(16);
  readonly #runs: { readonly length: number; readonly digest: Buffer }[] = [];

  add(bytes: Uint8Array): void {
    this.#runs.push({ length: bytes.length, digest: this.#digest(bytes) });
  }

  /** Reads a file. Resolves to where the first run begins that is not in it, or its end where it goes on. */
  async firstDifference(handle: FileHandle, signal?: AbortSignal): Promise<number | undefined> {
    const buffer = Buffer.allocUnsafe(Math.max(0, ...this.#runs.map(({ length }) => length)));
    let position = 0;
    for (const { length, digest } of this.#runs) {
      throwIfCancelled(signal);
      const { bytesRead } = await handle.read(buffer, 0, length, position);
      if (bytesRead < length || !digest.equals(this.#digest(buffer.subarray(0, length)))) return position;
      position += length;
    }
    return (await handle.stat()).size === position ? undefined : position;
  }

  /**
   * GMAC, which takes a tenth of the time of SHA-256. No digest leaves this process, and the key is chosen by chance: so one
   * nonce serves them all, and two runs have one digest with a probability below 2^-100.
   */
  #digest(bytes: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-128-gcm', this.#key, Buffer.alloc(12));
    cipher.setAAD(bytes);
    cipher.final();
    return cipher.getAuthTag();
  }
}
