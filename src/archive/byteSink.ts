import type { FileHandle } from 'node:fs/promises';
import { fileError } from './publish.ts';

/** Takes bytes one after another: a file as it is, or one that they are encrypted into. */
export interface ByteSink {
  /** Resolves when there is room for more. `parts` must not change before that. Throws `file`. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** To be called after the last bytes. Resolves to the size of the file. Throws `file`. */
  finish(): Promise<number>;
}

export class FileSink implements ByteSink {
  readonly #handle: FileHandle;
  readonly #finalPath: string;
  #offset = 0;

  /** `finalPath` is for messages. */
  constructor(handle: FileHandle, finalPath: string) {
    this.#handle = handle;
    this.#finalPath = finalPath;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
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
      throw fileError('The backup could not be written', this.#finalPath, error);
    }
    this.#offset += length;
  }

  finish(): Promise<number> {
    return Promise.resolve(this.#offset);
  }
}
