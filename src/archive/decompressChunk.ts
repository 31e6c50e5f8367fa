import { messageOf } from '../core/errors.ts';
import type { Compression } from '../core/manifest.ts';
import type { Chunk } from '../core/payload.ts';
import { codecs } from './compression.ts';
import { damaged } from './damaged.ts';

/** Decompresses a chunk in one piece. Throws `damaged-backup` if the result does not match the manifest. */
export async function decompressChunk(
  file: string,
  compression: Compression,
  chunk: Chunk,
  stored: Uint8Array,
): Promise<Uint8Array> {
  try {
    const bytes = await codecs[compression].decompress(stored, chunk.bytes);
    if (bytes.length === chunk.bytes) return bytes;
  } catch (cause) {
    throw damaged(file, chunk.entry, `it cannot be decompressed (${messageOf(cause)})`, { cause });
  }
  throw damaged(file, chunk.entry, 'its length does not match the manifest');
}
