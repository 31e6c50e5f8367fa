import type { RestoreMode } from '../../core/plan.ts';
import type { Sequence } from '../../core/schema.ts';
import type { CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { sameName } from './identifiers.ts';

/**
 * Sets the AUTOINCREMENT counter of a restored table: in mode `replace` to what it was, or to none; in the others it
 * never goes back. The loaded rows have raised it already where they had to.
 */
export async function restoreCounter(
  connection: Connection,
  table: CatalogTable,
  sequences: readonly Sequence[],
  mode: RestoreMode,
): Promise<void> {
  if (!table.autoincrement) return;
  const sequence = sequences.find((candidate) => sameName(candidate.table?.name ?? '', table.name));
  const value = sequence?.lastValue;
  if (mode === 'replace') {
    await connection.run('DELETE FROM main.sqlite_sequence WHERE name = ?', [table.name]);
  } else if (value !== undefined) {
    // The binding would be a REAL past 2^31: as text it is cast exactly.
    await connection.run('DELETE FROM main.sqlite_sequence WHERE name = ? AND seq < CAST(? AS INTEGER)', [
      table.name,
      value,
    ]);
  }
  if (value === undefined) return;
  await connection.run(
    `INSERT INTO main.sqlite_sequence (name, seq) SELECT ?1, CAST(?2 AS INTEGER)
     WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ?1)`,
    [table.name, value],
  );
}
