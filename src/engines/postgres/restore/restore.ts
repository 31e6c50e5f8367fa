import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, sameTable, tableKey, type TableName } from '../../../core/names.ts';
import type { RestoreOutcome } from '../../../core/outcome.ts';
import type { TableChange, TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import type { RestoreWork } from '../../restoreSteps.ts';
import { countRows } from '../rows/counts.ts';
import { createObjects, inTurn } from './createObjects.ts';
import { type Armed, disarm, findArmed, findArmedDomains, rearm } from './disarm.ts';
import { describeFailure } from '../connect/errors.ts';
import { EventTriggers } from './eventTriggers.ts';
import {
  addForeignKeys,
  dropForeignKeys,
  foreignKeysToDrop,
  type LiveForeignKey,
  refuseForeignKeys,
} from './foreignKeys.ts';
import { buildIndexes, dropIndexes, findIndexes, isLarge, type LiveIndex, sortInMemory } from './indexes.ts';
import { RowLoading } from './loadRows.ts';
import { quoteName } from '../connect/identifiers.ts';
import { lockTables } from '../connect/locks.ts';
import { withMissingPath } from './missingPath.ts';
import { findRoots, RootSums, type RootTable, usableRoots, withOthers } from './rootPartitions.ts';
import type { TableProgress } from '../rows/progress.ts';
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
} from '../schema/rights.ts';
import { plannedLargeObjects } from '../schema/extras.ts';
import { loadOwnDefaults } from '../schema/grants.ts';
import { lockSequences, setSequences } from './sequenceValues.ts';
import { copyQueryOut, copyRowsOut, ExactColumns } from '../rows/selectRows.ts';
import { stagedTargets } from './staging.ts';
import type { Transaction } from '../connect/transaction.ts';
import { findUnchecked } from './uncheckedConstraints.ts';
import { compareRows, digestRows, type ReadRows } from './verify.ts';

/** What reading tables back needs. */
interface Reading {
  readonly exact: ExactColumns;
  /** By the keys of the tables. */
  readonly loans: ReadonlyMap<string, readonly Loan[]>;
}

/** See `RestoreWork`. */
export class PostgresRestore implements RestoreWork {
  readonly warnings: string[] = [];
  readonly #transaction: Transaction;
  readonly #events: EventTriggers;
  readonly #restore: RestoreSource;
  readonly #options: WorkOptions;
  readonly #loading: RowLoading;
  readonly #verifying: TableProgress;
  #foreignKeys: LiveForeignKey[] = [];
  #indexes: LiveIndex[] = [];
  #armed: Armed[] = [];
  /** Statements that give back what is not to be given to the objects that are made. */
  #defaults: readonly string[] = [];
  #disarmed: Promise<void> | undefined;
  #loans: Loan[] = [];
  #roots: readonly RootTable[] = [];
  readonly #rootSums = new RootSums();
  #largeObjects: LargeObjectRestore | undefined;
  #reading: Reading | undefined;
  #sequences: Awaited<ReturnType<typeof lockSequences>> = [];

  constructor(transaction: Transaction, restore: RestoreSource, options: WorkOptions) {
    this.#transaction = transaction;
    const tables = restore.plan.tables.map(asThere);
    this.#restore = { ...restore, plan: { ...restore.plan, tables } };
    this.#options = options;
    this.#events = new EventTriggers(transaction);
    this.#loading = new RowLoading(transaction, this.#restore, options);
    this.#verifying = this.#loading.progressOf('verify');
  }

