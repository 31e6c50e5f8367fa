import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { chunkCipher, nonceBytes, tagBytes, type ChunkCipher } from './chunkCipher.ts';

/** How age encrypts what follows the header (C2SP age, "Payload"): runs of 64 KiB, each sealed by itself. */
export const plainRunBytes = 64 * 1024;
export const sealedRunBytes = plainRunBytes + tagBytes;
export const saltBytes = 16;

/** How many runs are worked on at a time, so that others get their turn on this thread in between. */
export const runsAtOnce = 8;

export function payloadCipher(fileKey: Uint8Array, salt: Uint8Array): ChunkCipher {
  return chunkCipher(hkdf(sha256, fileKey, salt, Buffer.from('payload'), 32));
}

/** The nonce says which run it is, from 0, and whether it is the last one: none can be moved, cut off or added. */
export function runNonce(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUIntBE(index, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

/** Into how many runs so many sealed bytes are cut; undefined when no payload is that long. */
export function runCount(sealedBytes: number): number | undefined {
  const count = Math.ceil(sealedBytes / sealedRunBytes);
  const last = sealedBytes - (count - 1) * sealedRunBytes;
  // Only the first one may be empty.
  return count > 0 && last >= (count === 1 ? tagBytes : tagBytes + 1) ? count : undefined;
}
