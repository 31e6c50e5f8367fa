import { createCipheriv, randomBytes } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileReason, RestorePointError } from './errors.ts';

const blockBytes = 64 * 1024;
const lengthBytes = 4;
/** The bytes that are kept in memory before a file is needed. */
const maxMemory = 16 * 1024 * 1024;
/** Blocks of the file that are kept for what is read next. */
const cachedBlocks = 64;

/**
 * Rows that are put aside and looked up later, in their order or not. Few stay in memory; many go to a temporary file,
 * encrypted with a key that only this object has: whatever happens to the file, nobody can read it.
 */
export class SpilledRows {
  readonly #key = randomBytes(32);
  #block = Buffer.allocUnsafe(blockBytes);
  /** How many bytes there are. */
  #length = 0;
  /** Full blocks that are not in the file. Those before the first of them are. */
  readonly #waiting: Buffer[] = [];
  #written = 0;
  #file: FileHandle | undefined;
  #path: string | undefined;
  readonly #cache = new Map<number, Buffer>();
  readonly #maxMemory: number;

  constructor(memory = maxMemory) {
    this.#maxMemory = memory;
  }

  /** Puts a row aside; gives back where. */
  add(text: Uint8Array): number {
    const position = this.#length;
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(text.length);
    this.#append(length);
    this.#append(text);
    return position;
  }

  /** Writes what is too much for the memory. Throws `file`. */
  settled(): void | Promise<void> {
    if (this.#waiting.length * blockBytes > this.#maxMemory) return this.#write();
  }

  async read(position: number): Promise<Buffer> {
    const length = await this.#bytes(position, lengthBytes);
    return this.#bytes(position + lengthBytes, length.readUInt32LE());
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#file?.close().catch(() => 'what is in it cannot be read by anybody');
    // Not every system removes a file that is open.
    if (this.#path !== undefined) await unlink(this.#path).catch(() => 'it was removed before');
    this.#file = undefined;
  }

  #append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const at = this.#length % blockBytes;
      const part = bytes.subarray(from, from + blockBytes - at);
      this.#block.set(part, at);
      this.#length += part.length;
      from += part.length;
      if (this.#length % blockBytes > 0) continue;
      this.#waiting.push(this.#block);
      this.#block = Buffer.allocUnsafe(blockBytes);
    }
  }

  async #write(): Promise<void> {
    try {
      this.#file ??= await this.#create();
      for (const block of this.#waiting.splice(0)) {
        await writeFully(this.#file, this.#crypt(block, this.#written), this.#written * blockBytes);
        this.#written += 1;
      }
    } catch (error) {
      const reason = `The temporary file of rows cannot be written: ${fileReason(error)}`;
      throw new RestorePointError('file', reason, {
        place: { file: this.#path ?? tmpdir() },
        next: 'Free space there, or set TMPDIR to another folder.',
        cause: error,
      });
    }
  }

  async #create(): Promise<FileHandle> {
    this.#path = join(tmpdir(), `restore-point-${process.pid}-${randomBytes(9).toString('hex')}`);
    const file = await open(this.#path, 'wx+', 0o600);
    await unlink(this.#path).catch(() => 'it is removed when it is closed');
    return file;
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let at = position; at < position + length;) {
      const block = await this.#read(Math.floor(at / blockBytes));
      const part = block.subarray(
        at % blockBytes,
        Math.min(blockBytes, (at % blockBytes) + position + length - at),
      );
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #read(number: number): Promise<Buffer> {
    if (number >= this.#written) return this.#waiting[number - this.#written] ?? this.#block;
    const known = this.#cache.get(number);
    if (known) return known;
    const stored = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await this.#file!.read(stored, 0, blockBytes, number * blockBytes);
    if (bytesRead < blockBytes) throw new Error('The temporary file of rows was changed');
    const block = this.#crypt(stored, number);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size >= cachedBlocks) this.#cache.delete(oldest!);
    this.#cache.set(number, block);
    return block;
  }

  /** Both ways: each block has numbers of its own that are mixed into it. */
  #crypt(block: Buffer, number: number): Buffer {
    const start = Buffer.alloc(16);
    start.writeBigUInt64BE(BigInt(number));
    return createCipheriv('aes-256-ctr', this.#key, start).update(block);
  }
}

/** The system may take a part of it, where the disk is nearly full. */
async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}
