import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';

/** ChaCha20-Poly1305 with one key, as age uses it: the tag follows the ciphertext. */
export interface ChunkCipher {
  seal(nonce: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Undefined when it is not what was sealed. */
  open(nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export const tagBytes = 16;
export const nonceBytes = 12;

const algorithm = 'chacha20-poly1305';
const authTagLength = tagBytes;

/** By the system's library, about eight times as fast as the other. */
export function nativeCipher(bytes: Uint8Array): ChunkCipher {
  const key = createSecretKey(bytes);
  return {
    seal(nonce, plain) {
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength });
      const sealed = cipher.update(plain);
      return Buffer.concat([sealed, cipher.final(), cipher.getAuthTag()]);
    },
    open(nonce, sealed) {
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength });
      const end = sealed.length - tagBytes;
      if (end < 0) return undefined;
      decipher.setAuthTag(sealed.subarray(end));
      const plain = decipher.update(sealed.subarray(0, end));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain;
    },
  };
}

export function portableCipher(key: Uint8Array): ChunkCipher {
  return {
    seal: (nonce, plain) => chacha20poly1305(key, nonce).encrypt(plain),
    open(nonce, sealed) {
      try {
        return chacha20poly1305(key, nonce).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
  };
}

/** The extension host of VS Code is built with BoringSSL, through which Node offers no ChaCha20-Poly1305. */
let hasNative: boolean | undefined;

export function chunkCipher(key: Uint8Array): ChunkCipher {
  hasNative ??= canUseNative();
  return hasNative ? nativeCipher(key) : portableCipher(key);
}

function canUseNative(): boolean {
  try {
    const cipher = nativeCipher(new Uint8Array(32));
    const nonce = new Uint8Array(nonceBytes);
    return cipher.open(nonce, cipher.seal(nonce, new Uint8Array(1)))?.length === 1;
  } catch {
    return false;
  }
}
