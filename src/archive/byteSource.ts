import { open, type FileHandle } from 'node:fs/promises';
import { fileError } from './publish.ts';

/** Bytes that can be read at any position: those of a file, or the decrypted contents of one. */
export interface ByteSource {
  readonly size: number;
  /**
   * Resolves to bytes that are the caller's own; to fewer only where the source ends before them. Throws `file`,
   * `damaged-backup`.
   */
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export class FileSource implements ByteSource {
  readonly size: number;
  readonly #file: string;
  readonly #handle: FileHandle;

  private constructor(file: string, handle: FileHandle, size: number) {
    this.#file = file;
    this.#handle = handle;
    this.size = size;
  }

  /** Throws `file`. */
  static async open(file: string): Promise<FileSource> {
    const handle = await open(file, 'r').catch((error: unknown) => {
      throw unreadable(file, error);
    });
    try {
      return new FileSource(file, handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw unreadable(file, error);
    }
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    try {
      while (filled < length) {
        const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, position + filled);
        if (bytesRead === 0) return buffer.subarray(0, filled);
        filled += bytesRead;
      }
    } catch (error) {
      throw unreadable(this.#file, error);
    }
    return buffer;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function unreadable(file: string, error: unknown): Error {
  return fileError('The backup cannot be read', file, error);
}
