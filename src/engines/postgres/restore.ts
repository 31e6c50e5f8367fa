import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable } from '../../core/manifest.ts';
import { freeBytes } from '../../core/memory.ts';
import { formatTableName, sameTable, tableKey, type TableName } from '../../core/names.ts';
import type { TableChange, TablePlan } from '../../core/plan.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { countRows } from './counts.ts';
import { copyRows, writersOf } from './copyRows.ts';
import { createObjects, inTurn } from './createObjects.ts';
import { type Armed, disarm, findArmed, findArmedDomains, rearm } from './disarm.ts';
import { describeFailure } from './errors.ts';
import {
  addForeignKeys,
  dropForeignKeys,
  foreignKeysToDrop,
  type LiveForeignKey,
  refuseForeignKeys,
} from './foreignKeys.ts';
import { quoteName } from './identifiers.ts';
import { buildIndexes, dropIndexes, findIndexes, isLarge, type LiveIndex, sortInMemory } from './indexes.ts';
import { lockTables } from './locks.ts';
import { bytesOf, payloadOf } from './payloadRows.ts';
import { TableProgress } from './progress.ts';
import { LargeObjectRestore } from './restoreLargeObjects.ts';
import {
  asReader,
  giveBack,
  type Loan,
  loadRights,
  readingLoans,
  loansOf,
  refuseRights,
  take,
  unforce,
} from './rights.ts';
import { loadOwnDefaults } from './schema/grants.ts';
import { lockSequences, setSequences } from './sequenceValues.ts';
import { ExactColumns, selectRows } from './selectRows.ts';
import { SentRows, type WatchedRows } from './sentRows.ts';
import {
  createStaging,
  indexStaging,
  insertMissing,
  mergeStaged,
  type Staging,
  stagedRows,
  stagedTargets,
} from './staging.ts';
import type { Transaction } from './transaction.ts';
import { findUnchecked } from './uncheckedConstraints.ts';
import { compareRows, digestRows, type Rows } from './verify.ts';

/** Bytes of rows from which on it pays to ask of which types their values are. */
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

/** What reading tables back takes. */
interface Reading {
  readonly exact: ExactColumns;
  /** By the keys of the tables. */
  readonly loans: ReadonlyMap<string, readonly Loan[]>;
}

/** See `RestoreTransaction`. */
export class PostgresRestore implements RestoreTransaction {
  readonly #transaction: Transaction;
  readonly #restore: RestoreSource;
  readonly #options: WorkOptions;
  readonly #loading: TableProgress;
  readonly #verifying: TableProgress;
  readonly #sent: SentRows;
  /** By the key of the table in the backup. */
  readonly #places: ReadonlyMap<string, number>;
  #foreignKeys: LiveForeignKey[] = [];
  #indexes: LiveIndex[] = [];
  #armed: Armed[] = [];
  /** Statements that give back what is not to be given to the objects that are made. */
  #defaults: readonly string[] = [];
  #loans: Loan[] = [];
  #largeObjects: LargeObjectRestore | undefined;
  /** Of those that are there, by their keys. */
  #rowsBefore: ReadonlyMap<string, number> = new Map();
  /** Quoted names of those that are emptied by TRUNCATE. */
  #truncated: ReadonlySet<string> = new Set();
  #reading: Reading | undefined;
  #sequences: Awaited<ReturnType<typeof lockSequences>> = [];
  /** By the table's key: rows of which more is needed after they were loaded. */
  readonly #staged = new Map<string, { staging: Staging; expected: Rows }>();

