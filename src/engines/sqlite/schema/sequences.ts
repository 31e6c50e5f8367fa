import type { Sequence } from '../../../core/schema.ts';
import type { CatalogTable } from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { sameName } from '../connect/identifiers.ts';

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
