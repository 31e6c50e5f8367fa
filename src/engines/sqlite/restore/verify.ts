import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { countDiffering } from './loadTable.ts';
import {
  backupAlias,
  backupSchema,
  groupingOf,
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
  const values = groupingOf(plan.columns.map(quote));
  const places = values.map((_, index) => index + 1).join(', ');
  const counted = (schema: string, table: string): string =>
    `SELECT ${values.join(', ')}, count(*) FROM ${quoteTable(schema, table)} GROUP BY ${places}`;
  const difference = await connection.get(
    `SELECT count(*) AS n FROM
       (SELECT * FROM (${counted(backupSchema, backup.name)}) EXCEPT SELECT * FROM (${counted('main', target.name)}))
     HAVING n > 0`,
    [],
    signal,
  );
  if (difference) throw failed(pair, 'some of its rows differ from the backup');
}

function failed({ plan }: TablePair, reason: string): RestorePointError {
  return new RestorePointError('verification', `The restored database differs from the backup: ${reason}`, {
    place: { table: formatTableName(plan.target) },
  });
}
