import { randomUUID } from 'node:crypto';
import { cancelled } from '../../core/errors.ts';
import type { TableChange, TablePlan } from '../../core/plan.ts';
import type { WorkOptions } from '../engine.ts';
import type { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { isRowError, isSqliteError } from './errors.ts';
import { quote, quoteTable } from './identifiers.ts';
import { allowWhatStood, backupSchema, insertSql, takesIndexes } from './loadTable.ts';
import { backupAlias, matchRowids, sameRow, type TablePair, targetAlias } from './rowComparison.ts';
import { isIntact, type LiveFile, ProofOnDisk } from './soundTable.ts';

/** A smaller table is written sooner than it is compared. */
const worthwhileRows = 1_000;

/** Of so many rows at most one may differ: rows that are written one by one take several times as long as all at once. */
const rowsPerDifference = 30;

/**
 * Compares tables that are to become what the backup holds, and gives those back of which it suffices to write what differs:
 * little does, and all else is sound. `begin` is told of each. To be called within a transaction that has not written
 * anything.
 */
export async function findDiffering(
  live: LiveFile,
  pairs: readonly TablePair[],
  options: WorkOptions,
  begin: (table: TablePlan) => void,
): Promise<Map<TablePlan, DifferingRows>> {
  const { connection } = live;
  const found = new Map<TablePlan, DifferingRows>();
  const compared = pairs.filter(mayDifferLittle);
  try {
    for (const [index, pair] of compared.entries()) {
      begin(pair.plan);
      const { target: table, backup } = pair.plan;
      const place = { table, tableNumber: index + 1, tableCount: compared.length };
      options.report?.({ phase: 'compare', ...place, rows: 0, totalRows: backup.rows });
      const differing = await findInSound(live, pair, options);
      if (differing) found.set(pair.plan, differing);
    }
    return found;
  } catch (error) {
    if (!isSqliteError(error, 'SQLITE_CORRUPT')) throw error;
    options.logger.debug(`The database is not compared: ${error.message}`);
    // SQLite lets no transaction write that has met damaged pages.
    await connection.run('ROLLBACK');
    await connection.run('BEGIN IMMEDIATE', [], options.signal);
    return new Map();
  }
}

async function findInSound(
  live: LiveFile,
  pair: TablePair,
  options: WorkOptions,
): Promise<DifferingRows | undefined> {
  const { connection } = live;
  const { signal, logger } = options;
  const end = new AbortController();
  const proofSignal = AbortSignal.any([end.signal, ...(signal ? [signal] : [])]);
  const proof = await ProofOnDisk.begin(live, pair.target, { ...options, signal: proofSignal });
  let differing: DifferingRows | undefined;
  try {
    differing = await DifferingRows.find(connection, pair, signal);
  } catch (error) {
    // Pages that do not fit together may give a row twice.
    if (!isRowError(error)) throw error;
  } finally {
    if (!differing) end.abort(cancelled());
    await Promise.allSettled([proof.proven]);
  }
  if (!differing || (await proof.proven)) return differing;
  logger.debug(`SQLite checks ${pair.target.name} and its indexes`);
  return (await isIntact(connection, pair.target, signal)) ? differing : undefined;
}

function mayDifferLittle(pair: TablePair): boolean {
  const { target, backup, plan } = pair;
  return (
    !plan.create &&
    plan.backup.rows >= worthwhileRows &&
    takesIndexes(pair, 'replace') &&
    target.rowidName !== undefined &&
    backup.rowidName !== undefined
  );
}

/** What is known of a table before it is compared. */
interface Compared {
  readonly pair: TablePair;
  readonly rowsBefore: number;
  /** A temporary table with the rowids of all rows that are not the same on both sides. */
  readonly rowids: string;
  /** How many of these the backup has. */
  readonly missing: number;
}

/**
 * The rows of a table that are not as the backup holds them, found by their rowids. Within one transaction, in which nothing
 * else writes to the table: what was the same when it was compared still is.
 */
export class DifferingRows {
  readonly #connection: Connection;
  readonly #compared: Compared;

  private constructor(connection: Connection, compared: Compared) {
    this.#connection = connection;
    this.#compared = compared;
  }

  /** Compares a table with the backup. Undefined where it is less work to write all of it anew. Throws `cancelled`. */
  static async find(
    connection: Connection,
    pair: TablePair,
    signal?: AbortSignal,
  ): Promise<DifferingRows | undefined> {
    const { target, backup, plan } = pair;
    const { rows } = plan.backup;
    const most = Math.floor(rows / rowsPerDifference);
    const rowsBefore = await countRows(connection, 'main', target.name, signal);
    if (Math.abs(rows - rowsBefore) > most) return undefined;
    const name = quote(`restore_point_differing_${randomUUID()}`);
    const rowids = `temp.${name}`;
    await connection.run(`CREATE TEMP TABLE ${name} (row INTEGER PRIMARY KEY)`);
    const [ofTarget, ofBackup] = [rowidOf(targetAlias, target), rowidOf(backupAlias, backup)];
    const match = matchRowids(target, backup);
    const differing = await connection.run(
      `INSERT INTO ${rowids} SELECT ${ofBackup} FROM ${from(backupSchema, backup, backupAlias)} NOT INDEXED
       LEFT JOIN ${from('main', target, targetAlias)} ON ${match.condition}
       WHERE NOT (${match.found} IS NOT NULL AND ${sameRow(pair, targetAlias, backupAlias)}) LIMIT ${most + 1}`,
      [],
      signal,
    );
    if (differing > most) return undefined;
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
    return new DifferingRows(connection, { pair, rowsBefore, rowids, missing: differing });
  }

  /**
   * Removes what the backup does not hold, and inserts what it does. Its triggers have to be gone. False where that did not
   * make the table what the backup holds: then all of it has to be written, which knows more ways.
   */
  async bringOver(signal?: AbortSignal): Promise<boolean> {
    const { pair, rowids } = this.#compared;
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
    return (await this.findFault(signal)) === undefined;
  }

  get change(): TableChange {
    const { pair, rowsBefore, missing } = this.#compared;
    const { rows } = pair.plan.backup;
    const kept = rows - missing;
    return { table: pair.plan.target, rowsBefore, rowsAfter: rows, inserted: rows, updated: 0, kept };
  }

  /** In words, how the table is not what the backup holds, by the rows that were written and by the number of all. */
  async findFault(signal?: AbortSignal): Promise<string | undefined> {
    const { pair, rowids, missing } = this.#compared;
    const { target, backup, plan } = pair;
    const rows = await countRows(this.#connection, 'main', target.name, signal);
    if (rows !== plan.backup.rows) return `it has ${rows} rows, and the backup ${plan.backup.rows}`;
    const same = await this.#connection.get<{ n: number }>(
      `SELECT count(*) AS n FROM ${rowids} AS differing
       CROSS JOIN ${from(backupSchema, backup, backupAlias)} ON ${rowidOf(backupAlias, backup)} = differing.row
       JOIN ${from('main', target, targetAlias)} ON ${matchRowids(target, backup).condition}
       WHERE ${sameRow(pair, targetAlias, backupAlias)}`,
      [],
      signal,
    );
    return same?.n === missing
      ? undefined
      : `${missing - (same?.n ?? 0)} of its rows are not those of the backup`;
  }
}

function from(schema: string, { name }: { readonly name: string }, alias: string): string {
  return `${quoteTable(schema, name)} AS ${alias}`;
}

function rowidOf(alias: string, { rowidName }: { readonly rowidName?: string | undefined }): string {
  return `${alias}.${quote(rowidName ?? '')}`;
}
