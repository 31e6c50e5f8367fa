import type { FileHandle } from 'node:fs/promises';
import { EarlySync } from './earlySync.ts';
import { headerBytes, lockPage, replacedHeader } from './fileFormat/databaseHeader.ts';
import { type JournaledFile, RollbackJournal } from './rollbackJournal.ts';
import type { Replacement } from './payloadPages.ts';
import { readRuns, type ReadRun, runLengths } from './sequentialReads.ts';
import { writeFully } from './writeFully.ts';
import type { WrittenRuns } from './writtenRuns.ts';

/** Bytes that are read, compared and written at once. */
const blockBytes = 4 * 1024 * 1024;

/** The file of an overwrite, open as long as it lasts, and where its pages come from. */
export interface OverwrittenFiles {
  readonly database: FileHandle;
  readonly replacement: Replacement;
}

/** Of the database and of what replaces it. */
export interface Headers {
  readonly old: Buffer;
  readonly replacement: Buffer;
}

export interface CompareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Learns each run of the replacement, which may not be kept, and how many bytes of it that makes. */
  readonly compared?: ((bytes: Buffer, position: number) => void) | undefined;
}

interface Sizes {
  readonly page: number;
  /** Of both files, in pages. */
  readonly before: number;
  readonly after: number;
}

/**
 * Makes the pages of a database file those of another one. To be used while a connection of SQLite's holds the exclusive
 * lock on the database, and has not written. All methods throw errors of the file system and, with a signal, `cancelled`.
 */
export class PageOverwrite {
  readonly #files: OverwrittenFiles;
  readonly #sizes: Sizes;
  readonly #journal: RollbackJournal;
  readonly #early: EarlySync;
  /** By the number of a page less 1: whether it has to be written. */
  readonly #differing: Uint8Array;
  readonly #replacedHeader: Buffer;
  readonly #header: Buffer;
  #next = 0;
  /** Whether it may be that pages were written: then only the journal brings the old ones back. */
  begun = false;

  private constructor(files: OverwrittenFiles, sizes: Sizes, journal: RollbackJournal, headers: Headers) {
    this.#files = files;
    this.#sizes = sizes;
    this.#journal = journal;
    this.#early = new EarlySync(files.database);
    this.#differing = new Uint8Array(Math.max(sizes.before, sizes.after)).fill(1, sizes.before);
    this.#replacedHeader = headers.replacement;
    this.#header = replacedHeader(headers.old, headers.replacement);
  }

