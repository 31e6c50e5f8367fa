import type { TablePlan } from '../../core/plan.ts';
import { type CatalogTable, findTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { quote, quoteTable } from './identifiers.ts';

/** Rows of a table that are looked at, all over it. */
const probes = 100;

/** A smaller table says nothing. */
const worthwhileRows = 1_000;

/** From so many of them on that are not the same on both sides, all of a table is written anew. */
const manyDiffer = 2;

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
  pairs: readonly { readonly plan: TablePlan; readonly table: CatalogTable }[],
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

/** The tables of a plan, with how a database has them. Undefined where one is not there. */
export function pairTables(
  plans: readonly TablePlan[],
  tables: readonly CatalogTable[],
): { readonly plan: TablePlan; readonly table: CatalogTable }[] | undefined {
  const pairs = plans.map((plan) => ({ plan, table: findTable(tables, plan.target.name) }));
  if (pairs.some(({ table }) => table?.type !== 'table')) return undefined;
  return pairs as { plan: TablePlan; table: CatalogTable }[];
}
