import { open, type FileHandle } from 'node:fs/promises';
import { RestorePointError } from '../../core/errors.ts';

/** What the schema of a database in a backup may hold at most. */
export interface SchemaBounds {
  readonly objects: number;
  readonly bytes: number;
}

const headerBytes = 100;
const interiorPage = 5;
const leafPage = 13;

/**
 * Measures the schema of a database file that came from anywhere, before SQLite reads it: SQLite needs about fifty times the
 * schema's size of memory, and follows pages that lead to each other in circles. Throws `damaged-backup`.
 */
export async function checkSchemaSize(file: string, bounds: SchemaBounds): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await new SchemaWalk(handle, bounds).run();
  } finally {
    await handle.close();
  }
}

class SchemaWalk {
  readonly #handle: FileHandle;
  readonly #bounds: SchemaBounds;
  readonly #seen = new Set<number>([1]);
  #objects = 0;
  #bytes = 0;

  constructor(handle: FileHandle, bounds: SchemaBounds) {
    this.#handle = handle;
    this.#bounds = bounds;
  }

  async run(): Promise<void> {
    const header = await this.#read(0, headerBytes);
    const size = header.readUInt16BE(16);
    const pageSize = size === 1 ? 65_536 : size;
    if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) throw damaged('its pages have no valid size');
    const open = [1];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      const page = await this.#read((number - 1) * pageSize, pageSize);
      for (const child of this.#addPage(page, number === 1 ? headerBytes : 0)) {
        if (this.#seen.has(child)) throw damaged(`its schema contains page ${child} twice`);
        this.#seen.add(child);
        open.push(child);
      }
    }
  }

  /** Adds what a page holds, and gives the pages below it. */
  #addPage(page: Buffer, start: number): number[] {
    const type = page[start];
    if (type !== interiorPage && type !== leafPage) throw damaged('its schema has no valid pages');
    const cells = page.readUInt16BE(start + 3);
    const pointers = start + (type === interiorPage ? 12 : 8);
    if (pointers + 2 * cells > page.length) throw damaged('its schema has no valid pages');
    const children = type === interiorPage ? [page.readUInt32BE(start + 8)] : [];
    for (let cell = 0; cell < cells; cell += 1) {
      const at = page.readUInt16BE(pointers + 2 * cell);
      if (at + 4 > page.length) throw damaged('its schema has no valid pages');
      if (type === interiorPage) children.push(page.readUInt32BE(at));
      else this.#addObject(readVarint(page, at));
    }
    return children;
  }

  #addObject(bytes: number): void {
    this.#objects += 1;
    this.#bytes += bytes;
    const { objects: most, bytes: mostBytes } = this.#bounds;
    if (this.#objects > most) throw tooLarge(`has more than ${most} objects`);
    if (this.#bytes > mostBytes) throw tooLarge(`takes more than ${mostBytes} bytes`);
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, position);
    if (bytesRead < length) throw damaged('its schema refers to a page that is not there');
    return buffer;
  }
}

function readVarint(page: Buffer, from: number): number {
  let value = 0;
  for (let at = from; at < Math.min(from + 8, page.length); at += 1) {
    const byte = page[at]!;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  throw damaged('its schema has no valid pages');
}

function damaged(reason: string): RestorePointError {
  return new RestorePointError('damaged-backup', `The database in the backup is damaged: ${reason}`);
}

function tooLarge(reason: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    `The schema of the database in the backup ${reason}, far beyond what its manifest describes`,
  );
}
