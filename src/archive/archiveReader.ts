import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Chunk, Payload, PayloadSource } from '../core/payload.ts';
import type { ReportProgress } from '../core/progress.ts';
import { codecs } from './compression.ts';
import { manifestEntry, schemaEntry } from './archiveWriter.ts';
import { FileSource, type ByteSource } from './byteSource.ts';
import { damaged } from './damaged.ts';
import type { Encryption, Keys } from './encryption/keys.ts';
import { encryptionOf, OpeningSource } from './encryption/openingSource.ts';
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

/** Chunks that are read and decompressed before they are asked for. */
const chunksAhead = 2;

/** An open backup whose container and manifest are sound; its chunks are checked when they are read, or by `check`. */
export class Archive implements PayloadSource {
  readonly file: string;
  readonly manifest: Manifest;
  /** Of the whole file, in bytes. */
  readonly size: number;
  /** How it is encrypted, if it is. */
  readonly encryption?: Encryption;
  readonly #source: ByteSource;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(
    file: string,
    { source, size, encryption }: OpenBytes,
    entries: ZipEntry[],
    manifest: Manifest,
  ) {
    this.file = file;
    this.size = size;
    if (encryption) this.encryption = encryption;
    this.manifest = manifest;
    this.#source = source;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /**
   * `keys` are tried where it is encrypted. Throws `file` when it cannot be read, `locked` when none of them opens it,
   * `damaged-backup` when it is no backup or its frame is damaged.
   */
  static async open(file: string, keys?: Keys): Promise<Archive> {
    const bytes = await openBytes(file, keys);
    try {
      const entries = await readDirectory(bytes.source, file);
      const manifest = await readManifest(bytes.source, entries, file);
      return new Archive(file, bytes, entries, manifest);
    } catch (error) {
      await bytes.source.close();
      throw RestorePointError.is(error) ? error : fileError('The backup cannot be read', file, error);
    }
  }

  /** How a file is encrypted, without opening it; undefined when it is not. Throws `file`, `damaged-backup`. */
  static async encryptionOf(file: string): Promise<Encryption | undefined> {
    const source = await FileSource.open(file);
    try {
      return (await encryptionOf(source, file))?.encryption;
    } finally {
      await source.close();
    }
  }

  get secret(): boolean {
    return this.encryption !== undefined;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async *read(payload: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    // The next chunks are read and decompressed while the caller works on this one.
    const ahead: Promise<Settled>[] = [];
    let index = 0;
    const readAhead = (): void => {
      const chunk = payload.chunks[index++];
      if (chunk) ahead.push(settled(this.readChunk(chunk)));
    };
    for (let count = 0; count < chunksAhead; count++) readAhead();
    for (let next = ahead.shift(); next; next = ahead.shift()) {
      const current = await next;
      throwIfCancelled(signal);
      if ('error' in current) throw current.error;
      readAhead();
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
    await readChecked(this.#source, this.#entryOf(schemaEntry), this.file);
  }

  async #readStored(chunk: Chunk): Promise<Buffer> {
    const stored = await readData(this.#source, this.#entryOf(chunk.entry), this.file);
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

interface OpenBytes {
  /** What the archive is read from. */
  readonly source: ByteSource;
  /** Of the file. */
  readonly size: number;
  readonly encryption: Encryption | undefined;
}

async function openBytes(file: string, keys: Keys | undefined): Promise<OpenBytes> {
  const source = await FileSource.open(file);
  const { size } = source;
  try {
    const header = await encryptionOf(source, file);
    if (!header) return { source, size, encryption: undefined };
    const opened = await OpeningSource.open(source, file, header, keys);
    return { source: opened, size, encryption: header.encryption };
  } catch (error) {
    await source.close();
    throw error;
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

async function readDirectory(source: ByteSource, file: string): Promise<ZipEntry[]> {
  const { size } = source;
  const notOurs = new RestorePointError(
    'damaged-backup',
    'This is no Restore Point backup, or its end is missing',
    {
      place: { file },
      next: 'Take another backup file; if this one was copied, copy it again.',
    },
  );
  const tail = await source.read(
    Math.max(0, size - endBytes - zip64TailBytes),
    Math.min(size, endBytes + zip64TailBytes),
  );
  const found = findDirectory(tail);
  if (!found || found.size > maxDirectoryBytes || found.offset + found.size > size) throw notOurs;
  const list = await source.read(found.offset, size - found.offset);
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
  source: ByteSource,
  entries: readonly ZipEntry[],
  file: string,
): Promise<Manifest> {
  const last = entries.at(-1);
  if (last?.name !== manifestEntry || last.size > maxManifestBytes)
    throw damaged(file, manifestEntry, 'it is missing');
  const manifest = parseManifest((await readChecked(source, last, file)).toString('utf8'));
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
async function readChecked(source: ByteSource, entry: ZipEntry, file: string): Promise<Buffer> {
  const data = await readData(source, entry, file);
  if (crc32(data) !== entry.crc32) throw damaged(file, entry.name, 'its checksum does not match');
  return data;
}

async function readData(source: ByteSource, entry: ZipEntry, file: string): Promise<Buffer> {
  const header = localHeader(entry);
  const length = header.length + entry.size;
  const bytes = await source.read(entry.offset, length).catch((error: unknown) => {
    throw RestorePointError.is(error) ? error.with({ place: { entry: entry.name } }) : error;
  });
  const sound = bytes.length === length && bytes.subarray(0, header.length).equals(header);
  if (!sound) throw damaged(file, entry.name, 'its header is not what was written');
  return bytes.subarray(header.length);
}
