import { FileSource, type ByteSource } from './byteSource.ts';
import type { Encryption, Keys } from './encryption/keys.ts';
import { encryptionOf, OpeningSource, sealOf } from './encryption/openingSource.ts';

/** An open file, and how what is in it is read. */
export interface OpenBytes {
  /** The source that the archive is read from. */
  readonly source: ByteSource;
  /** The size of the file. */
  readonly size: number;
  readonly encryption: Encryption | undefined;
  /** See `Archive.seal`. */
  readonly seal?: string;
}

/**
 * Opens a file, encrypted or not. `damaged`: what of it cannot be decrypted reads as zeros. Throws `file`; `locked` when it
 * is encrypted and no key opens it; `damaged-backup`.
 */
export async function openBytes(
  file: string,
  keys: Keys | undefined,
  { damaged = false } = {},
): Promise<OpenBytes> {
  const source = await FileSource.open(file);
  const { size } = source;
  try {
    const header = await encryptionOf(source, file);
    if (!header) return { source, size, encryption: undefined };
    const opened = await OpeningSource.open(source, file, header, keys, { damaged });
    return { source: opened, size, encryption: header.encryption, seal: sealOf(header, size) };
  } catch (error) {
    await source.close();
    throw error;
  }
}
