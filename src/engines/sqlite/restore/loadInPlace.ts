import type { RestoreMode, TableChange } from '../../../core/plan.ts';
import type { Connection } from '../connect/connection.ts';
import { matchByTargetKey, matchReplaced } from '../rows/comparedTables.ts';
import { countStoredRows } from '../rows/counts.ts';
import { foldName, quote, quoteTable } from '../connect/identifiers.ts';
import { allowWhatStood, insertSql } from './loadTable.ts';
import { backupAlias, backupSchema, sameRow, type TablePair, targetAlias } from '../rows/rowComparison.ts';

/**
 * Brings rows over into a table with an index that SQLite cannot write, for want of something that only the application
 * registers. Only what differs is written, value by value: SQLite takes what is in no such index. Undefined where nothing
 * tells rows apart. Throws SQLite's errors, `cancelled`.
 */
export async function loadInPlace(
  connection: Connection,
  pair: TablePair,
  mode: RestoreMode,
  signal?: AbortSignal,
): Promise<TableChange | undefined> {
  const { plan, target, backup } = pair;
  const match = mode === 'replace' ? matchReplaced(pair) : matchByTargetKey(pair, plan.key ?? []);
  if (!match) return undefined;
  const { condition } = match.toSecond;
  await allowWhatStood(connection, pair);
  const [ours, theirs] = [
    `${quoteTable('main', target.name)} AS ${targetAlias}`,
    `${quoteTable(backupSchema, backup.name)} AS ${backupAlias}`,
  ];
  // A statement that SQLite cannot prepare is only made where it has a row to write.
  const write = async (rows: string, sql: string): Promise<number> => {
    const any = await connection.get(`SELECT 1 AS found FROM ${rows} LIMIT 1`, [], signal);
    return any === undefined ? 0 : connection.run(sql, [], signal);
  };
  const rowsBefore = await countStoredRows(connection, 'main', target.name, signal);
  const surplus = `WHERE NOT EXISTS (SELECT 1 FROM ${theirs} WHERE ${condition})`;
  if (mode === 'replace') await write(`${ours} ${surplus}`, `DELETE FROM ${ours} ${surplus}`);
  const where = `NOT EXISTS (SELECT 1 FROM ${ours} WHERE ${condition})`;
  const inserted = await write(`${theirs} WHERE ${where}`, insertSql(pair, 'replace', { where }));
  const updated = mode === 'insert-missing' ? 0 : await update(pair, condition, { ours, theirs, write });
  const rowsAfter = await countStoredRows(connection, 'main', target.name, signal);
  return { table: plan.target, rowsBefore, rowsAfter, inserted, updated };
}

interface Sides {
  readonly ours: string;
  readonly theirs: string;
  readonly write: (rows: string, sql: string) => Promise<number>;
}

/** Resolves to how many rows were updated at least. */
async function update(pair: TablePair, condition: string, { ours, theirs, write }: Sides): Promise<number> {
  const { plan, target } = pair;
  let most = 0;
  for (const column of plan.columns) {
    if (target.rowidColumn !== undefined && foldName(target.rowidColumn) === foldName(column)) continue;
    const same = sameRow({ ...pair, plan: { ...plan, columns: [column] } }, targetAlias, backupAlias);
    const differing = `${condition} AND NOT ${same}`;
    const value = `SELECT ${backupAlias}.${quote(column)} FROM ${theirs} WHERE ${condition}`;
    const written = await write(
      `${theirs} JOIN ${ours} ON ${differing}`,
      `UPDATE OR ABORT ${ours} SET ${quote(column)} = (${value})
       WHERE EXISTS (SELECT 1 FROM ${theirs} WHERE ${differing})`,
    );
    most = Math.max(most, written);
  }
  return most;
}
