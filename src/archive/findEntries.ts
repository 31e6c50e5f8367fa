import { crc32 } from 'node:zlib';
import type { ByteSource } from './byteSource.ts';
import { endOf, localHeader, parseLocalHeader, startsDirectory, type ZipEntry } from './zip.ts';

/** How much of a file is read at a time, in bytes. */
const pieceBytes = 1024 * 1024;
/** Longer than any header with its name. */
const headerBytes = 30 + 0xffff;

/** An entry as its own header has it. */
export interface FoundEntry {
  readonly entry: ZipEntry;
  /** All of it is there, and the data has the header's checksum. */
  readonly sound: boolean;
}

/** Reads the entries from the local headers of a file, without its list of entries. */
export interface FoundEntries {
  readonly entries: readonly FoundEntry[];
  /** Ranges of bytes that belong to no entry: what is damaged there has not even a name. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** The start of the list of entries; undefined if none was found. */
  readonly directory: number | undefined;
}

/**
 * Finds the entries of a file by their local headers, which are exact (see `zip.ts`): one after another, and behind a
 * damaged one wherever the next begins. `first`: stops at the first damage.
 */
export async function findEntries(source: ByteSource, first = false): Promise<FoundEntries> {
  const { size } = source;
  const entries: FoundEntry[] = [];
  const gaps: { from: number; to: number }[] = [];
  let at = 0;
  while (at < size) {
    const bytes = await source.read(at, Math.min(headerBytes, size - at));
    if (startsDirectory(bytes)) return { entries, gaps, directory: at };
    const entry = parseLocalHeader(bytes, at);
    if (entry) {
      const sound = endOf(entry) <= size && (await checksum(source, entry)) === entry.crc32;
      entries.push({ entry, sound });
      if (!sound && first) break;
      // An unsound entry may have lost bytes, or got some: then the next one is not where it should be.
      if (sound || (await continues(source, endOf(entry)))) {
        at = endOf(entry);
        continue;
      }
      at += localHeader(entry).length;
    } else if (first) break;
    const next = await findNext(source, entry ? at : at + 1);
    if (!entry) gaps.push({ from: at, to: next });
    at = next;
  }
  return { entries, gaps, directory: undefined };
}

/** Whether an entry, or the list of entries, begins here. */
async function continues(source: ByteSource, at: number): Promise<boolean> {
  const { size } = source;
  if (at >= size) return false;
  const bytes = await source.read(at, Math.min(headerBytes, size - at));
  return startsDirectory(bytes) || parseLocalHeader(bytes, at) !== undefined;
}

/** The first position at or after `from` where an entry or the list of entries begins; the end of the file if there is none. */
async function findNext(source: ByteSource, from: number): Promise<number> {
  const { size } = source;
  for (let start = from; start < size; start += pieceBytes) {
    const piece = await source.read(start, Math.min(pieceBytes + headerBytes, size - start));
    for (let at = piece.indexOf('PK'); at >= 0 && at < pieceBytes; at = piece.indexOf('PK', at + 1)) {
      const bytes = piece.subarray(at, at + headerBytes);
      if (startsDirectory(bytes) || parseLocalHeader(bytes, start + at)) return start + at;
    }
  }
  return size;
}

async function checksum(source: ByteSource, entry: ZipEntry): Promise<number> {
  const end = endOf(entry);
  let sum = 0;
  for (let at = end - entry.size; at < end; at += pieceBytes) {
    sum = crc32(await source.read(at, Math.min(pieceBytes, end - at)), sum);
  }
  return sum;
}
