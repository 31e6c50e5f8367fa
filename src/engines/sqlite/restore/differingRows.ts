import { randomUUID } from 'node:crypto';
import type { TableChange, TablePlan } from '../../../core/plan.ts';
import type { WorkOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { isRowError, isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { allowWhatStood, insertSql } from './loadTable.ts';
import {
  backupAlias,
  backupSchema,
  keepsHiddenRowids,
  matchRowids,
  sameRow,
  type TablePair,
  targetAlias,
} from '../rows/rowComparison.ts';

/** A smaller table is written sooner than it is compared. */
const worthwhileRows = 1_000;

/**
 * At most one row in this many may differ: writing rows one by one takes several times as long as all at once, and all
 * of the file has to be read to be sure of it.
 */
const rowsPerDifference = 100;

/**
 * Compares tables with the backup, and returns those for which it suffices to write the rows that differ.
 * To be called within a transaction that has not written anything. Undefined where pages of the database are damaged.
 */
export async function findDiffering(
  connection: Connection,
  pairs: readonly TablePair[],
  options: WorkOptions,
): Promise<ReadonlyMap<TablePlan, DifferingRows> | undefined> {
  const compared = pairs.filter(mayDifferLittle);
  if (compared.length === 0) return new Map();
  const { signal, logger } = options;
  const found = new Map<TablePlan, DifferingRows>();
  options.report?.({ phase: 'compare' });
  try {
    for (const [index, pair] of compared.entries()) {
      const { target: table, backup } = pair.plan;
      const place = { table, tableNumber: index + 1, tableCount: compared.length };
      options.report?.({ phase: 'compare', ...place, rows: 0, totalRows: backup.rows });
      const rows = await findRows(connection, pair, signal);
      if (rows) found.set(pair.plan, new DifferingRows(connection, rows));
    }
    return found;
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    logger.debug(`The database is not compared: ${error.message}`);
    // SQLite lets no transaction write that has met damaged pages.
    await connection.rollBack();
    await connection.run('BEGIN IMMEDIATE', [], signal);
    return undefined;
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

interface FoundRows {
  readonly pair: TablePair;
  readonly rowsBefore: number;
  /** A temporary table with the rowids of all rows that are not the same on both sides. */
  readonly rowids: string;
  /** How many of these the backup has. */
  readonly missing: number;
  /** How many of these only the target has. */
  readonly others: number;
}

/** Undefined if it is less work to rewrite the whole table, or if the index cannot be understood. Throws `cancelled`. */
async function findRows(
  connection: Connection,
  pair: TablePair,
  signal?: AbortSignal,
): Promise<FoundRows | undefined> {
  const { target, backup, plan } = pair;
  const { rows } = plan.backup;
  const rowsBefore = await countStoredRows(connection, 'main', target.name, signal);
  const most = Math.floor(rows / rowsPerDifference);
  if (Math.abs(rows - rowsBefore) > most) return undefined;
  const name = quote(`restore_point_differing_${randomUUID()}`);
  const rowids = `temp.${name}`;
  await connection.run(`CREATE TEMP TABLE ${name} (row INTEGER PRIMARY KEY)`);
  const [ofTarget, ofBackup] = [rowidOf(targetAlias, target), rowidOf(backupAlias, backup)];
  const match = matchRowids(target, backup);
  try {
    const missing = await connection.run(
      `INSERT INTO ${rowids} SELECT ${ofBackup} FROM ${from(backupSchema, backup, backupAlias)} NOT INDEXED
       LEFT JOIN ${from('main', target, targetAlias)} ON ${match.condition}
       WHERE NOT (${match.found} IS NOT NULL AND ${sameRow(pair, targetAlias, backupAlias)}) LIMIT ${most + 1}`,
      [],
      signal,
    );
    if (missing > most) return undefined;
    // A backup that holds fewer than it says is for the verification to refuse.
    if ((await countStoredRows(connection, backupSchema, backup.name, signal)) !== rows) return undefined;
    const absent = await connection.get<{ n: number }>(
      `SELECT count(*) AS n FROM ${rowids} AS differing WHERE NOT EXISTS
         (SELECT 1 FROM ${from('main', target, targetAlias)} WHERE ${ofTarget} = differing.row)`,
      [],
      signal,
    );
    const others = rowsBefore - (rows - (absent?.n ?? 0));
    if (others < 0 || others > most) return undefined;
    if (others > 0) {
      await connection.run(
        `INSERT INTO ${rowids} SELECT ${ofTarget} FROM ${from('main', target, targetAlias)} NOT INDEXED WHERE NOT EXISTS
           (SELECT 1 FROM ${from(backupSchema, backup, backupAlias)} WHERE ${match.condition}) LIMIT ${most + 1}`,
        [],
        signal,
      );
    }
    return { pair, rowsBefore, rowids, missing, others };
  } catch (error) {
    // Pages that do not fit together may give a row twice.
    if (isRowError(error)) return undefined;
    throw error;
  }
}

/**
 * The rows of a table that differ from the backup, found by their rowids. The same transaction writes them,
 * and nothing else writes to the table.
 */
export class DifferingRows {
  readonly #connection: Connection;
  readonly #found: FoundRows;

  constructor(connection: Connection, found: FoundRows) {
    this.#connection = connection;
    this.#found = found;
  }

  /**
   * Removes what the backup does not hold, and inserts what it does. Its triggers have to be gone. False where that did not
   * make the table what the backup holds: then all of it has to be written, which knows more ways.
   */
  async bringOver(signal?: AbortSignal): Promise<boolean> {
    const { pair, rowids } = this.#found;
    const { target, backup } = pair;
    await allowWhatStood(this.#connection, pair);
    const chosen = (row: string): string => `${row} IN (SELECT row FROM ${rowids})`;
    try {
      await this.#connection.run(
        `DELETE FROM ${quoteTable('main', target.name)} WHERE ${chosen(quote(target.rowidName ?? ''))}`,
        [],
        signal,
      );
      const where = chosen(rowidOf(backupAlias, backup));
      await this.#connection.run(insertSql(pair, 'replace', { where }), [], signal);
    } catch (error) {
      if (isRowError(error)) return false;
      throw error;
    }
    return this.#isBroughtOver(signal);
  }

  /** No row of the table is written: it was compared as it stays. */
  get isNone(): boolean {
    return this.#found.missing + this.#found.others === 0;
  }

  get change(): TableChange {
    const { pair, rowsBefore, missing, others } = this.#found;
    const { target, backup } = pair.plan;
    const { rows } = backup;
    const written = { inserted: rows, updated: 0, kept: rows - missing, removed: others };
    return { table: target, rowsBefore, rowsAfter: rows, ...written };
  }

  /** Whether the rows that were written are those of the backup, and there are as many as there. */
  async #isBroughtOver(signal?: AbortSignal): Promise<boolean> {
    const { pair, rowids, missing } = this.#found;
    const { target, backup, plan } = pair;
    if ((await countStoredRows(this.#connection, 'main', target.name, signal)) !== plan.backup.rows)
      return false;
    const same = await this.#connection.get<{ n: number }>(
      `SELECT count(*) AS n FROM ${rowids} AS differing
       CROSS JOIN ${from(backupSchema, backup, backupAlias)} ON ${rowidOf(backupAlias, backup)} = differing.row
       JOIN ${from('main', target, targetAlias)} ON ${matchRowids(target, backup).condition}
       WHERE ${sameRow(pair, targetAlias, backupAlias)}`,
      [],
      signal,
    );
    return same?.n === missing;
  }
}

function from(schema: string, { name }: { readonly name: string }, alias: string): string {
  return `${quoteTable(schema, name)} AS ${alias}`;
}

function rowidOf(alias: string, { rowidName }: { readonly rowidName?: string | undefined }): string {
  return `${alias}.${quote(rowidName ?? '')}`;
}
