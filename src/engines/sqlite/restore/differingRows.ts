import type { WorkOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { isSqliteError } from '../connect/errors.ts';
import { isSoundFile } from './soundFile.ts';
import { matchByRowid } from '../rows/comparedTables.ts';
import { noteKeyed } from '../rows/noteDifferences.ts';
import type { NotedCounts, NotedRows } from '../rows/notedRows.ts';
import { backupSchema, keepsHiddenRowids, type TablePair } from '../rows/rowComparison.ts';

/** A smaller table is written sooner than it is compared. */
const worthwhileRows = 1_000;

/**
 * At most one row in this many may differ: writing rows one by one takes several times as long as all at once, and all
 * of the file has to be read to be sure of it.
 */
const rowsPerDifference = 100;

/**
 * Compares tables with the backup, and returns those for which it suffices to write the rows that differ. Meanwhile another
 * connection checks the whole file. To be called within a transaction that has not written anything. Undefined where the
 * file is damaged.
 */
export async function findDiffering(
  connection: Connection,
  file: string,
  pairs: readonly TablePair[],
  options: WorkOptions,
): Promise<ReadonlyMap<TablePair['plan'], DifferingRows> | undefined> {
  const compared = pairs.filter(mayDifferLittle);
  const found = new Map<TablePair['plan'], DifferingRows>();
  if (compared.length === 0) return found;
  const { signal, logger, report } = options;
  const end = new AbortController();
  const signals = [end.signal, ...(signal ? [signal] : [])];
  let sound: Promise<boolean> | undefined;
  report?.({ phase: 'compare' });
  try {
    for (const [index, pair] of compared.entries()) {
      const { target: table, backup } = pair.plan;
      const place = { table, tableNumber: index + 1, tableCount: compared.length, totalRows: backup.rows };
      report?.({ phase: 'compare', ...place, rows: 0 });
      const most = Math.floor(backup.rows / rowsPerDifference);
      // So many were compared, and few of them differ.
      const done = (rows: number): void => {
        sound ??= isSoundFile(file, { ...options, signal: AbortSignal.any(signals) });
        sound.catch(() => 'thrown where it is awaited');
        report?.({ phase: 'compare', ...place, rows });
      };
      const rows = await findRows(connection, pair, most, { signal, done });
      if (rows) found.set(pair.plan, rows);
    }
    return found.size === 0 || (await sound) === true ? found : undefined;
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    logger.debug(`The database is not compared: ${error.message}`);
    // SQLite lets no transaction write that has met damaged pages.
    await connection.rollBack();
    await connection.run('BEGIN IMMEDIATE', [], signal);
    return undefined;
  } finally {
    end.abort();
    await sound?.catch(() => 'not needed any more');
  }
}

/** Whether it may pay, and rows keep their rowids. Of generated columns SQLite may have stored other values than it would now. */
function mayDifferLittle(pair: TablePair): boolean {
  const { target, backup, plan } = pair;
  return (
    !plan.create &&
    plan.backup.rows >= worthwhileRows &&
    target.sql === backup.sql &&
    (target.rowidColumn !== undefined || keepsHiddenRowids(pair)) &&
    !target.columns.some(({ generated }) => generated)
  );
}

interface FindOptions {
  readonly signal?: AbortSignal | undefined;
  readonly done?: (rows: number) => void;
}

/** Undefined if it is less work to rewrite the whole table. Throws `cancelled`. */
export async function findRows(
  connection: Connection,
  pair: TablePair,
  most: number,
  { signal, done }: FindOptions,
): Promise<DifferingRows | undefined> {
  const { target, backup, plan } = pair;
  const { rows } = plan.backup;
  const rowsBefore = await countStoredRows(connection, 'main', target.name, signal);
  if (Math.abs(rows - rowsBefore) > most) return undefined;
  // A backup that holds fewer than it says is for the verification to refuse.
  if ((await countStoredRows(connection, backupSchema, backup.name, signal)) !== rows) return undefined;
  const counts = { first: rows, second: rowsBefore };
  const found = await noteKeyed(connection, matchByRowid(pair), counts, {
    signal,
    most,
    ...(done ? { done } : {}),
  });
  if (found.complete) return { ...found, rowsBefore };
  await found.noted.forget();
  return undefined;
}

/** The rows of a table that differ from the backup, found by their rowids. */
export interface DifferingRows {
  readonly rowsBefore: number;
  readonly noted: NotedRows;
  readonly counts: NotedCounts;
}
