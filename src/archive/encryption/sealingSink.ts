import { randomBytes } from 'node:crypto';
import type { ByteSink } from '../byteSink.ts';
import type { ChunkCipher } from './chunkCipher.ts';
import { makeHeader } from './header.ts';
import type { Lock } from './keys.ts';
import { payloadCipher, plainRunBytes, runNonce, runsAtOnce, saltBytes } from './stream.ts';

/** Encrypts what it takes into an age file. Bytes wait in it until they fill a run. */
export class SealingSink implements ByteSink {
  readonly #sink: ByteSink;
  readonly #cipher: ChunkCipher;
  readonly #run = Buffer.alloc(plainRunBytes);
  #filled = 0;
  #runs = 0;
  /** The bytes before the first run. */
  #sealed: Uint8Array[];

  private constructor(sink: ByteSink, cipher: ChunkCipher, beginning: Uint8Array[]) {
    this.#sink = sink;
    this.#cipher = cipher;
    this.#sealed = beginning;
  }

  /** Does everything that takes time or can fail before there is a file. Throws `usage` for an invalid recipient. */
  static async prepare(lock: Lock): Promise<(sink: ByteSink) => SealingSink> {
    const { bytes, fileKey } = await makeHeader(lock);
    const salt = randomBytes(saltBytes);
    return (sink) => new SealingSink(sink, payloadCipher(fileKey, salt), [bytes, salt]);
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let at = 0; at < part.length;) {
        // A full run waits for the byte after it: only the last run may be sealed as the last.
        if (this.#filled === plainRunBytes) await this.#seal(false);
        const piece = part.subarray(at, at + plainRunBytes - this.#filled);
        this.#run.set(piece, this.#filled);
        this.#filled += piece.length;
        at += piece.length;
      }
    }
  }

  async finish(): Promise<number> {
    await this.#seal(true);
    return await this.#sink.finish();
  }

  async #seal(last: boolean): Promise<void> {
    const plain = this.#run.subarray(0, this.#filled);
    this.#sealed.push(this.#cipher.seal(runNonce(this.#runs++, last), plain));
    this.#filled = 0;
    if (!last && this.#sealed.length < runsAtOnce) return;
    const sealed = this.#sealed;
    this.#sealed = [];
    await this.#sink.write(sealed);
  }
}
