import { open, type FileHandle } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import { headerBytes, pageSizeOf } from '../fileFormat/databaseHeader.ts';

/** The limits for the schema of a database in a backup. */
export interface SchemaBounds {
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Measures the schema of a database file that came from anywhere, before SQLite reads it: SQLite needs about fifty times the
 * schema's size of memory, and follows pages that lead to each other in circles. Throws `damaged-backup`.
 */
export async function checkSchemaSize(file: string, bounds: SchemaBounds): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await measure(handle, bounds);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = 'The database in the backup is damaged: its schema has no valid pages';
    throw new RestorePointError('damaged-backup', message);
  } finally {
    await handle.close();
  }
}

/**
 * The schema is the tree that begins in page 1 (https://www.sqlite.org/fileformat2.html#b_tree_pages). Throws `RangeError`
 * if it is not one.
 */
async function measure(handle: FileHandle, bounds: SchemaBounds): Promise<void> {
  const header = Buffer.alloc(headerBytes);
  await handle.read(header, 0, headerBytes, 0);
  const size = pageSizeOf(header);
  const page = Buffer.alloc(Math.max(512, size));
  const [seen, open] = [new Set<number>(), [1]];
  let [objects, bytes] = [0, 0];
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    const { bytesRead } = await handle.read(page, 0, size, (number - 1) * size);
    if (number === 0 || seen.has(number) || bytesRead < size) throw new RangeError();
    seen.add(number);
    const at = number === 1 ? headerBytes : 0;
    const cells = page.readUInt16BE(at + 3);
    const isLeaf = page[at] === 13;
    if (!isLeaf && page[at] !== 5) throw new RangeError();
    if (!isLeaf) open.push(page.readUInt32BE(at + 8));
    for (let cell = 0; cell < cells; cell += 1) {
      const place = page.readUInt16BE(at + (isLeaf ? 8 : 12) + 2 * cell);
      if (isLeaf) bytes += readLength(page, place);
      else open.push(page.readUInt32BE(place));
    }
    if (isLeaf) objects += cells;
    if (objects > bounds.objects) throw tooLarge(`has more than ${bounds.objects} objects`);
    if (bytes > bounds.bytes) throw tooLarge(`takes more than ${bounds.bytes} bytes`);
  }
}

/** An integer of SQLite's, seven bits in a byte. */
function readLength(page: Buffer, place: number): number {
  let length = 0;
  for (let at = place; at < place + 9; at += 1) {
    const byte = page.readUInt8(at);
    length = length * 128 + (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return length;
}

function tooLarge(reason: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    `The schema of the database in the backup ${reason}, far beyond what its manifest describes`,
  );
}
