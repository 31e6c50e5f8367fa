import { createHash } from 'node:crypto';
import { RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { FindManifestRules } from '../core/manifestRules.ts';
import type { Chunk, DamagedSource, Payload } from '../core/payload.ts';
import { fingerprintOf, manifestEntry } from './writeArchive.ts';
import type { ByteSource } from './byteSource.ts';
import { decompressChunk } from './decompressChunk.ts';
import type { Encryption, Keys } from './encryption/keys.ts';
import { findEntries, type FoundEntries } from './findEntries.ts';
import { parseManifest } from './parseManifest.ts';
import { openBytes, type OpenBytes } from './openBytes.ts';
import { fileError } from './publish.ts';
import { localHeader } from './zip.ts';

const pieceBytes = 1024 * 1024;

/** A damaged backup whose manifest is sound: which of its chunks hold is known, and these can be read. */
export class SalvageReader implements DamagedSource {
  readonly manifest: Manifest;
  /** See `Archive`. */
  readonly fingerprint: string;
  /** The kind of encryption, if it is encrypted. */
  readonly encryption?: Encryption;
  readonly #file: string;
  readonly #source: ByteSource;
  /** The positions of the bytes of each intact chunk, by its entry. */
  readonly #places: ReadonlyMap<string, number>;

  private constructor(
    file: string,
    { source, encryption }: OpenBytes,
    manifest: Manifest,
    fingerprint: string,
    places: ReadonlyMap<string, number>,
  ) {
    this.#file = file;
    this.#source = source;
    if (encryption) this.encryption = encryption;
    this.manifest = manifest;
    this.fingerprint = fingerprint;
    this.#places = places;
  }

  /**
   * Throws `file`; `locked` when no key opens it; `damaged-backup` when the manifest is lost, without which nothing says
   * what the bytes mean.
   */
  static async open(
    file: string,
    engines: FindManifestRules,
    { signal, keys }: { readonly signal?: AbortSignal; readonly keys?: Keys } = {},
  ): Promise<SalvageReader> {
    const bytes = await openBytes(file, keys, { damaged: true });
    const { source } = bytes;
    try {
      const found = await findEntries(source);
      const { manifest, json } = await readManifest(source, found, file, engines);
      const places = await findChunks(source, found, manifest, signal);
      return new SalvageReader(file, bytes, manifest, fingerprintOf(json), places);
    } catch (error) {
      await source.close();
      throw RestorePointError.is(error) ? error : fileError('The backup cannot be read', file, error);
    }
  }

  get secret(): boolean {
    return this.encryption !== undefined;
  }

  holds(chunk: Chunk): boolean {
    return this.#places.has(chunk.entry);
  }

  async *read({ chunks }: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    for (const chunk of chunks) {
      throwIfCancelled(signal);
      if (this.holds(chunk)) yield await this.readChunk(chunk);
      else
        for (let left = chunk.bytes; left > 0; left -= pieceBytes)
          yield Buffer.alloc(Math.min(left, pieceBytes));
    }
  }

  async readChunk(chunk: Chunk): Promise<Uint8Array> {
    const place = this.#places.get(chunk.entry);
    if (place === undefined) throw new Error(`the chunk ${chunk.entry} is damaged`);
    const stored = await this.#source.read(place, chunk.storedBytes);
    return await decompressChunk(this.#file, this.manifest.compression, chunk, stored);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }
}

async function readManifest(
  source: ByteSource,
  { entries }: FoundEntries,
  file: string,
  engines: FindManifestRules,
): Promise<{ manifest: Manifest; json: Buffer }> {
  const last = entries.findLast(({ entry }) => entry.name === manifestEntry);
  const lost = (what: string): RestorePointError =>
    new RestorePointError('damaged-backup', `Nothing can be salvaged: ${what}`, {
      place: { file, entry: manifestEntry },
      next: 'Only the manifest says which bytes belong to which rows. Use another backup file.',
    });
  if (!last) throw lost('the manifest is missing');
  if (!last.sound) throw lost('the manifest is damaged');
  const { entry } = last;
  const json = await source.read(entry.offset + localHeader(entry).length, entry.size);
  const manifest = parseManifest(json, engines, file);
  if (typeof manifest === 'string') throw lost(manifest);
  return { manifest, json };
}

/** Chunks are identified only by their SHA-256: under their names or, if a header is damaged, at the ends of a gap. */
async function findChunks(
  source: ByteSource,
  { entries, gaps }: FoundEntries,
  { payloads }: Manifest,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const named = Map.groupBy(entries, ({ entry }) => entry.name);
  const places = new Map<string, number>();
  for (const chunk of payloads.flatMap(({ chunks }) => chunks)) {
    throwIfCancelled(signal);
    const head = 30 + Buffer.byteLength(chunk.entry, 'utf8');
    const candidates = [
      ...(named.get(chunk.entry) ?? []).map(({ entry }) => entry.offset + head),
      ...gaps.flatMap(({ from, to }) => [from + head, to - chunk.storedBytes]).filter((place) => place >= 0),
    ];
    for (const place of candidates) {
      if (!(await isThere(source, place, chunk))) continue;
      places.set(chunk.entry, place);
      break;
    }
  }
  return places;
}

async function isThere(source: ByteSource, place: number, { storedBytes, sha256 }: Chunk): Promise<boolean> {
  const hash = createHash('sha256');
  for (let at = 0; at < storedBytes; at += pieceBytes)
    hash.update(await source.read(place + at, Math.min(pieceBytes, storedBytes - at)));
  return hash.digest('hex') === sha256;
}
