import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { type ErrorDetails, messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Chunk, Payload, PayloadSource } from '../core/payload.ts';
import type { ReportProgress } from '../core/progress.ts';
import { codecs } from './compression.ts';
import { fingerprintOf, manifestEntry, schemaEntry } from './archiveWriter.ts';
import { findEntries, readAt } from './findEntries.ts';
import { parseManifest } from './manifestSchema.ts';
import { fileError } from './publish.ts';
import {
  directory,
  endBytes,
  endOf,
  findDirectory,
  localHeader,
  parseDirectory,
  zip64TailBytes,
  type ZipEntry,
} from './zip.ts';

/** More than any real one needs: ten thousand tables of a hundred columns take about 100 MB, a million chunks too. */
const maxManifestBytes = 256 * 1024 * 1024;
const maxDirectoryBytes = 256 * 1024 * 1024;

/** A larger chunk is decompressed piece by piece, in bytes: a few of them are in memory at a time. */
const maxBytesAtOnce = 32 * 1024 * 1024;

/** An open backup whose container and manifest are sound; its chunks are checked when they are read, or by `check`. */
export class Archive implements PayloadSource {
  readonly file: string;
  readonly manifest: Manifest;
  /** SHA-256 of the manifest, which holds those of all chunks: what tells this backup from every other. */
  readonly fingerprint: string;
  /** Of the whole file, in bytes. */
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(
    file: string,
    handle: FileHandle,
    size: number,
    entries: ZipEntry[],
    { manifest, fingerprint }: ReadManifest,
  ) {
    this.file = file;
    this.size = size;
    this.manifest = manifest;
    this.fingerprint = fingerprint;
    this.#handle = handle;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /** Throws `file` when it cannot be read, `damaged-backup` when it is no backup or its frame is damaged. */
  static async open(file: string): Promise<Archive> {
    const handle = await open(file, 'r').catch((error: unknown) => {
      throw fileError('The backup cannot be read', file, error);
    });
    try {
      const { size } = await handle.stat();
      const entries = await readDirectory(handle, size, file);
      const manifest = await readManifest(handle, entries, file);
      return new Archive(file, handle, size, entries, manifest);
    } catch (error) {
      await handle.close();
      throw RestorePointError.is(error) ? error : fileError('The backup cannot be read', file, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async *read(payload: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    // The next chunk is read and decompressed while the caller works on this one.
    const begin = (chunk: Chunk | undefined): Promise<Settled> | undefined =>
      chunk && chunk.bytes <= maxBytesAtOnce ? settled(this.readChunk(chunk)) : undefined;
    let next = begin(payload.chunks[0]);
    for (const [index, chunk] of payload.chunks.entries()) {
      const current = await next;
      throwIfCancelled(signal);
      if (current && 'error' in current) throw current.error;
      next = begin(payload.chunks[index + 1]);
      if (current) yield current.bytes;
      else yield* this.#pieces(chunk, signal);
    }
  }

  /** A chunk that is one large row, or says so: never all of it is in memory. */
  async *#pieces(chunk: Chunk, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const pieces = codecs[this.manifest.compression].pieces(await this.#readStored(chunk));
    const iterator = pieces[Symbol.asyncIterator]();
    let length = 0;
    try {
      for (;;) {
        const piece = await iterator.next().catch((error: unknown) => {
          const what = `it cannot be decompressed (${messageOf(error)})`;
          throw damaged(this.file, chunk.entry, what, { cause: error });
        });
        throwIfCancelled(signal);
        if (piece.done) break;
        length += piece.value.length;
        if (length > chunk.bytes) break;
        yield piece.value;
      }
    } finally {
      await iterator.return?.();
    }
    if (length !== chunk.bytes)
      throw damaged(this.file, chunk.entry, 'it is not as long as the manifest says');
  }

  async readChunk(chunk: Chunk): Promise<Uint8Array> {
    const stored = await this.#readStored(chunk);
    const codec = codecs[this.manifest.compression];
    try {
      const bytes = await codec.decompress(stored, chunk.bytes);
      if (bytes.length === chunk.bytes) return bytes;
    } catch (error) {
      throw damaged(this.file, chunk.entry, `it cannot be decompressed (${messageOf(error)})`, {
        cause: error,
      });
    }
    throw damaged(this.file, chunk.entry, 'it is not as long as the manifest says');
  }

  /** Reads every byte of the file and compares every checksum. Throws `damaged-backup` with the entry's name. */
  async check(options: { signal?: AbortSignal; report?: ReportProgress }): Promise<void> {
    const { payloads } = this.manifest;
    const totalBytes = payloads
      .flatMap((payload) => payload.chunks)
      .reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    let bytes = 0;
    for (const chunk of payloads.flatMap((payload) => payload.chunks)) {
      throwIfCancelled(options.signal);
      await this.#readStored(chunk);
      bytes += chunk.storedBytes;
      options.report?.({ phase: 'check', bytes, totalBytes });
    }
    await readChecked(this.#handle, this.#entryOf(schemaEntry), this.file);
  }

  async #readStored(chunk: Chunk): Promise<Buffer> {
    const stored = await readData(this.#handle, this.#entryOf(chunk.entry), this.file);
    const sha256 = createHash('sha256').update(stored).digest('hex');
    if (sha256 !== chunk.sha256) throw damaged(this.file, chunk.entry, 'its checksum does not match');
    return stored;
  }

  #entryOf(name: string): ZipEntry {
    const entry = this.#entries.get(name);
    if (!entry) throw damaged(this.file, name, 'it is missing');
    return entry;
  }
}

type Settled = { bytes: Uint8Array } | { error: unknown };

/** A promise that is awaited later must not reject before that. */
function settled(promise: Promise<Uint8Array>): Promise<Settled> {
  return promise.then(
    (bytes) => ({ bytes }),
    (error: unknown) => ({ error }),
  );
}

async function readDirectory(handle: FileHandle, size: number, file: string): Promise<ZipEntry[]> {
  const tail = await readAt(
    handle,
    Math.max(0, size - endBytes - zip64TailBytes),
    Math.min(size, endBytes + zip64TailBytes),
  );
  const found = findDirectory(tail);
  if (!found || found.size > maxDirectoryBytes || found.offset + found.size > size)
    throw await whatIsDamaged(handle, size, file);
  const list = await readAt(handle, found.offset, size - found.offset);
  const entries = parseDirectory(list.subarray(0, found.size));
  if (!entries) throw await whatIsDamaged(handle, size, file);
  let offset = 0;
  for (const entry of entries) {
    if (entry.offset !== offset) throw await whatIsDamaged(handle, size, file);
    offset = endOf(entry);
  }
  if (offset !== found.offset || !directory(entries, offset).equals(list))
    throw await whatIsDamaged(handle, size, file);
  return entries;
}

/** Where a file is damaged whose list of entries is not what it should be: its headers tell. */
async function whatIsDamaged(handle: FileHandle, size: number, file: string): Promise<RestorePointError> {
  const { entries, directory: list } = await findEntries(handle, size, true);
  const last = entries.at(-1);
  const next = 'Take another backup file; if this one was copied, copy it again.';
  if (!last) {
    const what = 'This is no Restore Point backup, or its beginning is not what was written';
    return new RestorePointError('damaged-backup', what, { place: { file }, next });
  }
  const { name } = last.entry;
  if (endOf(last.entry) > size) {
    return damaged(file, name, 'its end is missing: it stops in the middle of this entry', { next });
  }
  if (!last.sound) return damaged(file, name, 'its checksum does not match');
  if (list !== undefined) return damaged(file, undefined, 'its list of entries does not match its content');
  return damaged(file, name, 'after this entry its end is missing, or is not what was written', { next });
}

interface ReadManifest {
  readonly manifest: Manifest;
  readonly fingerprint: string;
}

async function readManifest(
  handle: FileHandle,
  entries: readonly ZipEntry[],
  file: string,
): Promise<ReadManifest> {
  const last = entries.at(-1);
  if (last?.name !== manifestEntry || last.size > maxManifestBytes)
    throw damaged(file, manifestEntry, 'it is missing');
  const bytes = await readChecked(handle, last, file);
  const manifest = parseManifest(bytes);
  if (typeof manifest === 'string') throw damaged(file, manifestEntry, manifest);
  const expected = new Map<string, Chunk>();
  for (const chunk of manifest.payloads.flatMap((payload) => payload.chunks))
    expected.set(chunk.entry, chunk);
  const data = entries.slice(0, -2);
  const fits =
    entries.at(-2)?.name === schemaEntry &&
    data.length === expected.size &&
    data.every((entry) => expected.get(entry.name)?.storedBytes === entry.size);
  if (!fits) throw damaged(file, manifestEntry, 'it names other chunks than the file holds');
  return { manifest, fingerprint: fingerprintOf(bytes) };
}

/** The data of an entry whose checksum the container holds. */
async function readChecked(handle: FileHandle, entry: ZipEntry, file: string): Promise<Buffer> {
  const data = await readData(handle, entry, file);
  if (crc32(data) !== entry.crc32) throw damaged(file, entry.name, 'its checksum does not match');
  return data;
}

async function readData(handle: FileHandle, entry: ZipEntry, file: string): Promise<Buffer> {
  const header = localHeader(entry);
  const bytes = await readAt(handle, entry.offset, header.length + entry.size);
  const sound =
    bytes.length === header.length + entry.size && bytes.subarray(0, header.length).equals(header);
  if (!sound) throw damaged(file, entry.name, 'its header is not what was written');
  return bytes.subarray(header.length);
}

function damaged(
  file: string,
  entry: string | undefined,
  what: string,
  details: ErrorDetails = {},
): RestorePointError {
  return new RestorePointError('damaged-backup', `The backup is damaged: ${what}`, {
    place: { file, ...(entry === undefined ? {} : { entry }) },
    next: 'Do not restore from it; take another backup file.',
    ...details,
  });
}
