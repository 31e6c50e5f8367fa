import { stat } from 'node:fs/promises';
import type { TableSummary } from '../../../core/manifest.ts';
import { type CatalogTable, hasSystemTable, readCatalog } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { missingIn } from '../schema/unproven.ts';

/** Up to this size of the file, in bytes, rows are counted and pages measured: it takes a moment at most. */
const exactUpTo = 64 * 1024 * 1024;

/** A row takes at least this much of a file, in bytes: a range of rowids that would need more has gaps. */
const smallestRow = 8;

/** Resolves to how many rows there are of each table of a selection. */
export type CountRows = (signal: AbortSignal) => Promise<readonly number[]>;

/** How many rows a table has, by whatever SQLite counts fastest: an index that is out of step with it counts others. */
export function countRows(
  connection: Connection,
  schema: string,
  table: string,
  signal?: AbortSignal,
): Promise<number> {
  return countFrom(connection, schema, table, '', signal);
}

/** The same by the table itself. */
export function countStoredRows(
  connection: Connection,
  schema: string,
  table: string,
  signal?: AbortSignal,
): Promise<number> {
  return countFrom(connection, schema, table, 'NOT INDEXED', signal);
}

async function countFrom(
  connection: Connection,
  schema: string,
  table: string,
  how: string,
  signal?: AbortSignal,
): Promise<number> {
  const sql = `SELECT count(*) AS n FROM ${quoteTable(schema, table)} ${how}`;
  try {
    return (await connection.get<{ n: number }>(sql, [], signal))?.n ?? 0;
  } catch (error) {
    if (missingIn(error) === undefined) throw error;
    // Each cell of the pages of a table that is an index is one row, also those that lead to further pages.
    const cells = 'SELECT ncell AS n FROM temp.dbstat WHERE schema = ? AND aggregate = TRUE AND name = ?';
    return (await connection.get<{ n: number }>(cells, [schema, table], signal))?.n ?? 0;
  }
}

/** The tables for a tree: exact while the file is small, else estimated from what SQLite knows without reading it. */
export async function listTables(connection: Connection, file: string): Promise<TableSummary[]> {
  const { size } = await stat(file);
  const tables = (await readCatalog(connection, 'main')).filter((table) => table.type === 'table');
  const small = size <= exactUpTo;
  const bytes = small ? await measureTables(connection) : new Map<string, number>();
  const statistics = small ? new Map<string, number>() : await readStatistics(connection);
  const summaries: TableSummary[] = [];
  for (const table of tables) {
    const rows = small
      ? await countRows(connection, 'main', table.name)
      : (statistics.get(table.name) ?? (await rowidRange(connection, table, size)));
    summaries.push({ name: { name: table.name }, rows, bytes: bytes.get(table.name) });
  }
  return summaries;
}

/** The size of every table with its indexes in the file, in bytes. */
async function measureTables(connection: Connection): Promise<Map<string, number>> {
  const rows = await connection.all<{ name: string; bytes: number }>(
    `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes
     FROM main.sqlite_schema AS s JOIN temp.dbstat AS d ON d.schema = 'main' AND d.aggregate = TRUE AND d.name = s.name
     WHERE s.type IN ('table', 'index') GROUP BY s.tbl_name`,
  );
  return new Map(rows.map(({ name, bytes }) => [name, bytes]));
}

/** The row counts that ANALYZE left: the first number of each entry. */
async function readStatistics(connection: Connection): Promise<Map<string, number>> {
  if (!(await hasSystemTable(connection, 'main', 'sqlite_stat1'))) return new Map();
  const rows = await connection.all<{ name: string; entry: string }>(
    `SELECT tbl AS name, stat AS entry FROM main.sqlite_stat1
     WHERE typeof(tbl) = 'text' AND typeof(stat) = 'text'`,
  );
  const counts = new Map<string, number>();
  for (const { name, entry } of rows) {
    // The entry of a partial index counts only the rows that are in it.
    counts.set(name, Math.max(counts.get(name) ?? 0, Number.parseInt(entry, 10) || 0));
  }
  return counts;
}

async function rowidRange(
  connection: Connection,
  table: CatalogTable,
  fileSize: number,
): Promise<number | undefined> {
  if (table.rowidName === undefined) return undefined;
  const rowid = quote(table.rowidName);
  const from = quoteTable('main', table.name);
  // Two queries: each goes straight to one end of the table.
  const range = await connection.get<{ first: number | null; last: number | null }>(
    `SELECT (SELECT min(${rowid}) FROM ${from}) AS first, (SELECT max(${rowid}) FROM ${from}) AS last`,
  );
  if (!range || range.first === null || range.last === null) return 0;
  const estimate = range.last - range.first + 1;
  return estimate * smallestRow <= fileSize ? estimate : undefined;
}
