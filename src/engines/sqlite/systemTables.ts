import type { Connection } from './connection.ts';
import { quote, quoteTable } from './identifiers.ts';
import { hasSystemTable } from './introspect.ts';
import { backupSchema } from './loadTable.ts';

/** A table of SQLite's own whose rows are about tables, and how SQLite is made to make it. */
interface SystemTable {
  readonly name: string;
  /** The column that names a table. */
  readonly about: string;
  readonly make: readonly string[];
}

const systemTables: readonly SystemTable[] = [
  {
    name: 'sqlite_sequence',
    about: 'name',
    make: [
      'CREATE TABLE main.restore_point_counter (n INTEGER PRIMARY KEY AUTOINCREMENT)',
      'DROP TABLE main.restore_point_counter',
    ],
  },
  { name: 'sqlite_stat1', about: 'tbl', make: ['ANALYZE main.sqlite_schema'] },
];

/**
 * Takes counters and statistics from a complete backup as they are, also those that mean nothing. Rows about tables
 * that the backup does not know stay.
 */
export async function restoreSystemTables(connection: Connection, signal?: AbortSignal): Promise<void> {
  for (const { name, about, make } of systemTables) {
    const inBackup = await hasSystemTable(connection, backupSchema, name, signal);
    const isThere = await hasSystemTable(connection, 'main', name, signal);
    if (!inBackup && !isThere) continue;
    if (!isThere) for (const statement of make) await connection.run(statement, [], signal);
    const to = quoteTable('main', name);
    const column = `${to}.${quote(about)}`;
    await connection.run(
      `DELETE FROM ${to} WHERE ${column} COLLATE NOCASE IN
         (SELECT name FROM ${quote(backupSchema)}.sqlite_schema WHERE type = 'table')`,
      [],
      signal,
    );
    if (!inBackup) continue;
    const from = quoteTable(backupSchema, name);
    await connection.run(
      `DELETE FROM ${to} WHERE EXISTS (SELECT 1 FROM ${from} AS b WHERE b.${quote(about)} IS ${column})`,
      [],
      signal,
    );
    await connection.run(`INSERT INTO ${to} SELECT * FROM ${from} ORDER BY rowid`, [], signal);
  }
}
