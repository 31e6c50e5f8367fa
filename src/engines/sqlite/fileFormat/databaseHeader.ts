/** The first bytes of page 1 (https://www.sqlite.org/fileformat2.html#the_database_header). */
export const headerBytes = 100;

/** Where numbers stand in it, each of four bytes. */
const at = {
  changeCounter: 24,
  pageCount: 28,
  freeTrunk: 32,
  freePages: 36,
  schemaCookie: 40,
  schemaFormat: 44,
  defaultCacheSize: 48,
  largestRoot: 52,
  encoding: 56,
  userVersion: 60,
  incrementalVacuum: 64,
  applicationId: 68,
  versionValidFor: 92,
} as const;

/** A page of so many bytes, or 1 for 65,536. */
const pageSizeAt = 16;
/** 1 for a rollback journal, 2 for a write-ahead log. */
const writeVersionAt = 18;
const readVersionAt = 19;
/** How many bytes at the end of each page are an extension's of SQLite, in one byte. */
export const reservedAt = 20;

/** Where SQLite locks, which no page may be: the page that this byte is in holds nothing. */
const lockByte = 0x4000_0000;

export function pageSizeOf(header: Buffer): number {
  const stored = header.readUInt16BE(pageSizeAt);
  return stored === 1 ? 65_536 : stored;
}

/** The number of the page that is never written, counted from 1. */
export function lockPage(pageSize: number): number {
  return lockByte / pageSize + 1;
}

/** Whether pages of the file tell where others are, so that free ones can be given back: `auto_vacuum`. */
export function keepsPointerMap(header: Buffer): boolean {
  return header.readUInt32BE(at.largestRoot) !== 0;
}

/** The first page of the chain that lists pages which are free, 0 for none, and how many there are with those of the chain. */
export function freelistOf(header: Buffer): { readonly trunk: number; readonly count: number } {
  return { trunk: header.readUInt32BE(at.freeTrunk), count: header.readUInt32BE(at.freePages) };
}

/** Whether a file of this size is what its header says, with all that was committed, and nothing of it an extension's. */
export function isPlainDatabase(header: Buffer, size: number): boolean {
  return (
    header.length >= headerBytes &&
    header[writeVersionAt] === 1 &&
    header[readVersionAt] === 1 &&
    header[reservedAt] === 0 &&
    header.readUInt32BE(at.changeCounter) === header.readUInt32BE(at.versionValidFor) &&
    header.readUInt32BE(at.pageCount) * pageSizeOf(header) === size
  );
}

/** Whether the pages of one database can stand in the file of another one, and it is used as before. */
export function storesAlike(one: Buffer, other: Buffer): boolean {
  const same = (place: number): boolean => one.readUInt32BE(place) === other.readUInt32BE(place);
  return (
    pageSizeOf(one) === pageSizeOf(other) &&
    same(at.schemaFormat) &&
    same(at.encoding) &&
    same(at.incrementalVacuum) &&
    keepsPointerMap(one) === keepsPointerMap(other)
  );
}

/**
 * The header of a database whose pages were replaced by another one's: by its counter and its cookie every connection
 * learns of it, and what programs have noted there for themselves stays.
 */
export function replacedHeader(old: Buffer, replacement: Buffer): Buffer {
  const header = Buffer.from(replacement.subarray(0, headerBytes));
  const next = (place: number): number => (old.readUInt32BE(place) + 1) >>> 0;
  header.writeUInt32BE(next(at.changeCounter), at.changeCounter);
  header.writeUInt32BE(next(at.changeCounter), at.versionValidFor);
  header.writeUInt32BE(next(at.schemaCookie), at.schemaCookie);
  for (const place of [at.defaultCacheSize, at.userVersion, at.applicationId])
    old.copy(header, place, place, place + 4);
  return header;
}
