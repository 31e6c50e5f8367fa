import { createHash } from 'node:crypto';
import { RestorePointError } from '../../core/errors.ts';
import type { ByteSource } from '../byteSource.ts';
import { damaged } from '../damaged.ts';
import { tagBytes, type ChunkCipher } from './chunkCipher.ts';
import { readHeader, type Header } from './header.ts';
import { HeaderError, type Encryption, type Keys } from './keys.ts';
import {
  payloadCipher,
  plainRunBytes,
  runCount,
  runNonce,
  runsAtOnce,
  saltBytes,
  sealedRunBytes,
} from './stream.ts';

/** The decrypted contents of an age file. Decrypts only the requested runs, in memory. */
export class OpeningSource implements ByteSource {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #file: string;
  readonly #cipher: ChunkCipher;
  /** The start of the first run. */
  readonly #begin: number;
  readonly #runs: number;
  /** Bytes that cannot be decrypted read as zeros. */
  readonly #damaged: boolean;
  /** Small entries follow each other in one run. */
  #last: { readonly index: number; readonly plain: Uint8Array } | undefined;

  private constructor(
    source: ByteSource,
    file: string,
    cipher: ChunkCipher,
    { begin, runs, damaged: isDamaged }: Layout,
  ) {
    this.#source = source;
    this.#file = file;
    this.#cipher = cipher;
    this.#begin = begin;
    this.#runs = runs;
    this.#damaged = isDamaged;
    this.size = source.size - begin - runs * tagBytes;
  }

  /**
   * Makes sure of the key and of the file's end; with `damaged`, of the key alone. Throws `locked` when no key opens it,
   * `damaged-backup`, `file`. The source is closed with this one, not when this throws.
   */
  static async open(
    source: ByteSource,
    file: string,
    header: Header,
    keys: Keys | undefined,
    options = { damaged: false },
  ): Promise<OpeningSource> {
    const fileKey = await keys?.fileKey(header.bytes).catch((error: unknown) => {
      throw error instanceof HeaderError
        ? damaged(file, undefined, error.message, { cause: error.cause })
        : error;
    });
    if (!fileKey) throw locked(file, header.encryption, keys?.has(header.encryption) ?? false);
    const begin = header.bytes.length + saltBytes;
    const salt = await source.read(header.bytes.length, saltBytes);
    const runs = runCount(source.size - begin);
    if (salt.length < saltBytes || runs === undefined) throw damaged(file, undefined, 'its end is missing');
    const cipher = payloadCipher(fileKey, salt);
    const opened = new OpeningSource(source, file, cipher, { begin, runs, ...options });
    // Where the file was cut, what is now the last run was not sealed as the last.
    if (!options.damaged) await opened.#open(runs - 1, 1);
    return opened;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const end = Math.min(position + length, this.size);
    const bytes = Buffer.allocUnsafe(Math.max(0, end - position));
    for (let at = position; at < end;) {
      const first = Math.floor(at / plainRunBytes);
      const wanted = Math.min(Math.ceil(end / plainRunBytes) - first, runsAtOnce);
      for (const plain of this.#known(first) ?? (await this.#open(first, wanted))) {
        const from = at % plainRunBytes;
        const piece = plain.subarray(from, from + end - at);
        bytes.set(piece, at - position);
        at += piece.length;
      }
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  #known(index: number): Uint8Array[] | undefined {
    return this.#last?.index === index ? [this.#last.plain] : undefined;
  }

  async #open(first: number, count: number): Promise<Uint8Array[]> {
    const at = this.#begin + first * sealedRunBytes;
    const sealed = await this.#source.read(at, Math.min(count * sealedRunBytes, this.#source.size - at));
    const opened: Uint8Array[] = [];
    for (let index = first; index < first + count; index++) {
      const from = (index - first) * sealedRunBytes;
      const nonce = runNonce(index, index === this.#runs - 1);
      const run = sealed.subarray(from, from + sealedRunBytes);
      const plain = this.#cipher.open(nonce, run);
      if (!plain && !this.#damaged) throw this.#changed(index);
      opened.push(plain ?? Buffer.alloc(run.length - tagBytes));
    }
    this.#last = { index: first + count - 1, plain: opened.at(-1)! };
    return opened;
  }

  #changed(index: number): RestorePointError {
    if (index === this.#runs - 1) return damaged(this.#file, undefined, 'its end is missing or damaged');
    const from = this.#begin + index * sealedRunBytes;
    const what = `bytes ${from} to ${from + sealedRunBytes - 1} of the file are damaged`;
    return damaged(this.#file, undefined, what);
  }
}

interface Layout {
  readonly begin: number;
  readonly runs: number;
  readonly damaged: boolean;
}

/** How a file is encrypted; undefined when it is not. Reads no more than its header. Throws `file`, `damaged-backup`. */
export async function encryptionOf(source: ByteSource, file: string): Promise<Header | undefined> {
  const header = await readHeader(source, file);
  if (header === 'damaged') throw damaged(file, undefined, 'its header is incomplete');
  return header === 'none' ? undefined : header;
}

/** See `Archive.seal`. */
export function sealOf({ bytes }: Header, size: number): string {
  return createHash('sha256').update(`sealed ${size}\0`).update(bytes).digest('hex');
}

function locked(file: string, encryption: Encryption, tried: boolean): RestorePointError {
  const what = {
    passphrase: tried
      ? 'The passphrase does not open this backup'
      : 'The backup is encrypted with a passphrase',
    recipients: tried ? 'None of the given keys opens this backup' : 'The backup is encrypted to recipients',
  }[encryption];
  const next = {
    passphrase:
      'Enter the passphrase that it was encrypted with. If you are sure of it, the beginning of the file is damaged.',
    recipients: 'Use the identity file (AGE-SECRET-KEY-1…) of one of its recipients.',
  }[encryption];
  return new RestorePointError('locked', what, { place: { file }, next });
}
