import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreMode, TableChange } from '../../../core/plan.ts';
import { ChangedRows } from './changedRows.ts';
import type { Connection } from '../connect/connection.ts';
import { quoteList, transferSql } from '../rows/copyRows.ts';
import { countStoredRows } from '../rows/counts.ts';
import { describeFailure, isRowError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import {
  backupAlias,
  backupOrder,
  backupSchema,
  keepsHiddenRowids,
  sameRow,
  targetAlias,
  type TablePair,
} from '../rows/rowComparison.ts';

/**
 * Brings the rows of one table over, inside the restore's transaction. Throws `database` with the row, `cancelled`.
 */
export async function loadTable(
  connection: Connection,
  pair: TablePair,
  mode: RestoreMode,
  signal?: AbortSignal,
): Promise<TableChange> {
  const { plan, target } = pair;
  const count = (): Promise<number> => countStoredRows(connection, 'main', target.name, signal);
  const to = quoteTable('main', target.name);
  await allowWhatStood(connection, pair);
  const rowsBefore =
    mode === 'replace' ? await connection.run(`DELETE FROM ${to}`, [], signal) : await count();
  let written = 0;
  let changed: ChangedRows | undefined;
  try {
    if (mode === 'merge') {
      changed = await ChangedRows.takeOut(connection, pair, signal);
      written += (await changed?.putBack(signal)) ?? 0;
      await changed?.forget();
      changed = undefined;
    }
    written += await insertRows(connection, pair, mode, signal);
  } catch (error) {
    if (!isRowError(error)) throw error;
    throw await withRow(connection, pair, { mode, changed }, error, signal);
  }
  // Verification counts what a replaced table has.
  const rowsAfter = mode === 'replace' ? written : await count();
  const inserted = mode === 'replace' ? written : rowsAfter - rowsBefore;
  const updated = mode === 'merge' ? written - inserted : 0;
  return { table: plan.target, rowsBefore, rowsAfter, inserted, updated };
}

/** A row that stood in a table of this definition may come back into it, also if it was there before its constraint. */
export async function allowWhatStood(connection: Connection, { target, backup }: TablePair): Promise<void> {
  await connection.all(`PRAGMA ignore_check_constraints = ${target.sql === backup.sql ? 'ON' : 'OFF'}`);
}

/** Resolves to how many rows were inserted or updated. */
async function insertRows(
  connection: Connection,
  pair: TablePair,
  mode: RestoreMode,
  signal?: AbortSignal,
): Promise<number> {
  const { plan, target, backup } = pair;
  // Even without rows, INSERT … SELECT would begin an AUTOINCREMENT counter.
  if (plan.backup.rows === 0 && mode !== 'replace') return 0;
  if (mode === 'replace' && target.sql === backup.sql) {
    const to = quoteTable('main', target.name);
    const transfer = await transferSql(connection, target, quoteTable(backupSchema, backup.name), to);
    if (transfer !== undefined) {
      const written = await connection.run(transfer, [], signal);
      // The entries of indexes came along unread: they may not match the rows, if they did not in the database that was backed up.
      if (target.indexes.length > 0) await connection.run(`REINDEX ${to}`, [], signal);
      return written;
    }
  }
  return connection.run(insertSql(pair, mode), [], signal);
}

/**
 * Inserts the backup's rows that match `where`. `OR ABORT` overrides conflict clauses of the table, which could skip or
 * replace rows silently.
 */
export function insertSql(
  pair: TablePair,
  mode: RestoreMode,
  { where = 'TRUE', range = '' }: { readonly where?: string; readonly range?: string } = {},
): string {
  const { plan, target, backup } = pair;
  const keepRowids = mode === 'replace' && keepsHiddenRowids(pair);
  const into = [...(keepRowids ? [target.rowidName ?? ''] : []), ...plan.columns];
  const from = [...(keepRowids ? [backup.rowidName ?? ''] : []), ...plan.columns];
  return [
    `INSERT OR ABORT INTO ${quoteTable('main', target.name)} AS ${targetAlias} (${quoteList(into)})`,
    `SELECT ${quoteList(from, `${backupAlias}.`)}`,
    `FROM ${quoteTable(backupSchema, backup.name)} AS ${backupAlias} NOT INDEXED`,
    // Without WHERE the parser would take ON CONFLICT for the beginning of a join.
    `WHERE ${where}${backupOrder(backup)}${range}`,
    conflictClause(pair, mode),
  ].join(' ');
}

function conflictClause(pair: TablePair, mode: RestoreMode): string {
  const { plan } = pair;
  if (mode === 'replace') return '';
  const key = quoteList(plan.key ?? []);
  if (mode === 'insert-missing') return `ON CONFLICT (${key}) DO NOTHING`;
  const changes = plan.columns.map((column) => `${quote(column)} = excluded.${quote(column)}`).join(', ');
  const same = sameRow(pair, targetAlias, 'excluded');
  return `ON CONFLICT (${key}) DO UPDATE SET ${changes} WHERE NOT ${same}`;
}

interface Loading {
  readonly mode: RestoreMode;
  /** Rows that left the table and are not back. */
  readonly changed?: ChangedRows | undefined;
}

/** The error with the number of the first row that the table does not take, counted from 1 in the backup's order. */
async function withRow(
  connection: Connection,
  pair: TablePair,
  loading: Loading,
  error: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const table = formatTableName(pair.plan.target);
  // The failed statement undid itself; a transfer before its REINDEX may still be there.
  if (loading.mode === 'replace') {
    await connection.run(`DELETE FROM ${quoteTable('main', pair.target.name)}`, [], signal);
  }
  const first = await findFailingRow(connection, pair, loading, signal);
  return first
    ? describeFailure(first.error, 'database', { table, row: first.row })
    : describeFailure(error, 'database', { table });
}

/** Inserts ever smaller runs of rows, each from where the last one succeeded: about as much work as one load. */
async function findFailingRow(
  connection: Connection,
  pair: TablePair,
  { mode, changed }: Loading,
  signal?: AbortSignal,
): Promise<{ row: number; error: unknown } | undefined> {
  const total = await countStoredRows(connection, backupSchema, pair.backup.name, signal);
  let step = Math.max(1, Math.ceil(total / 2));
  for (let done = 0; done < total;) {
    const range = ` LIMIT ${step} OFFSET ${done}`;
    await connection.run('SAVEPOINT restore_point_rows');
    try {
      await changed?.putBack(signal, `${backupOrder(pair.backup)}${range}`);
      await connection.run(insertSql(pair, mode, { range }), [], signal);
      done += step;
    } catch (error) {
      if (!isRowError(error)) throw error;
      if (step === 1) return { row: done + 1, error };
      step = Math.ceil(step / 2);
      await connection.run('ROLLBACK TO restore_point_rows');
    }
    await connection.run('RELEASE restore_point_rows');
  }
  return undefined;
}

/** Throws `refused` if rows of the backup cannot be identified, because a column of their key is NULL. */
export async function refuseNullKeys(
  connection: Connection,
  { plan, backup }: TablePair,
  signal?: AbortSignal,
): Promise<void> {
  const columns = plan.key ?? [];
  if (columns.length === 0) throw new Error(`The plan has no key for ${formatTableName(plan.target)}`);
  const row = await connection.get<{ n: number }>(
    `SELECT count(*) AS n FROM ${quoteTable(backupSchema, backup.name)}
     WHERE ${columns.map((column) => `${quote(column)} IS NULL`).join(' OR ')}`,
    [],
    signal,
  );
  if (!row?.n) return;
  throw new RestorePointError(
    'refused',
    `${row.n} rows of the backup have NULL in their key (${columns.join(', ')}) and cannot be identified`,
    {
      place: { table: formatTableName(plan.target) },
      next: 'Only the mode replace can restore this table.',
    },
  );
}