  /**
   * Compares the files, and makes a journal of the pages that are going to change; changes nothing. Resolves to undefined,
   * and leaves nothing, where the page that SQLite never writes differs.
   */
  static async begin(
    files: OverwrittenFiles,
    journaled: JournaledFile,
    headers: Headers,
    compare: CompareOptions = {},
  ): Promise<PageOverwrite | undefined> {
    const after = files.replacement.size / journaled.pageSize;
    const sizes = { page: journaled.pageSize, before: journaled.pageCount, after };
    const journal = await RollbackJournal.begin(journaled, blockBytes / sizes.page);
    try {
      const overwrite = new PageOverwrite(files, sizes, journal, headers);
      if (await overwrite.#compare(compare)) return overwrite;
      await journal.remove();
      return undefined;
    } catch (error) {
      await journal.remove().catch(() => 'it is none that SQLite would read');
      throw error;
    }
  }

  /** From here on, whatever happens, SQLite brings the old pages back, until `commit`. */
  async seal(): Promise<void> {
    await this.#journal.seal();
  }

  /** Writes pages, up to a share of all of them, from 0 to 1. `wrote` learns how many bytes there are now as they are to be. */
  async writeUpTo(
    share: number,
    {
      signal,
      wrote,
    }: { readonly signal?: AbortSignal | undefined; readonly wrote?: (bytes: number) => void } = {},
  ): Promise<void> {
    const { page: pageSize, after, before } = this.#sizes;
    const end = share >= 1 ? after : Math.floor(after * share);
    const bytes = (end - this.#next) * pageSize;
    const from = this.#next * pageSize;
    this.begun = true;
    const runs = this.#files.replacement.runs(runLengths(bytes, blockBytes), { from, signal });
    for await (const { position, bytes: block } of runs) {
      if (position === 0) this.#header.copy(block);
      for (const [first, last] of this.#differingRuns(position / pageSize, block.length / pageSize)) {
        const run = block.subarray(first * pageSize, last * pageSize);
        await writeFully(this.#files.database, run, position + first * pageSize);
        this.#early.wrote(run.length);
      }
      wrote?.(position + block.length);
    }
    this.#next = end;
    if (end === after && before > after) await this.#files.database.truncate(after * pageSize);
  }

  /** Resolves to where the database differs from what was written into the replacement, if it does. */
  firstDifference(written: WrittenRuns, signal?: AbortSignal): Promise<number | undefined> {
    const first = (bytes: Buffer): void => {
      // Of a header that is another one the digest has to be another one too.
      if (this.#header.equals(bytes.subarray(0, headerBytes))) this.#replacedHeader.copy(bytes);
      else bytes.fill(0, 0, headerBytes);
    };
    return written.firstDifference(this.#files.database, { signal, first });
  }

  /** Brings all pages to the disk. */
  sync(): Promise<void> {
    return this.#early.sync();
  }

  /** The pages last; to be called when they are on the disk. */
  commit(): Promise<void> {
    return this.#journal.remove();
  }

  /** Before anything was written: leaves the database as it is. */
  abandon(): Promise<void> {
    return this.#journal.remove();
  }

  /** Whether the old pages are in a journal, and not brought back yet. */
  isKept(): Promise<boolean> {
    return this.#journal.isThere();
  }

  /** Brings the old pages back without SQLite; see `RollbackJournal.playBack`. */
  async playBack(): Promise<void> {
    await this.#journal.playBack(this.#files.database, this.#sizes.before);
    await this.#journal.remove();
  }

  /** Resolves when nothing is under way. Never throws. */
  settled(): Promise<void> {
    return this.#early.settled();
  }

  /** False where a page differs that may not be written. */
  async #compare({ signal, compared }: CompareOptions): Promise<boolean> {
    const { page: pageSize, before, after } = this.#sizes;
    const lengths = runLengths(Math.max(before, after) * pageSize, blockBytes);
    const others = this.#files.replacement.runs(lengths, { signal })[Symbol.asyncIterator]();
    try {
      for await (const { position, bytes } of readRuns(this.#files.database, lengths, { signal })) {
        const { value } = (await others.next()) as IteratorResult<ReadRun, undefined>;
        const other = value?.bytes ?? Buffer.alloc(0);
        compared?.(other, position);
        if (bytes.length === 0) continue;
        const first = position / pageSize + 1;
        const places = differingPages(bytes, other, pageSize);
        if (first === 1 && places[0] !== 0) places.unshift(0);
        const locked = places.indexOf(lockPage(pageSize) - first);
        if (locked >= 0) {
          if (first + places[locked]! <= this.#sizes.after) return false;
          places.splice(locked, 1);
        }
        for (const place of places) this.#differing[first - 1 + place] = 1;
        await this.#journal.add(bytes, places, first);
      }
      return true;
    } finally {
      await others.return?.();
    }
  }

  /** Of the pages of a block that begins after so many pages: which have to be written, as [first, behind the last one]. */
  *#differingRuns(before: number, count: number): Generator<readonly [number, number]> {
    const locked = lockPage(this.#sizes.page) - 1 - before;
    for (let first = 0; first < count; first += 1) {
      const differs = (place: number): boolean => place !== locked && this.#differing[before + place] === 1;
      if (!differs(first)) continue;
      let last = first + 1;
      while (last < count && differs(last)) last += 1;
      yield [first, last];
      first = last;
    }
  }
}

/** The places of the pages of a block that are not the same in another one, also where that one ends before. */
function differingPages(block: Buffer, other: Buffer, pageSize: number): number[] {
  const places: number[] = [];
  for (let at = 0; at < block.length; at += pageSize) {
    const end = at + pageSize;
    if (other.length < end || block.compare(other, at, end, at, end) !== 0) places.push(at / pageSize);
  }
  return places;
}