  /** Runs before everything else: a caller that does something before `prepare` calls this itself. */
  disarmEvents(): Promise<void> {
    return (this.#disarmed ??= this.#events.disable());
  }

  prepare(): Promise<void> {
    return this.#step(() => this.#prepare());
  }

  async #prepare(): Promise<void> {
    const { plan } = this.#restore;
    await this.disarmEvents();
    await this.#refuseTaken();
    if (plan.create.length > 0 || plan.extras) await this.#suspendDefaults();
    await createObjects(this.#transaction, inTurn(plan.create).before);
    await this.#refuseUnmade();
    const existing = plan.tables.filter(({ create }) => !create);
    const targets = existing.map(({ target }) => target);
    this.#roots = await findRoots(this.#transaction, plan.tables);
    const usable = usableRoots(this.#roots, plan);
    await this.#borrow(existing);
    await this.#lock(existing);
    const [rights, { armed, refusals }] = await this.#transaction.together(
      () => loadRights(this.#transaction, targets),
      () =>
        findArmed(this.#transaction, [...existing, ...withOthers(plan, new Set(usable.values()))], plan.mode),
    );
    if (refusals[0]) throw refusals[0];
    const forced = rights.flatMap(unforce);
    await take(this.#transaction, forced);
    this.#loans.push(...forced);
    await this.#transaction.run('SET CONSTRAINTS ALL IMMEDIATE');
    this.#armed.push(...armed);
    this.#armed.push(...(await findArmedDomains(this.#transaction, plan.tables)));
    const unchecked = await findUnchecked(this.#transaction, plan.tables);
    await lockTables(this.#transaction, unchecked.tables, 'ACCESS EXCLUSIVE');
    this.#armed.push(...unchecked.armed);
    this.#sequences = await lockSequences(this.#transaction, plan.sequences, this.#options.logger);
    await disarm(this.#transaction, this.#armed);
    await dropForeignKeys(this.#transaction, this.#foreignKeys);
    if (plan.mode === 'replace') {
      this.#indexes = await findIndexes(this.#transaction, plan.tables);
      await dropIndexes(this.#transaction, this.#indexes);
    }
    await this.#loading.prepare(targets, await countRows(this.#transaction, targets), usable);
    const largeObjects = plannedLargeObjects(plan);
    if (largeObjects) {
      this.#largeObjects = new LargeObjectRestore(
        this.#transaction,
        largeObjects,
        this.#restore,
        this.#options,
      );
      await this.#largeObjects.load();
    }
  }

  /** Creates only what was planned: an object that has the name by now is not written. Throws `refused`. */
  async #refuseTaken(): Promise<void> {
    const made = this.#restore.plan.tables.filter(({ create }) => create).map(({ target }) => target);
    if (made.length === 0) return;
    const [taken] = await this.#transaction.rows<{ place: string }>(
      `SELECT x.place FROM json_to_recordset($1::json) x (place text, name text)
        WHERE to_regclass(x.name) IS NOT NULL LIMIT 1`,
      [JSON.stringify(made.map((target) => ({ place: formatTableName(target), name: quoteName(target) })))],
    );
    if (!taken) return;
    throw new RestorePointError(
      'refused',
      'The table has changed since the restore was planned: it was missing, and now exists',
      { place: { table: taken.place }, next: 'Start the restore again.' },
    );
  }

  /** An extension need not make the same tables in another version. Throws `refused`. */
  async #refuseUnmade(): Promise<void> {
    const wanted = this.#restore.plan.tables.filter(({ backup }) => backup.table.extension !== undefined);
    if (wanted.length === 0) return;
    const found = await this.#transaction.rows<{ place: number }>(
      `SELECT x.place FROM json_to_recordset($1::json) x (place integer, name text) WHERE to_regclass(x.name) IS NULL`,
      [JSON.stringify(wanted.map(({ target }, place) => ({ place, name: quoteName(target) })))],
    );
    if (found.length === 0) return;
    const tables = found.map(({ place }) => formatTableName(wanted[place]!.target));
    throw new RestorePointError(
      'refused',
      `The extension ${wanted[found[0]!.place]!.backup.table.extension} of this server does not create ${tables.join(', ')}`,
      {
        next: 'Install the version of the extension that is in the backup, or leave out these tables.',
        tables,
      },
    );
  }

  async load(table: TablePlan): Promise<TableChange> {
    try {
      return await this.#step(() => this.#loading.load(asThere(table)));
    } catch (error) {
      throw inTable(error, table, this.#roots);
    }
  }

  finish(): Promise<void> {
    return this.#step(() => this.#finish());
  }

  async #finish(): Promise<void> {
    const { plan } = this.#restore;
    const { after, last } = inTurn(plan.create);
    // Rights on a sequence that is made can be fewer than that takes.
    await setSequences(this.#transaction, this.#sequences, plan.mode !== 'replace');
    const large = new Set(
      plan.tables.filter(({ backup }) => isLarge(backup)).map(({ target }) => tableKey(target)),
    );
    if (large.size > 0) await sortInMemory(this.#transaction);
    await buildIndexes(this.#transaction, this.#indexes);
    this.warnings.push(...(await createObjects(this.#transaction, after, large)));
    const restored = new Set(plan.tables.map(({ target }) => tableKey(target)));
    await addForeignKeys(this.#transaction, this.#foreignKeys, restored, large);
    await rearm(this.#transaction, this.#armed);
    await this.#transaction.run('SET CONSTRAINTS ALL IMMEDIATE');
    await giveBack(this.#transaction, this.#loans);
    for (const sql of this.#defaults) await this.#transaction.run(sql);
    // The owner of a table may have revoked his own right to read it.
    await this.#largeObjects?.verify();
    await this.#largeObjects?.finish();
    await createObjects(this.#transaction, last);
    // Reading back may need privileges that must be granted first.
    if (last.length > 0) await this.#events.disable();
  }

  verify(table: TablePlan): Promise<void> {
    return this.#transaction.step(() => this.#verify(table));
  }

  async #verify(table: TablePlan): Promise<void> {
    this.#verifying.enter(this.#loading.placeOf(table));
    const { exact, loans } = await this.#readingOf(table.target);
    const transaction = this.#transaction;
    const { target, columns, backup } = table;
    const staged = this.#loading.stagedOf(table);
    const read: ReadRows = staged
      ? (take) => copyQueryOut(transaction, target, stagedTargets(staged.staging, table, exact), take)
      : (take) =>
          copyRowsOut(
            transaction,
            { table: target, columns, exact, where: this.#loading.usersRowsOf(table) },
            take,
          );
    const expected = staged?.expected ?? { rows: backup.rows, digest: backup.digest };
    const found = await asReader(transaction, loans.get(tableKey(target)) ?? [], async () => {
      if (await this.#loading.sent.agree(table)) return undefined;
      return await digestRows(read, this.#verifying);
    });
    const root = staged ? undefined : this.#loading.rootOf(table);
    const sums = root && found && this.#rootSums.add(root, expected, found);
    if (root) {
      if (sums) compareRows({ ...table, target: root.root }, sums.expected, sums.found);
    } else if (found) compareRows(table, expected, found);
    else this.#verifying.add(backup.rows, this.#loading.totalBytes(backup));
  }

  commit(): Promise<void> {
    return this.#transaction.step(async () => {
      await this.#events.enable();
      await this.#transaction.commit();
    });
  }

  rollback(): Promise<RestoreOutcome> {
    return this.#transaction.rollback();
  }

  async #step<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#transaction.step(work);
    } catch (error) {
      throw withMissingPath(error, this.#restore.manifest, this.#transaction);
    }
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
  async #lock(tables: readonly TablePlan[]): Promise<void> {
    const { mode } = this.#restore.plan;
    const targets = tables.map(({ target }) => target);
    const before = await foreignKeysToDrop(this.#transaction, tables, mode);
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
    this.#foreignKeys = await foreignKeysToDrop(this.#transaction, tables, mode);
    await refuseForeignKeys(this.#transaction, this.#foreignKeys);
  }

  /** Owners who revoked their own privileges get them back while rows are restored. */
  async #borrow(tables: readonly TablePlan[]): Promise<void> {
    const { mode, sequences } = this.#restore.plan;
    const targets = tables.map(({ target }) => target);
    const touching = await foreignKeysToDrop(this.#transaction, tables, mode);
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
}

/** An extension makes its tables with all that belongs to them, also rows: they are written like those that are there. */
function asThere(table: TablePlan): TablePlan {
  return table.create && table.backup.table.extension !== undefined ? { ...table, create: false } : table;
}

function inTable(error: unknown, table: TablePlan, roots: readonly RootTable[]): RestorePointError {
  const root = roots.find(({ leaves }) => leaves.some((leaf) => sameTable(leaf, table.target)));
  const failure = describeFailure(error).with(
    root ? { next: `Restore all partitions of ${formatTableName(root.root)} together.` } : {},
  );
  // A staging table's name means nothing to anybody.
  const place = { ...failure.details.place, table: formatTableName(table.target) };
  return new RestorePointError(failure.code, failure.message, { ...failure.details, place });
}
