import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import type { Connection } from '../connect/connection.ts';
import { matchByTargetKey, matchReplaced, sidesOf } from '../rows/comparedTables.ts';
import { countStoredRows } from '../rows/counts.ts';
import { noteKeyed, noteWhole } from '../rows/noteDifferences.ts';
import { kinds } from '../rows/notedRows.ts';
import type { TablePair } from '../rows/rowComparison.ts';

/**
 * Compares the present rows of a table with the backup, by the values that SQLite reads back. `differingBefore`:
 * how many rows had the key of one of the backup, and other values, before rows were inserted. Throws `verification` with the row, `cancelled`.
 */
export async function verifyTable(
  connection: Connection,
  pair: TablePair,
  mode: RestoreMode,
  differingBefore: number,
  signal?: AbortSignal,
): Promise<void> {
  const { target, plan } = pair;
  const first = plan.backup.rows;
  const second = mode === 'replace' ? await countStoredRows(connection, 'main', target.name, signal) : first;
  if (second !== first)
    throw failedVerification(`it has ${second} rows, but the backup has ${first}`, pair.plan.target);
  const match = mode === 'replace' ? matchReplaced(pair) : matchByTargetKey(pair, plan.key ?? []);
  if (!match && mode !== 'replace')
    throw failedVerification('its rows cannot be identified', pair.plan.target);
  if (!match) return verifyAsMultiset(connection, pair, signal);
  const others = mode === 'replace' ? ('counted' as const) : ('passed over' as const);
  const options = { signal, others, ...(mode === 'insert-missing' ? {} : { most: 0 }) };
  const { noted, counts, complete } = await noteKeyed(connection, match, { first, second }, options);
  const row = await noted.first(mode === 'insert-missing' ? [kinds.onlyInFirst] : undefined);
  await noted.forget();
  if (row) {
    const which = row.row === null ? 'a row' : `the row with rowid ${row.row}`;
    const isChanged = row.kind === kinds.changed;
    throw failedVerification(
      `${which} ${isChanged ? 'has different values than in the backup' : 'is not there'}`,
      pair.plan.target,
    );
  }
  if (!complete) throw failedVerification('its rows cannot be identified', pair.plan.target);
  const differing = counts.changed - differingBefore;
  if (differing !== 0)
    throw failedVerification(`${differing} of the inserted rows differ from the backup`, pair.plan.target);
}

/** Where nothing tells rows apart: each row must be there as often as in the backup; the counts are equal already. */
async function verifyAsMultiset(
  connection: Connection,
  pair: TablePair,
  signal?: AbortSignal,
): Promise<void> {
  const { noted, counts } = await noteWhole(connection, sidesOf(pair), undefined, signal);
  await noted.forget();
  if (counts.onlyInFirst > 0)
    throw failedVerification('some of its rows differ from the backup', pair.plan.target);
}

/** `table`: the one of which the reason is. */
export function failedVerification(reason: string, table?: TableName): RestorePointError {
  return new RestorePointError(
    'verification',
    `The restored database differs from the backup: ${reason}`,
    table ? { place: { table: formatTableName(table) } } : {},
  );
}
