import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { noteWhole } from '../rows/noteDifferences.ts';
import { countDiffering } from './loadTable.ts';
import {
  backupAlias,
  backupSchema,
  matchKey,
  matchReplaced,
  type RowMatch,
  sameRow,
  type TablePair,
  targetAlias,
} from '../rows/rowComparison.ts';

/**
 * Compares the present rows of a table with the backup, by the values that SQLite reads back. `differingBefore` is the
 * result of `countDiffering` before rows were inserted. Throws `verification` with the row, `cancelled`.
 */
export async function verifyTable(
  connection: Connection,
  pair: TablePair,
  mode: RestoreMode,
  differingBefore: number,
  signal?: AbortSignal,
): Promise<void> {
  if (mode === 'replace') return verifyReplaced(connection, pair, signal);
  const match = matchKey(pair.target, pair.plan.key ?? []);
  if (!match) throw failed(pair, 'its rows cannot be identified');
  if (mode === 'merge') return verifyRows(connection, pair, match, 'all', signal);
  await verifyRows(connection, pair, match, 'keys', signal);
  const differing = await countDiffering(connection, pair, signal);
  if (differing === differingBefore) return;
  throw failed(pair, `${differing - differingBefore} of the inserted rows differ from the backup`);
}

async function verifyReplaced(connection: Connection, pair: TablePair, signal?: AbortSignal): Promise<void> {
  const { target, plan } = pair;
  const rows = await countStoredRows(connection, 'main', target.name, signal);
  if (rows !== plan.backup.rows) {
    throw failed(pair, `it has ${rows} rows, but the backup has ${plan.backup.rows}`);
  }
  const match = matchReplaced(pair);
  if (match) await verifyRows(connection, pair, match, 'all', signal);
  else await verifyAsMultiset(connection, pair, signal);
}

/** Every row of the backup is in the target: as a whole, or at least its key. */
async function verifyRows(
  connection: Connection,
  pair: TablePair,
  match: RowMatch,
  what: 'all' | 'keys',
  signal?: AbortSignal,
): Promise<void> {
  const { target, backup } = pair;
  const same = what === 'all' ? sameRow(pair, targetAlias, backupAlias) : 'TRUE';
  const rowid = backup.rowidName === undefined ? 'NULL' : `${backupAlias}.${quote(backup.rowidName)}`;
  const missing = await connection.get<{ row: string | null; found: number }>(
    `SELECT CAST(${rowid} AS TEXT) AS row, ${match.found} IS NOT NULL AS found
     FROM ${quoteTable(backupSchema, backup.name)} AS ${backupAlias}
     LEFT JOIN ${quoteTable('main', target.name)} AS ${targetAlias} ON ${match.condition}
     WHERE NOT (${match.found} IS NOT NULL AND ${same}) LIMIT 1`,
    [],
    signal,
  );
  if (!missing) return;
  const which = missing.row === null ? 'a row' : `the row with rowid ${missing.row}`;
  throw failed(
    pair,
    `${which} ${missing.found ? 'has different values than in the backup' : 'is not there'}`,
  );
}

/** Where nothing tells rows apart: each row must be there as often as in the backup; the counts are equal already. */
async function verifyAsMultiset(
  connection: Connection,
  pair: TablePair,
  signal?: AbortSignal,
): Promise<void> {
  const { plan, target, backup } = pair;
  const sides = {
    first: { schema: backupSchema, table: backup, columns: plan.columns },
    second: { schema: 'main', table: target, columns: plan.columns },
  };
  const { noted, counts } = await noteWhole(connection, sides, undefined, signal);
  await noted.forget();
  if (counts.onlyInFirst > 0) throw failed(pair, 'some of its rows differ from the backup');
}

function failed({ plan }: TablePair, reason: string): RestorePointError {
  return new RestorePointError('verification', `The restored database differs from the backup: ${reason}`, {
    place: { table: formatTableName(plan.target) },
  });
}
