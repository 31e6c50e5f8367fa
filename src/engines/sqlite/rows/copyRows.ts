import { type CatalogTable, dataColumnNames, hiddenRowid } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { quote } from '../connect/identifiers.ts';

/**
 * The statement that copies all rows between two tables of the same definition with SQLite's transfer optimisation,
 * which moves whole records and index entries; undefined where it would not be exact. `from` and `to` are quoted, and
 * `to` is empty. `OR FAIL` overrides conflict clauses of the table, which could skip or replace rows silently, and saves
 * the copy of every page that `OR ABORT` keeps; after an error, what was written stays there.
 */
export async function transferSql(
  connection: Connection,
  table: CatalogTable,
  from: string,
  to: string,
): Promise<string | undefined> {
  const sql = `INSERT OR FAIL INTO ${to} SELECT * FROM ${from}`;
  const rowidIsHidden = table.rowidName !== undefined && table.rowidColumn === undefined;
  const generated = table.columns.some((column) => column.generated);
  return (!rowidIsHidden && !generated) || (await movesRecords(connection, sql)) ? sql : undefined;
}

/** Whether the statement's program takes whole records over with their rowids, rather than making new ones. */
async function movesRecords(connection: Connection, sql: string): Promise<boolean> {
  try {
    const program = await connection.all<{ opcode: string }>(`EXPLAIN ${sql}`);
    const transfer = program.findIndex(({ opcode }) => opcode === 'RowCell');
    return transfer >= 0 && !program.slice(0, transfer).some(({ opcode }) => opcode === 'NewRowid');
  } catch (error) {
    // Row by row, a generated column could not be written: SQLite says so when it cannot transfer.
    if (isSqliteError(error, 'SQLITE_ERROR')) return false;
    throw error;
  }
}

/** The columns to list to copy a table's rows one by one: its hidden rowid, and its own columns. */
export function copiedColumns(table: CatalogTable): string[] {
  const rowid = hiddenRowid(table);
  return [...(rowid === undefined ? [] : [rowid]), ...dataColumnNames(table)];
}

export function quoteList(names: readonly string[], prefix = ''): string {
  return names.map((name) => prefix + quote(name)).join(', ');
}

/** `CREATE … name` as SQLite stores it, for another of the connection's databases. */
export function createIn(schema: string, sql: string): string {
  const match = /^CREATE (TABLE|INDEX|UNIQUE INDEX) /.exec(sql);
  if (!match) throw new Error(`SQLite never stores a statement like this: ${sql.slice(0, 40)}`);
  return `${match[0]}${quote(schema)}.${sql.slice(match[0].length)}`;
}
