import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compression } from '../core/manifest.ts';

const zstdCompress = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);
const zstdDecompress = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);
const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);

interface Codec {
  /** What an entry's name ends with. */
  readonly suffix: string;
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** Rejects when the result is longer than `limit` bytes: a small file must not fill the memory. */
  decompress(bytes: Uint8Array, limit: number): Promise<Uint8Array>;
}

/** Level 1 of each: the disk and the network are seldom slower than that, and the files are hardly larger. */
export const codecs: Readonly<Record<Compression, Codec>> = {
  zstd: {
    suffix: '.zst',
    compress: (bytes) =>
      zstdCompress(bytes, {
        params: {
          [zlib.constants.ZSTD_c_compressionLevel]: 1,
          [zlib.constants.ZSTD_c_checksumFlag]: 1,
        },
        pledgedSrcSize: bytes.length,
      }),
    decompress: (bytes, limit) => zstdDecompress(bytes, { maxOutputLength: Math.max(limit, 1) }),
  },
  gzip: {
    suffix: '.gz',
    compress: (bytes) => gzip(bytes, { level: 1 }),
    decompress: (bytes, limit) => gunzip(bytes, { maxOutputLength: Math.max(limit, 1) }),
  },
  none: {
    suffix: '',
    compress: (bytes) => Promise.resolve(bytes),
    decompress: (bytes) => Promise.resolve(bytes),
  },
};
