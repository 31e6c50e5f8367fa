import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
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
  targetAlias,
  type TablePair,
} from '../rows/rowComparison.ts';
import { sorting } from './restoreSettings.ts';

/**
 * Replaces all rows of one table, inside the restore's transaction. Resolves to how many there were, and are now. Throws
 * `database` with the row, `cancelled`.
 */
export async function loadTable(
  connection: Connection,
  pair: TablePair,
  signal?: AbortSignal,
): Promise<{ before: number; after: number }> {
  const to = quoteTable('main', pair.target.name);
  await allowWhatStood(connection, pair);
  const before = await connection.run(`DELETE FROM ${to}`, [], signal);
  try {
    return { before, after: await insertRows(connection, pair, signal) };
  } catch (error) {
    if (!isRowError(error)) throw error;
    // The failed statement undid itself; a transfer before its REINDEX may still be there.
    await connection.run(`DELETE FROM ${to}`, [], signal);
    const total = await countStoredRows(connection, backupSchema, pair.backup.name, signal);
    const write = (from: number, until: number): Promise<number> =>
      connection.run(insertSql(pair, { range: ` LIMIT ${until - from} OFFSET ${from}` }), [], signal);
    const [failing] = await findRefused(connection, total, write, 1);
    const place = { table: formatTableName(pair.plan.target), ...(failing ? { row: failing.at } : {}) };
    throw describeFailure(failing?.error ?? error, 'database', place);
  }
}

/** A row that stood in a table of this definition may come back into it, also if it was there before its constraint. */
export async function allowWhatStood(connection: Connection, { target, backup }: TablePair): Promise<void> {
  await connection.all(`PRAGMA ignore_check_constraints = ${target.sql === backup.sql ? 'ON' : 'OFF'}`);
}

/** Resolves to how many rows were inserted. */
async function insertRows(connection: Connection, pair: TablePair, signal?: AbortSignal): Promise<number> {
  const { target, backup } = pair;
  const to = quoteTable('main', target.name);
  const from = quoteTable(backupSchema, backup.name);
  const transfer = target.sql === backup.sql ? await transferSql(connection, target, from, to) : undefined;
  if (transfer === undefined) return connection.run(insertSql(pair, {}), [], signal);
  const written = await connection.run(transfer, [], signal);
  // The entries of indexes came along unread: they may not match the rows, if they did not in the database that was backed up.
  if (target.indexes.length > 0) await sorting(connection, () => connection.run(`REINDEX ${to}`, [], signal));
  return written;
}

interface Inserted {
  readonly mode?: RestoreMode;
  readonly where?: string;
  readonly range?: string;
}

/**
 * Inserts the backup's rows that match `where`. `OR ABORT` overrides conflict clauses of the table, which could skip or
 * replace rows silently.
 */
export function insertSql(
  pair: TablePair,
  { mode = 'replace', where = 'TRUE', range = '' }: Inserted,
): string {
  const { plan, target, backup } = pair;
  const keepRowids = mode === 'replace' && keepsHiddenRowids(pair);
  const into = [...(keepRowids ? [target.rowidName ?? ''] : []), ...plan.columns];
  const from = [...(keepRowids ? [backup.rowidName ?? ''] : []), ...plan.columns];
  return [
    `INSERT OR ABORT INTO ${quoteTable('main', target.name)} AS ${targetAlias} (${quoteList(into)})`,
    `SELECT ${quoteList(from, `${backupAlias}.`)}`,
    `FROM ${quoteTable(backupSchema, backup.name)} AS ${backupAlias} NOT INDEXED`,
    `WHERE ${where}${backupOrder(backup)}${range}`,
  ].join(' ');
}

/** A row that a table does not take, counted from 1. */
export interface RefusedRow {
  readonly at: number;
  readonly error: unknown;
}

/**
 * The rows that the table does not take, of `total` rows: writes ever smaller runs of them, each from where the last one
 * succeeded, which is about as much work as one load, and then longer ones again. `write` is given how many rows come before,
 * and up to which. All others are written, unless `most` rows are refused: then no more of them is of interest.
 */
export async function findRefused(
  connection: Connection,
  total: number,
  write: (from: number, until: number) => Promise<unknown>,
  most = Infinity,
): Promise<readonly RefusedRow[]> {
  const refused: RefusedRow[] = [];
  let step = Math.max(1, Math.ceil(total / 2));
  for (let done = 0; done < total && refused.length < most;) {
    await connection.run('SAVEPOINT restore_point_run');
    try {
      await write(done, done + step);
      done += step;
      if (refused.length > 0) step *= 2;
    } catch (error) {
      if (!isRowError(error)) throw error;
      await connection.run('ROLLBACK TO restore_point_run');
      if (step === 1) refused.push({ at: (done += 1), error });
      step = Math.ceil(step / 2);
    }
    await connection.run('RELEASE restore_point_run');
  }
  return refused;
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
