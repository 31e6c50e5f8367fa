import type { Sequence } from '../../../core/schema.ts';
import { type CatalogTable, hasSystemTable } from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quoteTable, sameName } from '../connect/identifiers.ts';

/** AUTOINCREMENT counters. SQLite also ignores a counter that is not an integer. */
export async function readCounters(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
): Promise<{ readonly name: string; readonly value: string }[]> {
  if (!(await hasSystemTable(connection, schema, 'sqlite_sequence', signal))) return [];
  return connection.all(
    `SELECT name AS name, CAST(seq AS TEXT) AS value FROM ${quoteTable(schema, 'sqlite_sequence')}
     WHERE typeof(seq) = 'integer' AND typeof(name) = 'text' ORDER BY rowid`,
    [],
    signal,
  );
}

/**
 * Sets the AUTOINCREMENT counter of a table to which rows were added: it never goes back. The rows have raised it already
 * where they had to.
 */
export async function raiseCounter(
  connection: Connection,
  table: CatalogTable,
  sequences: readonly Sequence[],
): Promise<void> {
  if (!table.autoincrement) return;
  const value = sequences.find(({ table: of }) => sameName(of?.name ?? '', table.name))?.lastValue;
  if (value === undefined) return;
  // The binding would be a REAL past 2^31: as text it is cast exactly.
  await connection.run('DELETE FROM main.sqlite_sequence WHERE name = ? AND seq < CAST(? AS INTEGER)', [
    table.name,
    value,
  ]);
  await connection.run(
    `INSERT INTO main.sqlite_sequence (name, seq) SELECT ?1, CAST(?2 AS INTEGER)
     WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ?1)`,
    [table.name, value],
  );
}
