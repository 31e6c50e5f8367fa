/** The first bytes of page 1 (https://www.sqlite.org/fileformat2.html#the_database_header). */
export const headerBytes = 100;

/** The size of a page, or 1 for 65,536 bytes. */
const pageSizeAt = 16;
/** How many bytes at the end of each page belong to an extension of SQLite, in one byte. */
export const reservedAt = 20;

export function pageSizeOf(header: Buffer): number {
  const stored = header.readUInt16BE(pageSizeAt);
  return stored === 1 ? 65_536 : stored;
}
