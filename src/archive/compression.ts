import { Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compression } from '../core/manifest.ts';

const zstdCompress = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);
const zstdDecompress = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);
const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);

/** Up to this size, compressing here is faster than asking another thread: most tables are small. */
const smallBytes = 16 * 1024;

/** The buffer size for decompressing a stream, in bytes. */
const streamedPiece = 1024 * 1024;

interface Codec {
  /** The endings of entry names. */
  readonly suffix: string;
  /** The bytes must not change before it resolves. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** Rejects when the result is longer than `limit` bytes: a small file must not fill the memory. */
  decompress(bytes: Uint8Array, limit: number): Promise<Uint8Array>;
  /**
   * The same in pieces, for what is too large to be in memory at once; ends when nobody takes them any more. They are
   * the caller's own.
   */
  pieces(bytes: Uint8Array): AsyncIterable<Uint8Array>;
}

/** Level 1 of each: the disk and the network are seldom slower than that, and the files are hardly larger. */
export const codecs: Readonly<Record<Compression, Codec>> = {
  zstd: {
    suffix: '.zst',
    compress: async (bytes) => {
      const options = {
        params: {
          [zlib.constants.ZSTD_c_compressionLevel]: 1,
          [zlib.constants.ZSTD_c_checksumFlag]: 1,
        },
        pledgedSrcSize: bytes.length,
        chunkSize: pieceSize(bytes.length),
      };
      return bytes.length <= smallBytes
        ? zlib.zstdCompressSync(bytes, options)
        : zstdCompress(bytes, options);
    },
    decompress: (bytes, limit) =>
      zstdDecompress(bytes, { maxOutputLength: Math.max(limit, 1), chunkSize: pieceSize(limit) }),
    pieces: (bytes) => through(zlib.createZstdDecompress({ chunkSize: streamedPiece }), bytes),
  },
  gzip: {
    suffix: '.gz',
    compress: (bytes) => gzip(bytes, { level: 1, chunkSize: pieceSize(bytes.length) }),
    decompress: (bytes, limit) =>
      gunzip(bytes, { maxOutputLength: Math.max(limit, 1), chunkSize: pieceSize(limit) }),
    pieces: (bytes) => through(zlib.createGunzip({ chunkSize: streamedPiece }), bytes),
  },
  none: {
    suffix: '',
    compress: (bytes) => Promise.resolve(bytes),
    decompress: (bytes) => Promise.resolve(bytes),
    pieces: (bytes) => Readable.from([bytes]),
  },
};

/**
 * The output buffer of zlib: with its default of 16 KB, a chunk comes out in hundreds of pieces, each of which
 * visits the main thread. What a file claims does not decide it alone.
 */
function pieceSize(expected: number): number {
  return Math.min(Math.max(Math.ceil(expected) + 1024, 16 * 1024), 8 * 1024 * 1024);
}

async function* through(transform: Transform, bytes: Uint8Array): AsyncIterable<Uint8Array> {
  transform.end(bytes);
  // Several may lie in one buffer of zlib's, which writes further ones into it.
  for await (const piece of transform as AsyncIterable<Uint8Array>) yield Uint8Array.from(piece);
}
