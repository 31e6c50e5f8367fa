import { RestorePointError } from '../../../core/errors.ts';
import type { BackedUpTable } from '../../../core/manifest.ts';
import { freeBytes } from '../../../core/memory.ts';
import { tableKey, type TableName } from '../../../core/names.ts';
import type { TableChange, TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { withoutEndMark } from '../connect/endMark.ts';
import { copyRows, writersOf } from './copyRows.ts';
import { hasState, state } from '../connect/errors.ts';
import { quoteName } from '../connect/identifiers.ts';
import { buildIndexes, dropIndexes, findUnique } from './indexes.ts';
import { bytesOf, payloadOf } from '../payload/payloadRows.ts';
import { TableProgress } from '../rows/progress.ts';
import type { RootTable } from './rootPartitions.ts';
import { copyQueryOut, ExactColumns } from '../rows/selectRows.ts';
import { loadUsersRows } from '../schema/extensionTables.ts';
import { SentRows, type WatchedRows } from './sentRows.ts';
import {
  createStaging,
  indexStaging,
  insertMissing,
  type Merged,
  mergeStaged,
  type Staging,
  stagedRows,
} from './staging.ts';
import type { Transaction } from '../connect/transaction.ts';
import { digestRows, type Rows } from './verify.ts';

/** From this size on, it is worthwhile to ask for the types of the values. */
const convertedBytes = 1024 * 1024;

/** As many rows as are deleted in less time than TRUNCATE takes. */
const fewRows = 1000;

/** Where there are publications, a table that has no replica identity may not be deleted from. */
const truncatedQuery = `
  SELECT x.name
    FROM json_to_recordset($1::json) x (name text, few boolean)
   WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(x.name))
     AND has_table_privilege(to_regclass(x.name), 'TRUNCATE')
     AND NOT (x.few AND pg_table_size(to_regclass(x.name)) < 1048576
              AND has_table_privilege(to_regclass(x.name), 'DELETE')
              AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = to_regclass(x.name) AND ev_type = '4')
              AND NOT EXISTS (SELECT FROM pg_publication))`;

/** Rows that wait for their table, and what has to be found of them in it. */
export interface StagedRows {
  readonly staging: Staging;
  readonly expected: Rows;
}

/** Puts the rows of a backup into their tables. What evaluates code of users runs under the user's own search path. */
export class RowLoading {
  readonly sent: SentRows;
  readonly #transaction: Transaction;
  readonly #restore: RestoreSource;
  readonly #options: WorkOptions;
  readonly #progress: TableProgress;
  /** By the key of the table in the backup. */
  readonly #places: ReadonlyMap<string, number>;
  /** Of those that are there, by their keys. */
  #rowsBefore: ReadonlyMap<string, number> = new Map();
  /** Quoted names of those that are emptied by TRUNCATE. */
  #truncated: ReadonlySet<string> = new Set();
  #roots: ReadonlyMap<string, RootTable> = new Map();
  /** See `loadUsersRows`. */
  #usersRows: ReadonlyMap<string, string> = new Map();
  /** Those whose partitions have been emptied. */
  readonly #emptied = new Set<RootTable>();
  /** By the table's key: rows that are needed again after they were loaded. */
  readonly #staged = new Map<string, StagedRows>();

  constructor(transaction: Transaction, restore: RestoreSource, options: WorkOptions) {
    this.#transaction = transaction;
    this.#restore = restore;
    this.#options = options;
    this.sent = new SentRows(transaction, options.logger);
    this.#progress = this.progressOf('load');
    this.#places = new Map(
      restore.plan.tables.map(({ backup }, index) => [tableKey(backup.table.name), index]),
    );
  }

  /** `rowsBefore`: of the tables that are there, by their keys; `roots`: see `findRoots`. */
  async prepare(
    targets: readonly TableName[],
    rowsBefore: ReadonlyMap<string, number>,
    roots: ReadonlyMap<string, RootTable>,
  ): Promise<void> {
    this.#rowsBefore = rowsBefore;
    this.#roots = roots;
    this.#usersRows = await loadUsersRows(this.#transaction);
    this.#truncated = await this.#findTruncated(targets);
  }

  async load(table: TablePlan): Promise<TableChange> {
    this.#progress.enter(this.placeOf(table));
    const root = this.rootOf(table);
    if (this.#restore.plan.mode !== 'replace' && (root || !table.create))
      return await this.#merge(table, root);
    return await this.#replace(table, root);
  }

  /** The table through which the rows of this one find their partitions; undefined where they stay in it. */
  rootOf({ backup }: TablePlan): RootTable | undefined {
    // A table that moves into another schema keeps the name that it has in the backup.
    return this.#roots.get(tableKey(backup.table.name));
  }

  /** SQL: which rows of a table are the users'; undefined where all are. */
  usersRowsOf({ target }: TablePlan): string | undefined {
    return this.#usersRows.get(tableKey(target));
  }

  stagedOf(table: TablePlan): StagedRows | undefined {
    return this.#staged.get(tableKey(table.target));
  }

  progressOf(phase: 'load' | 'verify'): TableProgress {
    const work = this.#restore.plan.tables.map(({ backup, target }) => {
      const totalBytes = this.totalBytes(backup);
      return { table: target, weight: totalBytes, totalRows: backup.rows, totalBytes };
    });
    return new TableProgress(phase, work, this.#options.report);
  }

  totalBytes(table: BackedUpTable): number {
    return bytesOf(payloadOf(this.#restore.manifest, table));
  }

  placeOf(table: TablePlan): number {
    return this.#places.get(tableKey(table.backup.table.name)) ?? -1;
  }

  async #replace(table: TablePlan, root: RootTable | undefined): Promise<TableChange> {
    const rowsBefore = this.#rowsBefore.get(tableKey(table.target)) ?? 0;
    if (root) {
      await this.#emptyAll(root);
      const rows = await this.#copyInto({ name: quoteName(root.root) }, table);
      return { table: table.target, rowsBefore, rowsAfter: rows, inserted: rows, updated: 0 };
    }
    const fresh = table.create || (await this.#empty(table.target));
    const all = this.usersRowsOf(table) === undefined;
    const watched = all ? this.sent.watch(table, this.totalBytes(table.backup)) : undefined;
    // No other session can see a new or truncated table, so no later reader has to find out who wrote its rows.
    const rowsAfter = await this.#copyInto({ name: quoteName(table.target), frozen: fresh }, table, watched);
    watched?.end();
    return { table: table.target, rowsBefore, rowsAfter, inserted: rowsAfter, updated: 0 };
  }

  async #merge(table: TablePlan, root: RootTable | undefined): Promise<TableChange> {
    const transaction = this.#transaction;
    const rowsBefore = this.#rowsBefore.get(tableKey(table.target)) ?? 0;
    const staging = await createStaging(transaction, table, this.placeOf(table), root?.root);
    await this.#copyInto({ name: staging.name }, table);
    await indexStaging(transaction, staging, table);
    let expected: Rows = { rows: table.backup.rows, digest: table.backup.digest };
    let change = { inserted: 0, updated: 0 };
    if (this.#restore.plan.mode === 'merge') change = await this.#mergeFinal(staging, table);
    else {
      change.inserted = await insertMissing(transaction, staging, table);
      const exact = await ExactColumns.load(transaction, [table.target]);
      const query = stagedRows(staging, table, exact);
      expected = await digestRows((take) => copyQueryOut(transaction, table.target, query, take));
    }
    this.#staged.set(tableKey(table.target), { staging, expected });
    return { table: table.target, rowsBefore, rowsAfter: rowsBefore + change.inserted, ...change };
  }

  /**
   * The final state decides which values are unique, and not the order of rows, in which the server looks: where they
   * clash on the way, what keeps them apart makes room and is put back after all of them.
   */
  async #mergeFinal(staging: Staging, table: TablePlan): Promise<Merged> {
    const transaction = this.#transaction;
    try {
      return await transaction.attempt(() => mergeStaged(transaction, staging, table));
    } catch (error) {
      const clash =
        RestorePointError.is(error) && hasState(error.cause, state.uniqueViolation, state.exclusionViolation);
      const indexes = clash ? await findUnique(transaction, table.target) : [];
      if (indexes.length === 0) throw error;
      await dropIndexes(transaction, indexes);
      const merged = await mergeStaged(transaction, staging, table);
      await buildIndexes(transaction, indexes);
      return merged;
    }
  }

  /**
   * TRUNCATE needs no scan and leaves no dead rows, but refuses tables that a foreign key still references. It also
   * creates new files, which takes longer than deleting a few rows if no trigger or rule interferes.
   */
  async #findTruncated(targets: readonly TableName[]): Promise<Set<string>> {
    const wanted = targets.map((target) => ({
      name: quoteName(target),
      few: (this.#rowsBefore.get(tableKey(target)) ?? 0) <= fewRows,
    }));
    const rows = await this.#transaction.rows<{ name: string }>(truncatedQuery, [JSON.stringify(wanted)]);
    return new Set(rows.map(({ name }) => name));
  }

  /** Rows of one partition may come into all of them. */
  async #emptyAll(root: RootTable): Promise<void> {
    if (this.#emptied.has(root)) return;
    this.#emptied.add(root);
    for (const leaf of root.leaves) await this.#empty(leaf);
  }

  /** Resolves to whether it is as if the table were new. */
  async #empty(target: TableName): Promise<boolean> {
    const name = quoteName(target);
    const users = this.#usersRows.get(tableKey(target));
    const truncates = users === undefined && this.#truncated.has(name);
    const where = users === undefined ? '' : ` WHERE ${users}`;
    const sql = `${truncates ? 'TRUNCATE' : 'DELETE FROM'} ONLY ${name}${where}`;
    await this.#transaction.underOwnPath(() => this.#transaction.run(sql));
    return truncates;
  }

  async #copyInto(
    into: { readonly name: string; readonly frozen?: boolean },
    table: TablePlan,
    watched?: WatchedRows,
  ): Promise<number> {
    const { target, columns, backup } = table;
    const large = this.totalBytes(backup) >= convertedBytes;
    const writers = large ? await writersOf(this.#transaction, target, columns) : undefined;
    const sent = (piece: Uint8Array): void => {
      // The server works meanwhile on what it was sent.
      watched?.add(piece);
      this.#progress.add(0, piece.length);
    };
    const rows = await this.#transaction.underOwnPath(() =>
      copyRows(this.#transaction, { ...into, columns, writers }, this.#bytesOf(table), sent),
    );
    if (rows === backup.rows) return rows;
    throw new RestorePointError(
      'verification',
      `${rows} rows were loaded, but the backup has ${backup.rows}`,
    );
  }

  async *#bytesOf(table: TablePlan): AsyncIterable<Uint8Array> {
    const { source, manifest } = this.#restore;
    const payload = payloadOf(manifest, table.backup);
    let [chunk, position, end] = [0, 0, 0];
    for await (const bytes of withoutEndMark(source.read(payload, this.#options.signal))) {
      yield bytes;
      position += bytes.length;
      freeBytes(bytes);
      for (
        let next = payload.chunks[chunk];
        next && end + next.bytes <= position;
        next = payload.chunks[chunk]
      ) {
        this.#progress.add(next.rows, 0);
        end += next.bytes;
        chunk += 1;
      }
    }
  }
}