  constructor(transaction: Transaction, restore: RestoreSource, options: WorkOptions) {
    this.#transaction = transaction;
    this.#restore = restore;
    this.#options = options;
    this.#sent = new SentRows(transaction, options.logger);
    const work = restore.plan.tables.map(({ backup, target }) => {
      const totalBytes = this.#totalBytes(backup);
      return { table: target, weight: totalBytes, totalRows: backup.rows, totalBytes };
    });
    this.#places = new Map(
      restore.plan.tables.map(({ backup }, index) => [tableKey(backup.table.name), index]),
    );
    this.#loading = new TableProgress('load', work, options.report);
    this.#verifying = new TableProgress('verify', work, options.report);
  }

  async prepare(): Promise<void> {
    const { plan } = this.#restore;
    if (plan.create.length > 0 || plan.largeObjects) await this.#suspendDefaults();
    await createObjects(this.#transaction, inTurn(plan.create).before);
    const existing = plan.tables.filter(({ create }) => !create);
    const targets = existing.map(({ target }) => target);
    await this.#borrow(targets);
    await this.#lock(targets);
    const [rights, { armed, refusals }] = await this.#transaction.together(
      () => loadRights(this.#transaction, targets),
      () => findArmed(this.#transaction, existing, plan.mode),
    );
    if (refusals[0]) throw refusals[0];
    const forced = rights.flatMap(unforce);
    await take(this.#transaction, forced);
    this.#loans.push(...forced);
    await this.#transaction.run('SET CONSTRAINTS ALL IMMEDIATE');
    this.#armed.push(...armed);
    this.#armed.push(...(await findArmedDomains(this.#transaction, plan.tables)));
    this.#armed.push(...(await findUnchecked(this.#transaction, plan.tables)));
    this.#sequences = await lockSequences(this.#transaction, plan.sequences, this.#options.logger);
    await disarm(this.#transaction, this.#armed);
    await dropForeignKeys(this.#transaction, this.#foreignKeys);
    if (plan.mode === 'replace') {
      this.#indexes = await findIndexes(this.#transaction, plan.tables);
      await dropIndexes(this.#transaction, this.#indexes);
    }
    this.#rowsBefore = await countRows(this.#transaction, targets);
    this.#truncated = await this.#findTruncated(targets);
    if (plan.largeObjects) {
      this.#largeObjects = new LargeObjectRestore(
        this.#transaction,
        plan.largeObjects,
        this.#restore,
        this.#options,
      );
      await this.#largeObjects.load();
    }
  }

  async load(table: TablePlan): Promise<TableChange> {
    const { plan } = this.#restore;
    this.#loading.enter(this.#indexOf(table));
    try {
      if (table.create || plan.mode === 'replace') return await this.#replace(table);
      return await this.#merge(table);
    } catch (error) {
      throw inTable(error, table);
    }
  }

  async finish(): Promise<void> {
    const { plan } = this.#restore;
    const { after, last } = inTurn(plan.create);
    // Rights on a sequence that is made can be fewer than that takes.
    await setSequences(this.#transaction, this.#sequences, plan.mode !== 'replace');
    const large = new Set(
      plan.tables.filter(({ backup }) => isLarge(backup)).map(({ target }) => tableKey(target)),
    );
    if (large.size > 0) await sortInMemory(this.#transaction);
    await buildIndexes(this.#transaction, this.#indexes);
    await createObjects(this.#transaction, after, large);
    const restored = new Set(plan.tables.map(({ target }) => tableKey(target)));
    await addForeignKeys(this.#transaction, this.#foreignKeys, restored, large);
    await rearm(this.#transaction, this.#armed);
    await this.#transaction.run('SET CONSTRAINTS ALL IMMEDIATE');
    await giveBack(this.#transaction, this.#loans);
    for (const sql of this.#defaults) await this.#transaction.run(sql);
    // Whoever owns one may have given up the right to read it.
    await this.#largeObjects?.verify();
    await this.#largeObjects?.finish();
    await createObjects(this.#transaction, last);
  }

  async verify(table: TablePlan): Promise<void> {
    this.#verifying.enter(this.#indexOf(table));
    const { exact, loans } = await this.#readingOf(table.target);
    const staged = this.#staged.get(tableKey(table.target));
    const sql = staged
      ? stagedTargets(staged.staging, table, exact)
      : selectRows(this.#transaction, table.target, table.columns, exact);
    const expected = staged?.expected ?? { rows: table.backup.rows, digest: table.backup.digest };
    const found = await asReader(this.#transaction, loans.get(tableKey(table.target)) ?? [], async () => {
      if (await this.#sent.agree(table)) return undefined;
      return await digestRows(this.#transaction, sql, this.#verifying);
    });
    if (found) compareRows(table, expected, found);
    else this.#verifying.add(table.backup.rows, this.#totalBytes(table.backup));
  }

  commit(): Promise<void> {
    return this.#transaction.commit();
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback();
  }

  /** As the tables are now that all is made: of all of the plan at once, and of one that was moved by itself. */
  async #readingOf(target: TableName): Promise<Reading> {
    const targets = this.#restore.plan.tables.map((table) => table.target);
    const planned = targets.some((one) => sameTable(one, target));
    if (!planned) return this.#loadReading([target]);
    return (this.#reading ??= await this.#loadReading(targets));
  }

  async #loadReading(targets: readonly TableName[]): Promise<Reading> {
    const loans = await readingLoans(this.#transaction, targets);
    return { exact: await ExactColumns.load(this.#transaction, targets), loans };
  }

  async #suspendDefaults(): Promise<void> {
    const { off, on } = await loadOwnDefaults(this.#transaction);
    for (const sql of off) await this.#transaction.run(sql);
    this.#defaults = on;
  }

  /** Locks all that will be altered, always in the same order, so that two restores do not wait for each other. */
  async #lock(targets: readonly TableName[]): Promise<void> {
    const { mode } = this.#restore.plan;
    const before = await foreignKeysToDrop(this.#transaction, targets, mode);
    await refuseForeignKeys(this.#transaction, before);
    const names = new Map<string, TableName>(targets.map((target) => [tableKey(target), target]));
    for (const { table, references, lockable } of before) {
      names.set(tableKey(table), table);
      // Without the privilege its lock comes with the foreign key's.
      if (lockable) names.set(tableKey(references), references);
    }
    const ordered = [...names.keys()].sort().map((key) => names.get(key)!);
    await lockTables(this.#transaction, ordered, 'ACCESS EXCLUSIVE');
    // Until now others could still change them.
    this.#foreignKeys = await foreignKeysToDrop(this.#transaction, targets, mode);
    await refuseForeignKeys(this.#transaction, this.#foreignKeys);
  }

  /** What owners have taken from themselves they get back for as long as rows are restored. */
  async #borrow(targets: readonly TableName[]): Promise<void> {
    const { mode, sequences } = this.#restore.plan;
    const touching = await foreignKeysToDrop(this.#transaction, targets, mode);
    const outside = touching.flatMap(({ table, references }) => [table, references]);
    const names = [...targets, ...outside, ...sequences.map(({ name }) => name)];
    const unique = new Map(names.map((name) => [tableKey(name), name]));
    const rights = await loadRights(this.#transaction, [...unique.values()]);
    const wanted = new Set(targets.map(tableKey));
    for (const one of rights) {
      const refusal = wanted.has(tableKey(one.name)) ? refuseRights(one, mode) : undefined;
      if (refusal) throw refusal;
    }
    this.#loans = rights.flatMap(loansOf);
    await take(this.#transaction, this.#loans);
  }

  async #replace(table: TablePlan): Promise<TableChange> {
    const rowsBefore = this.#rowsBefore.get(tableKey(table.target)) ?? 0;
    const fresh = table.create || (await this.#empty(table.target));
    const watched = this.#sent.watch(table, this.#totalBytes(table.backup));
    // Nobody else can see a table that is new, or new again: no later reader has to find out who wrote its rows.
    const rowsAfter = await this.#copyInto({ name: quoteName(table.target), frozen: fresh }, table, watched);
    watched?.end();
    return { table: table.target, rowsBefore, rowsAfter, inserted: rowsAfter, updated: 0 };
  }

  async #merge(table: TablePlan): Promise<TableChange> {
    const transaction = this.#transaction;
    const rowsBefore = this.#rowsBefore.get(tableKey(table.target)) ?? 0;
    const staging = await createStaging(transaction, table, this.#indexOf(table));
    await this.#copyInto({ name: staging.name }, table);
    await indexStaging(transaction, staging, table);
    let expected: Rows = { rows: table.backup.rows, digest: table.backup.digest };
    let change = { inserted: 0, updated: 0 };
    if (this.#restore.plan.mode === 'merge') change = await mergeStaged(transaction, staging, table);
    else {
      change.inserted = await insertMissing(transaction, staging, table);
      const exact = await ExactColumns.load(transaction, [table.target]);
      expected = await digestRows(transaction, stagedRows(staging, table, exact));
    }
    this.#staged.set(tableKey(table.target), { staging, expected });
    return { table: table.target, rowsBefore, rowsAfter: rowsBefore + change.inserted, ...change };
  }

  /**
   * TRUNCATE needs no scan and leaves no dead rows, but refuses what a foreign key still points at. It also makes files
   * anew, which takes longer than to delete a few rows, where nothing does something else instead.
   */
  async #findTruncated(targets: readonly TableName[]): Promise<Set<string>> {
    const wanted = targets.map((target) => ({
      name: quoteName(target),
      few: (this.#rowsBefore.get(tableKey(target)) ?? 0) <= fewRows,
    }));
    const rows = await this.#transaction.rows<{ name: string }>(truncatedQuery, [JSON.stringify(wanted)]);
    return new Set(rows.map(({ name }) => name));
  }

  /** Resolves to whether it is as if the table were new. */
  async #empty(target: TableName): Promise<boolean> {
    const name = quoteName(target);
    const truncates = this.#truncated.has(name);
    await this.#transaction.run(`${truncates ? 'TRUNCATE' : 'DELETE FROM'} ONLY ${name}`);
    return truncates;
  }

  async #copyInto(
    into: { readonly name: string; readonly frozen?: boolean },
    table: TablePlan,
    watched?: WatchedRows,
  ): Promise<number> {
    const { target, columns, backup } = table;
    const large = this.#totalBytes(backup) >= convertedBytes;
    const writers = large ? await writersOf(this.#transaction, target, columns) : undefined;
    const rows = await copyRows(
      this.#transaction,
      { ...into, columns, writers },
      this.#bytesOf(table),
      (piece) => {
        // The server works meanwhile on what it was sent.
        watched?.add(piece);
        this.#loading.add(0, piece.length);
      },
    );
    if (rows === backup.rows) return rows;
    throw new RestorePointError(
      'verification',
      `${rows} rows were loaded and the backup says that it holds ${backup.rows}`,
    );
  }

  async *#bytesOf(table: TablePlan): AsyncIterable<Uint8Array> {
    const { source, manifest } = this.#restore;
    const payload = payloadOf(manifest, table.backup);
    let [chunk, position, end] = [0, 0, 0];
    for await (const bytes of source.read(payload, this.#options.signal)) {
      yield bytes;
      position += bytes.length;
      freeBytes(bytes);
      for (
        let next = payload.chunks[chunk];
        next && end + next.bytes <= position;
        next = payload.chunks[chunk]
      ) {
        this.#loading.add(next.rows, 0);
        end += next.bytes;
        chunk += 1;
      }
    }
  }

  #totalBytes(table: BackedUpTable): number {
    return bytesOf(payloadOf(this.#restore.manifest, table));
  }

  #indexOf(table: TablePlan): number {
    return this.#places.get(tableKey(table.backup.table.name)) ?? -1;
  }
}

function inTable(error: unknown, table: TablePlan): RestorePointError {
  const failure = describeFailure(error);
  // A staging table's name means nothing to anybody.
  const place = { ...failure.details.place, table: formatTableName(table.target) };
  return new RestorePointError(failure.code, failure.message, { ...failure.details, place });
}
