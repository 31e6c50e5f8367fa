import assert from 'node:assert/strict';
import type { Chunk, Payload, PayloadSink, PayloadSource, PayloadWriter } from '../../src/core/payload.ts';

/** Payloads in memory: what an engine writes and reads when there is no archive. */
export class MemoryPayload implements PayloadSink, PayloadSource {
  readonly chunks = new Map<string, Uint8Array>();
  #payloads = 0;

  open(label: string, extension: string): PayloadWriter {
    const name = `data/${++this.#payloads}-${label}`;
    const chunks: Chunk[] = [];
    return {
      name,
      writeChunk: (bytes, rows) => {
        const entry = `${name}/${chunks.length + 1}.${extension}`;
        this.chunks.set(entry, bytes);
        chunks.push({ entry, rows, bytes: bytes.length, storedBytes: bytes.length, sha256: '' });
        return Promise.resolve();
      },
      finish: () => Promise.resolve({ name, chunks }),
    };
  }

  async *read(payload: Payload): AsyncIterable<Uint8Array> {
    for (const chunk of payload.chunks) yield await this.readChunk(chunk);
  }

  readChunk(chunk: Chunk): Promise<Uint8Array> {
    const bytes = this.chunks.get(chunk.entry);
    assert.ok(bytes, `there is no chunk ${chunk.entry}`);
    return Promise.resolve(Uint8Array.from(bytes));
  }
}
