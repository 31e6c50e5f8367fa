/** Pages of SQLite's tables that no database has: https://www.sqlite.org/fileformat2.html#b_tree_pages. */

const interior = 5;
const levels = 15;

export function pageSizeOf(database: Buffer): number {
  const size = database.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}

/**
 * Puts levels of pages over the rows of a table, each of which refers to the next one many times: to visit all takes for ever,
 * and the file hardly grows.
 */
export function withEndlessTree(database: Buffer, root: number): Buffer {
  const size = pageSizeOf(database);
  const pages = database.length / size;
  const rootAt = (root - 1) * size;
  const rows = database.subarray(rootAt, rootAt + size);
  const added = Array.from({ length: levels }, (_, level) =>
    level === levels - 1 ? Buffer.from(rows) : repeating(size, pages + level + 2),
  );
  const result = Buffer.concat([database, ...added]);
  repeating(size, pages + 1).copy(result, rootAt);
  result.writeUInt32BE(pages + levels, 28);
  return result;
}

/** An interior page of a table all of whose cells lead to one page. */
function repeating(size: number, child: number): Buffer {
  const page = Buffer.alloc(size);
  const cellBytes = 5;
  const cells = Math.floor((size - 12) / (cellBytes + 2));
  page[0] = interior;
  page.writeUInt16BE(cells, 3);
  page.writeUInt16BE(size - cells * cellBytes, 5);
  page.writeUInt32BE(child, 8);
  for (let cell = 0; cell < cells; cell += 1) {
    const at = size - (cell + 1) * cellBytes;
    page.writeUInt16BE(at, 12 + 2 * cell);
    page.writeUInt32BE(child, at);
    page[at + 4] = 1;
  }
  return page;
}

/** Lets the schema, which has to take several pages, contain itself. */
export function withCircularSchema(database: Buffer): Buffer {
  const result = Buffer.from(database);
  if (result[100] !== interior) throw new Error('the schema takes one page');
  result.writeUInt32BE(1, 108);
  return result;
}
