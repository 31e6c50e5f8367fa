import { statfs, type FileHandle } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { TablePlan } from '../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../engine.ts';
import { type CatalogTable, findTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { quote, quoteTable } from './identifiers.ts';
import { isPlain } from './liveDatabase.ts';
import type { LockedDatabase, PageTarget } from './lockedDatabase.ts';
import { PayloadDatabase } from './payloadDatabase.ts';
import type { PayloadPages } from './payloadPages.ts';

/** Rows of a table that are looked at, all over it. */
const probes = 100;

/** A smaller table says nothing. */
const worthwhileRows = 1_000;

/** From so many of them on that are not the same on both sides, all of a table is written anew. */
const manyDiffer = 2;

/** Pages that are looked at, all over a file, and how many of them may be others on both sides where few are. */
const pageProbes = 200;
const fewPages = 50;

/** A table of a plan, as both databases have it. */
export interface TablePair {
  readonly plan: TablePlan;
  readonly table: CatalogTable;
}

/** From this share of pages on that are others, they are written straight out of the backup. */
const muchDiffers = 0.5;

/** A part of the memory that is free. */
const memoryShare = 8;

/** Whether two databases have the same objects, by the very letters of their statements. */
export async function haveSameSchema(
  one: Connection,
  other: Connection,
  signal?: AbortSignal,
): Promise<boolean> {
  const [first, second] = [await readObjects(one, signal), await readObjects(other, signal)];
  return first.length === second.length && first.every((object, index) => object === second[index]);
}

/** Without the page of each, which may be another one. */
async function readObjects(connection: Connection, signal?: AbortSignal): Promise<string[]> {
  const columns = ['type', 'name', 'tbl_name', 'sql'].map((column) => `quote(CAST(${column} AS BLOB))`);
  const sql = `SELECT ${columns.join(` || ' ' || `)} AS object FROM main.sqlite_schema ORDER BY object`;
  return (await connection.all<{ object: string }>(sql, [], signal)).map(({ object }) => object);
}

/**
 * Whether most rows of a database are in tables of which more than a few rows are not as the backup has them, by rows that
 * are picked from all over each. With no more to go by than that: it decides what takes less time, and nothing else.
 */
export async function differsMuch(
  database: Connection,
  backup: Connection,
  pairs: readonly TablePair[],
  signal?: AbortSignal,
): Promise<boolean> {
  let [differing, all] = [0, 0];
  for (const { plan, table } of pairs) {
    const { rows } = plan.backup;
    if (rows < worthwhileRows) continue;
    all += rows;
    if (await differs(database, backup, table, signal)) differing += rows;
  }
  return differing > all / 2;
}

async function differs(
  database: Connection,
  backup: Connection,
  { name, columns, rowidName }: CatalogTable,
  signal?: AbortSignal,
): Promise<boolean> {
  // Of generated columns SQLite may have stored other values than it would now.
  if (rowidName === undefined || columns.some(({ generated }) => generated)) return true;
  const [from, rowid] = [quoteTable('main', name), quote(rowidName)];
  const ends = `SELECT (SELECT min(${rowid}) FROM ${from}) AS first, (SELECT max(${rowid}) FROM ${from}) AS last`;
  const range = await backup.get<{ first: number; last: number }>(ends, [], signal);
  if (!Number.isSafeInteger(range?.first) || !Number.isSafeInteger(range?.last)) return false;
  const { first, last } = range!;
  const places = Array.from({ length: probes }, (_, probe) =>
    Math.floor(first + ((last - first) * (probe + 0.5)) / probes),
  );
  // Floating-point numbers may be told apart only by SQLite itself, which this is not about.
  const values = columns.map((column, index) => `quote(picked.${quote(column.name)}) AS c${index}`);
  const sql = `SELECT ${values.join(', ')} FROM temp.json_each(?) AS place CROSS JOIN ${from} AS picked
    ON picked.${rowid} = (SELECT ${rowid} FROM ${from} WHERE ${rowid} >= place.value ORDER BY ${rowid} LIMIT 1)
    ORDER BY place.key`;
  const pick = async (connection: Connection): Promise<string[]> =>
    (await connection.all(sql, [JSON.stringify(places)], signal)).map((row) => JSON.stringify(row));
  const [now, then] = [await pick(database), await pick(backup)];
  return then.filter((row, index) => row !== now[index]).length >= manyDiffer;
}

/**
 * Whether most pages of a database file are those of another one, by some that are picked from all over it. Like
 * `differsMuch` it decides what takes less time.
 */
async function sharesPages(
  file: FileHandle,
  other: FileHandle,
  { pageSize, pageCount }: { readonly pageSize: number; readonly pageCount: number },
): Promise<boolean> {
  const [page, otherPage] = [Buffer.alloc(pageSize), Buffer.alloc(pageSize)];
  let differing = 0;
  for (let probe = 0; probe < pageProbes; probe += 1) {
    const position = Math.floor(((probe + 0.5) / pageProbes) * pageCount) * pageSize;
    const { bytesRead } = await file.read(page, 0, pageSize, position);
    const { bytesRead: otherRead } = await other.read(otherPage, 0, pageSize, position);
    if (bytesRead !== otherRead || !page.equals(otherPage)) differing += 1;
  }
  return differing <= fewPages;
}

/** The tables of a plan, with how a database has them. Undefined where one is not there. */
export function pairTables(
  plans: readonly TablePlan[],
  tables: readonly CatalogTable[],
): TablePair[] | undefined {
  const pairs = plans.map((plan) => ({ plan, table: findTable(tables, plan.target.name) }));
  if (pairs.some(({ table }) => table?.type !== 'table')) return undefined;
  return pairs as TablePair[];
}

/**
 * The schema of the backup's database, where its pages are better written straight out of it: most of them are others than
 * those of the database, and as a file it would not stay in the memory, or has no room.
 */
export async function schemaOf(
  pages: PayloadPages,
  { onDisk }: PageTarget,
  { manifest, source }: RestoreSource,
  options: WorkOptions,
): Promise<PayloadDatabase | undefined> {
  const { signal, logger } = options;
  try {
    const database = await onDisk.writable();
    const plain = await isPlain(database);
    if (!plain || (!isLarge(pages.size) && (await hasTemporaryRoom(pages.size)))) return undefined;
    if ((await pages.differingShare(database, plain.header)) < muchDiffers) return undefined;
  } catch (error) {
    if (signal?.aborted || RestorePointError.is(error)) throw error;
    logger.debug(`Pages cannot be written straight out of the backup: ${messageOf(error)}`);
    return undefined;
  }
  return PayloadDatabase.extractSchema(pages, manifest, source, options).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    // Where all of it is taken out, it is told.
    logger.debug(`Pages cannot be written straight out of the backup: ${messageOf(error)}`);
    return undefined;
  });
}

/** Whether what a restore of so many bytes reads and writes may not be kept in the system's cache as long as it takes. */
function isLarge(bytes: number): boolean {
  return bytes > freemem() / memoryShare;
}

/** Whether a backup's database of so many bytes can be taken out. */
export async function hasTemporaryRoom(bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bytes <= bavail * bsize;
}

/**
 * Of few rows that stand in other pages less is written where rows are copied, which takes longer as long as the memory holds
 * all of these.
 */
export async function isFasterByPages(
  { handle, size, pageSize }: LockedDatabase,
  file: FileHandle,
): Promise<boolean> {
  if (!isLarge(size)) return true;
  return sharesPages(handle, file, { pageSize, pageCount: size / pageSize });
}

/** Whether nothing but its values can keep the indexes of a table from being proven, as far as its statement tells. */
export function isProvable({ columns, indexes }: CatalogTable): boolean {
  return (
    columns.every(({ generated }) => !generated) &&
    indexes.every(({ terms }) => terms.every(({ collation }) => collation === 'BINARY'))
  );
}
