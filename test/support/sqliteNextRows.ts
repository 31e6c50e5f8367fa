import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { openSqlite, quote } from './sqliteWitness.ts';

/**
 * What the next row of every table gets, table by table: its rowid, or the message with which it is refused. Nothing is
 * changed. Counters, defaults and triggers have their say in it.
 */
export function nextSqliteRows(file: string): string[] {
  const database = openSqlite(file);
  try {
    const tables = database.prepare('PRAGMA table_list').all();
    return tables
      .filter(({ schema, type }) => schema === 'main' && type === 'table')
      .map(({ name, wr }) => ({ name: String(name), hasRowid: wr === 0 }))
      .filter(({ name }) => !name.startsWith('sqlite_'))
      .map(({ name, hasRowid }) => `${JSON.stringify(name)} ${nextRow(database, name, hasRowid)}`)
      .toSorted();
  } finally {
    database.close();
  }
}

function nextRow(database: DatabaseSync, table: string, hasRowid: boolean): string {
  const columns = database.prepare(`PRAGMA table_xinfo(${quote(table)})`).all();
  const taken = new Set(columns.map(({ name }) => String(name).toLowerCase()));
  const rowid = hasRowid ? ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) : undefined;
  // After the last one that there is, SQLite chooses at random.
  if (rowid !== undefined && isFull(database, table, rowid)) return 'anywhere';
  const keyless = columns
    .filter(({ hidden, pk }) => hidden === 0 && pk === 0)
    .map(({ name }) => quote(String(name)));
  const like = `(${keyless.join(', ')}) SELECT ${keyless.join(', ')} FROM ${quote(table)} LIMIT 1`;
  const attempts = ['DEFAULT VALUES', ...(keyless.length > 0 ? [like] : [])];
  return attempts
    .map((values) => attempt(database, `INSERT INTO ${quote(table)} ${values} RETURNING ${rowid ?? '1'}`))
    .join(', ');
}

function isFull(database: DatabaseSync, table: string, rowid: string): boolean {
  const sql = `SELECT 1 FROM ${quote(table)} WHERE ${rowid} = 9223372036854775807`;
  return database.prepare(sql).get() !== undefined;
}

function attempt(database: DatabaseSync, sql: string): string {
  database.exec('BEGIN');
  try {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const [row] = statement.all() as unknown as SQLOutputValue[][];
    return row === undefined ? 'nothing' : String(row[0]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    // RAISE (ROLLBACK) and a full counter have ended it.
    if (database.isTransaction) database.exec('ROLLBACK');
  }
}
