import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { FindManifestRules } from '../core/manifestRules.ts';
import { freeBytes } from '../core/memory.ts';
import type { Chunk, Payload, PayloadSource } from '../core/payload.ts';
import type { ReportProgress } from '../core/progress.ts';
import { codecs } from './compression.ts';
import { fingerprintOf, manifestEntry, schemaEntry } from './writeArchive.ts';
import { FileSource, type ByteSource } from './byteSource.ts';
import { damaged } from './damaged.ts';
import { decompressChunk } from './decompressChunk.ts';
import type { Encryption, Keys } from './encryption/keys.ts';
import { encryptionOf, sealOf } from './encryption/openingSource.ts';
import { findEntries } from './findEntries.ts';
import { maxManifestBytes } from '../core/jsonLimits.ts';
import { parseManifest } from './parseManifest.ts';
import { openBytes, type OpenBytes } from './openBytes.ts';
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

const maxDirectoryBytes = 256 * 1024 * 1024;

/** A larger chunk is decompressed piece by piece, in bytes: a few of them are in memory at a time. */
const maxBytesAtOnce = 32 * 1024 * 1024;

/** Chunks that are read and decompressed before they are asked for. */
const chunksAhead = 2;

/** An open backup whose container and manifest are sound; its chunks are checked when they are read, or by `check`. */
export class Archive implements PayloadSource {
  readonly file: string;
  readonly manifest: Manifest;
  /** The SHA-256 of the manifest, which contains those of all chunks: it identifies this backup. */
  readonly fingerprint: string;
  /**
   * A hash that identifies an encrypted file without its keys: of its size, and of its header, which authenticates the key
   * that everything else is encrypted with.
   */
  readonly seal?: string;
  /** The size of the whole file, in bytes. */
  readonly size: number;
  /** The kind of encryption, if it is encrypted. */
  readonly encryption?: Encryption;
  readonly #source: ByteSource;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(
    file: string,
    { source, size, encryption, seal }: OpenBytes,
    entries: ZipEntry[],
    { manifest, fingerprint }: ReadManifest,
  ) {
    this.file = file;
    this.size = size;
    if (encryption) this.encryption = encryption;
    if (seal !== undefined) this.seal = seal;
    this.manifest = manifest;
    this.fingerprint = fingerprint;
    this.#source = source;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /**
   * `keys` are tried where it is encrypted. Throws `file` when it cannot be read, `locked` when none of them opens it,
   * `damaged-backup` when it is no backup, its frame is damaged, or its engine is not among these.
   */
  static async open(file: string, engines: FindManifestRules, keys?: Keys): Promise<Archive> {
    const bytes = await openBytes(file, keys);
    try {
      const entries = await readDirectory(bytes.source, file);
      const manifest = await readManifest(bytes.source, entries, file, engines);
      return new Archive(file, bytes, entries, manifest);
    } catch (error) {
      await bytes.source.close();
      throw RestorePointError.is(error) ? error : fileError('The backup cannot be read', file, error);
    }
  }

  /** How a file is encrypted, without opening it; undefined when it is not. Throws `file`, `damaged-backup`. */
  static async encryptionOf(file: string): Promise<Encryption | undefined> {
    return (await Archive.sealOf(file))?.encryption;
  }

  /** The same with its seal. */
  static async sealOf(
    file: string,
  ): Promise<{ readonly encryption: Encryption; readonly seal: string } | undefined> {
    const source = await FileSource.open(file);
    try {
      const header = await encryptionOf(source, file);
      return header && { encryption: header.encryption, seal: sealOf(header, source.size) };
    } finally {
      await source.close();
    }
  }

  /** Whether these keys open an encrypted file. Reads only its header. Throws `file`, `damaged-backup`. */
  static async opensWith(file: string, keys: Keys): Promise<boolean> {
    try {
      await (await openBytes(file, keys)).source.close();
      return true;
    } catch (error) {
      if (RestorePointError.is(error, 'locked')) return false;
      throw error;
    }
  }

  get secret(): boolean {
    return this.encryption !== undefined;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async *read({ chunks }: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    // The next chunks are read and decompressed while the caller works on this one.
    const ahead: (Promise<Settled> | undefined)[] = [];
    let index = 0;
    const readAhead = (): void => {
      const chunk = chunks[index++];
      if (chunk) ahead.push(chunk.bytes <= maxBytesAtOnce ? settled(this.readChunk(chunk)) : undefined);
    };
    for (let count = 0; count < chunksAhead; count++) readAhead();
    for (const chunk of chunks) {
      const current = await ahead.shift();
      throwIfCancelled(signal);
      if (current && 'error' in current) throw current.error;
      readAhead();
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
      throw damaged(this.file, chunk.entry, 'its length does not match the manifest');
  }

  async readChunk(chunk: Chunk): Promise<Uint8Array> {
    const stored = await this.#readStored(chunk);
    const bytes = await decompressChunk(this.file, this.manifest.compression, chunk, stored);
    if (bytes !== stored) freeBytes(stored);
    return bytes;
  }

  /** Reads every byte of the file and compares every checksum. Throws `damaged-backup` with the entry's name. */
  async check(options: { signal?: AbortSignal; report?: ReportProgress }): Promise<void> {
    await this.checkRows(options);
    await this.checkSchema();
  }

  /** Like `check`, only for the rows. */
  async checkRows(options: { signal?: AbortSignal; report?: ReportProgress }): Promise<void> {
    throwIfCancelled(options.signal);
    const chunks = this.manifest.payloads.flatMap((payload) => payload.chunks);
    const totalBytes = chunks.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    let bytes = 0;
    // The next chunk is read while this one is hashed.
    const read = (chunk: Chunk | undefined): Promise<Settled> | undefined =>
      chunk && settled(this.#read(chunk));
    let next = read(chunks[0]);
    for (const [index, chunk] of chunks.entries()) {
      const stored = await next!;
      throwIfCancelled(options.signal);
      if ('error' in stored) throw stored.error;
      next = read(chunks[index + 1]);
      this.#compare(chunk, stored.bytes);
      freeBytes(stored.bytes);
      bytes += chunk.storedBytes;
      options.report?.({ phase: 'check', bytes, totalBytes });
    }
  }

  /** Like `check`, for everything except the rows. */
  async checkSchema(): Promise<void> {
    await readChecked(this.#source, this.#entryOf(schemaEntry), this.file);
  }

  async #readStored(chunk: Chunk): Promise<Buffer> {
    const stored = await this.#read(chunk);
    this.#compare(chunk, stored);
    return stored;
  }

  async #read(chunk: Chunk): Promise<Buffer> {
    return await readData(this.#source, this.#entryOf(chunk.entry), this.file);
  }

  #compare(chunk: Chunk, stored: Uint8Array): void {
    const sha256 = createHash('sha256').update(stored).digest('hex');
    if (sha256 !== chunk.sha256) throw damaged(this.file, chunk.entry, 'its checksum does not match');
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

async function readDirectory(source: ByteSource, file: string): Promise<ZipEntry[]> {
  const { size } = source;
  const tail = await source.read(
    Math.max(0, size - endBytes - zip64TailBytes),
    Math.min(size, endBytes + zip64TailBytes),
  );
  const found = findDirectory(tail);
  if (!found || found.size > maxDirectoryBytes || found.offset + found.size > size)
    throw await whatIsDamaged(source, file);
  const list = await source.read(found.offset, size - found.offset);
  const entries = parseDirectory(list.subarray(0, found.size));
  if (!entries) throw await whatIsDamaged(source, file);
  let offset = 0;
  for (const entry of entries) {
    if (entry.offset !== offset) throw await whatIsDamaged(source, file);
    offset = endOf(entry);
  }
  if (offset !== found.offset || !directory(entries, offset).equals(list))
    throw await whatIsDamaged(source, file);
  return entries;
}

/** Finds the damaged place in a file with a wrong list of entries, by its headers. */
async function whatIsDamaged(source: ByteSource, file: string): Promise<RestorePointError> {
  const { entries, directory: list } = await findEntries(source, true);
  const last = entries.at(-1);
  const next = 'Use another backup file. If you copied this one, copy it again.';
  if (!last) {
    const what = 'Not a Restore Point backup, or the file is damaged';
    return new RestorePointError('damaged-backup', what, { place: { file }, next });
  }
  const { name } = last.entry;
  if (endOf(last.entry) > source.size) {
    const what = 'its end is missing: the file ends in the middle of this entry';
    return damaged(file, name, what, { next, salvageable: false });
  }
  const all = await findEntries(source);
  const manifest = all.entries.findLast(({ entry }) => entry.name === manifestEntry);
  const salvageable = manifest?.sound === true;
  if (!last.sound) return damaged(file, name, 'its checksum does not match', { salvageable });
  if (list !== undefined) {
    const what = 'its end is missing, or its list of entries does not match its contents';
    return damaged(file, undefined, what, { next, salvageable });
  }
  const what = 'everything after this entry is missing or was changed';
  return damaged(file, name, what, { next, salvageable });
}

interface ReadManifest {
  readonly manifest: Manifest;
  readonly fingerprint: string;
}

async function readManifest(
  source: ByteSource,
  entries: readonly ZipEntry[],
  file: string,
  engines: FindManifestRules,
): Promise<ReadManifest> {
  const last = entries.at(-1);
  if (last?.name !== manifestEntry || last.size > maxManifestBytes)
    throw damaged(file, manifestEntry, 'it is missing');
  const bytes = await readChecked(source, last, file);
  const manifest = parseManifest(bytes, engines, file);
  if (typeof manifest === 'string') throw damaged(file, manifestEntry, manifest);
  const expected = new Map<string, Chunk>();
  for (const chunk of manifest.payloads.flatMap((payload) => payload.chunks))
    expected.set(chunk.entry, chunk);
  const data = entries.slice(0, -2);
  const fits =
    entries.at(-2)?.name === schemaEntry &&
    data.length === expected.size &&
    data.every((entry) => expected.get(entry.name)?.storedBytes === entry.size);
  if (!fits) {
    const what = 'it lists different chunks than the file contains';
    throw damaged(file, manifestEntry, what, { salvageable: true });
  }
  return { manifest, fingerprint: fingerprintOf(bytes) };
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
    if (!RestorePointError.is(error)) throw error;
    const salvageable = RestorePointError.is(error, 'damaged-backup') && entry.name !== manifestEntry;
    throw error.with({ place: { entry: entry.name }, ...(salvageable ? { salvageable } : {}) });
  });
  const sound = bytes.length === length && bytes.subarray(0, header.length).equals(header);
  if (!sound) throw damaged(file, entry.name, 'its header was changed');
  return bytes.subarray(header.length);
}
