import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Chunk, DamagedSource, Payload } from '../core/payload.ts';
import { fingerprintOf, manifestEntry } from './archiveWriter.ts';
import { codecs } from './compression.ts';
import { findEntries, readAt, type FoundEntries } from './findEntries.ts';
import { parseManifest } from './manifestSchema.ts';
import { fileError } from './publish.ts';
import { localHeader } from './zip.ts';

const pieceBytes = 1024 * 1024;

/** A damaged backup whose manifest is sound: which of its chunks hold is known, and these can be read. */
export class SalvageReader implements DamagedSource {
  readonly manifest: Manifest;
  /** See `Archive`. */
  readonly fingerprint: string;
  readonly #handle: FileHandle;
  /** Where the bytes of each chunk lie that holds, by its entry. */
  readonly #places: ReadonlyMap<string, number>;

  private constructor(
    handle: FileHandle,
    manifest: Manifest,
    fingerprint: string,
    places: ReadonlyMap<string, number>,
  ) {
    this.#handle = handle;
    this.manifest = manifest;
    this.fingerprint = fingerprint;
    this.#places = places;
  }

  /** Throws `file`; `damaged-backup` when the manifest is lost, without which nothing says what the bytes mean. */
  static async open(file: string, signal?: AbortSignal): Promise<SalvageReader> {
    const handle = await open(file, 'r').catch((error: unknown) => {
      throw fileError('The backup cannot be read', file, error);
    });
    try {
      const found = await findEntries(handle, (await handle.stat()).size);
      const { manifest, bytes } = await readManifest(handle, found, file);
      const places = await findChunks(handle, found, manifest, signal);
      return new SalvageReader(handle, manifest, fingerprintOf(bytes), places);
    } catch (error) {
      await handle.close();
      throw RestorePointError.is(error) ? error : fileError('The backup cannot be read', file, error);
    }
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
    if (place === undefined) throw new Error(`the chunk ${chunk.entry} does not hold`);
    const stored = await readAt(this.#handle, place, chunk.storedBytes);
    const bytes = await codecs[this.manifest.compression].decompress(stored, chunk.bytes);
    if (bytes.length === chunk.bytes) return bytes;
    throw new RestorePointError('damaged-backup', 'It is not as long as the manifest says', {
      place: { entry: chunk.entry },
    });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function readManifest(
  handle: FileHandle,
  { entries }: FoundEntries,
  file: string,
): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const last = entries.findLast(({ entry }) => entry.name === manifestEntry);
  const lost = (what: string): RestorePointError =>
    new RestorePointError('damaged-backup', `Nothing can be salvaged: ${what}`, {
      place: { file, entry: manifestEntry },
      next: 'It alone says which bytes are which rows. Take another backup file.',
    });
  if (!last) throw lost('the manifest is missing');
  if (!last.sound) throw lost('the manifest is damaged');
  const { entry } = last;
  const bytes = await readAt(handle, entry.offset + localHeader(entry).length, entry.size);
  const manifest = parseManifest(bytes);
  if (typeof manifest === 'string') throw lost(manifest);
  return { manifest, bytes };
}

/** Chunks are told by their SHA-256 alone: under their names, or, where a header is damaged, at the ends of a gap. */
async function findChunks(
  handle: FileHandle,
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
      if (!(await isThere(handle, place, chunk))) continue;
      places.set(chunk.entry, place);
      break;
    }
  }
  return places;
}

async function isThere(handle: FileHandle, place: number, { storedBytes, sha256 }: Chunk): Promise<boolean> {
  const hash = createHash('sha256');
  for (let at = 0; at < storedBytes; at += pieceBytes)
    hash.update(await readAt(handle, place + at, Math.min(pieceBytes, storedBytes - at)));
  return hash.digest('hex') === sha256;
}
