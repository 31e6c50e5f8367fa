import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Chunk, Payload, PayloadSource } from '../core/payload.ts';
import type { ReportProgress } from '../core/progress.ts';
import { codecs } from './compression.ts';
import { manifestEntry, schemaEntry } from './archiveWriter.ts';
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

/** Far more than any real one needs: ten thousand tables of a hundred columns take about 100 MB. */
const maxManifestBytes = 512 * 1024 * 1024;
const maxDirectoryBytes = 512 * 1024 * 1024;

/** An open backup whose container and manifest are sound; its chunks are checked when they are read, or by `check`. */
export class Archive implements PayloadSource {
  readonly file: string;
  readonly manifest: Manifest;
  /** Of the whole file, in bytes. */
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(
    file: string,
    handle: FileHandle,
    size: number,
    entries: ZipEntry[],
    manifest: Manifest,
  ) {
    this.file = file;
    this.size = size;
    this.manifest = manifest;
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
    let next = payload.chunks[0] && settled(this.readChunk(payload.chunks[0]));
    for (let index = 0; next; index++) {
      const current = await next;
      throwIfCancelled(signal);
      if ('error' in current) throw current.error;
      const following = payload.chunks[index + 1];
      next = following && settled(this.readChunk(following));
      yield current.bytes;
    }
  }

  async readChunk(chunk: Chunk): Promise<Uint8Array> {
    const stored = await this.#readStored(chunk);
    const codec = codecs[this.manifest.compression];
    try {
      const bytes = await codec.decompress(stored, chunk.bytes);
      if (bytes.length === chunk.bytes) return bytes;
    } catch (error) {
      throw damaged(this.file, chunk.entry, `it cannot be decompressed (${messageOf(error)})`, error);
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
  const notOurs = new RestorePointError(
    'damaged-backup',
    'This is no Restore Point backup, or its end is missing',
    {
      place: { file },
      next: 'Take another backup file; if this one was copied, copy it again.',
    },
  );
  const tail = await readAt(
    handle,
    Math.max(0, size - endBytes - zip64TailBytes),
    Math.min(size, endBytes + zip64TailBytes),
    file,
  );
  const found = findDirectory(tail);
  if (!found || found.size > maxDirectoryBytes || found.offset + found.size > size) throw notOurs;
  const list = await readAt(handle, found.offset, size - found.offset, file);
  const entries = parseDirectory(list.subarray(0, found.size));
  if (!entries) throw notOurs;
  let offset = 0;
  for (const entry of entries) {
    if (entry.offset !== offset) throw damaged(file, entry.name, 'it is not where the file says');
    offset = endOf(entry);
  }
  if (offset !== found.offset || !directory(entries, offset).equals(list)) {
    throw damaged(file, undefined, 'its list of entries does not match its content');
  }
  return entries;
}

async function readManifest(
  handle: FileHandle,
  entries: readonly ZipEntry[],
  file: string,
): Promise<Manifest> {
  const last = entries.at(-1);
  if (last?.name !== manifestEntry || last.size > maxManifestBytes)
    throw damaged(file, manifestEntry, 'it is missing');
  const manifest = parseManifest((await readChecked(handle, last, file)).toString('utf8'));
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
  return manifest;
}

/** The data of an entry whose checksum the container holds. */
async function readChecked(handle: FileHandle, entry: ZipEntry, file: string): Promise<Buffer> {
  const data = await readData(handle, entry, file);
  if (crc32(data) !== entry.crc32) throw damaged(file, entry.name, 'its checksum does not match');
  return data;
}

async function readData(handle: FileHandle, entry: ZipEntry, file: string): Promise<Buffer> {
  const header = localHeader(entry);
  const bytes = await readAt(handle, entry.offset, header.length + entry.size, file);
  const sound =
    bytes.length === header.length + entry.size && bytes.subarray(0, header.length).equals(header);
  if (!sound) throw damaged(file, entry.name, 'its header is not what was written');
  return bytes.subarray(header.length);
}

async function readAt(handle: FileHandle, position: number, length: number, file: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle
      .read(buffer, filled, length - filled, position + filled)
      .catch((error: unknown) => {
        throw fileError('The backup cannot be read', file, error);
      });
    if (bytesRead === 0) return buffer.subarray(0, filled);
    filled += bytesRead;
  }
  return buffer;
}

function damaged(file: string, entry: string | undefined, what: string, cause?: unknown): RestorePointError {
  return new RestorePointError('damaged-backup', `The backup is damaged: ${what}`, {
    place: { file, ...(entry === undefined ? {} : { entry }) },
    next: 'Do not restore from it; take another backup file.',
    cause,
  });
}
