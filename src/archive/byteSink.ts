import type { FileHandle } from 'node:fs/promises';
import { fileError } from './publish.ts';

/** Writes bytes one after another, to a file or to an encryption before a file. */
export interface ByteSink {
  /** Resolves when there is room for more. `parts` must not change before that. Throws `file`. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Ends the bytes (`writeNewFile` calls it). Resolves to the size of the file. Throws `file`. */
  finish(): Promise<number>;
}

export class FileSink implements ByteSink {
  readonly #handle: FileHandle;
  readonly #finalPath: string;
  readonly #what: string;
  #offset = 0;
  /** Copies of small parts, which go to the file together. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /** `finalPath` and `what` are for messages. */
  constructor(handle: FileHandle, finalPath: string, what = 'The backup') {
    this.#what = what;
    this.#handle = handle;
    this.#finalPath = finalPath;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const length = lengthOf(parts);
    if (this.#waitingBytes + length < togetherBytes) {
      this.#waiting.push(...parts.map((part) => Uint8Array.from(part)));
      this.#waitingBytes += length;
      return;
    }
    await this.#write([...this.#takeWaiting(), ...parts]);
  }

  async finish(): Promise<number> {
    await this.#write(this.#takeWaiting());
    return this.#offset;
  }

  #takeWaiting(): Uint8Array[] {
    const waiting = this.#waiting.length > 0 ? [Buffer.concat(this.#waiting)] : [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    const length = lengthOf(parts);
    if (length === 0) return;
    try {
      let { bytesWritten } = await this.#handle.writev(parts, this.#offset);
      // A disk that fills up writes a part and fails only when asked again.
      const rest = bytesWritten < length ? Buffer.concat(parts) : Buffer.alloc(0);
      while (bytesWritten < length) {
        const more = await this.#handle.write(
          rest,
          bytesWritten,
          length - bytesWritten,
          this.#offset + bytesWritten,
        );
        bytesWritten += more.bytesWritten;
      }
    } catch (error) {
      throw fileError(`${this.#what} could not be written`, this.#finalPath, error);
    }
    this.#offset += length;
  }
}

/** From this on it pays to ask the system to write: the chunks of small tables have some hundred bytes each. */
const togetherBytes = 256 * 1024;

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
