import type { RestorePointError } from '../../../core/errors.ts';
import { type BackedUpTable, holdsAllRows } from '../../../core/manifest.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreOutcome } from '../../../core/outcome.ts';
import type { RestoreMode, TableChange, TablePlan } from '../../../core/plan.ts';
import type { Phase } from '../../../core/progress.ts';
import type { SchemaSection } from '../../../core/schema.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import type { RestoreWork } from '../../restoreSteps.ts';
import { databaseName } from '../connect/address.ts';
import { type CatalogTable, findTable, isEmpty, readCatalog, virtualTableKind } from '../schema/catalog.ts';
import { Connection } from '../connect/connection.ts';
import { createObject } from '../schema/createObject.ts';
import { type DifferingRows, findDiffering } from './differingRows.ts';
import { damagedFile, inWords } from '../connect/errors.ts';
import { ForeignKeyGuard, type Reference, type TableInBackup } from '../rows/foreignKeys.ts';
import { foldName, sameName } from '../connect/identifiers.ts';
import { refuseNullKeys } from './loadTable.ts';
import { warnOfDangling } from '../payload/danglingReferences.ts';
import type { AttachableFile, PayloadDatabase } from '../payload/payloadDatabase.ts';
import { adoptSettings, attachPayload, configure, sorting } from './restoreSettings.ts';
import { RestoreTransaction } from './restoreTransaction.ts';
import { backupSchema, type TablePair } from '../rows/rowComparison.ts';
import { restoreSchemaOrder } from '../schema/schemaOrder.ts';
import { rebuildSearchIndexes, type Restored } from '../schema/searchIndexes.ts';
import { raiseCounter } from '../schema/sequences.ts';
import { copySystemRows } from '../rows/systemTables.ts';
import { changedSince, refuseTaken } from '../schema/takenNames.ts';
import { pagesFit } from './soundFile.ts';
import { TableRestore } from './tableRestore.ts';
import { removeTriggers } from '../schema/triggers.ts';
import { missingIn, nameMissing } from '../schema/unproven.ts';
import { plannedVirtualTables, VirtualTableRestore, writtenTables } from './virtualTables.ts';

/** The database that rows are written to. */
export interface RestoreTarget {
  readonly file: string;
  /** Creates the file if it does not exist. */
  readonly make: () => Promise<void>;
}

/** The restore of one backup into one database file. See `RestoreWork`. */
export class SqliteRestore implements RestoreWork {
  readonly #connection: Connection;
  readonly #transaction: RestoreTransaction;
  readonly #payload: PayloadDatabase;
  readonly #file: AttachableFile;
  readonly #restore: RestoreSource;
  readonly #target: RestoreTarget;
  readonly #options: WorkOptions;
  readonly #foreignKeys: ForeignKeyGuard;
  readonly #tables = new Map<TablePlan, TableRestore>();
  /** By the name of the target. */
  readonly #planned: ReadonlyMap<string, TablePlan>;
  /** Tables of the backup by folded name. */
  readonly #backedUp: ReadonlyMap<string, BackedUpTable>;
  /** The database was not sound before. */
  #isDamaged = false;
  /** Whether the database held nothing at all before. */
  #fresh = false;
  #replaceTriggers: () => Promise<void> = () => Promise.resolve();
  #virtual: VirtualTableRestore | undefined;
  /** See `warnOfDangling`. */
  #inherited: readonly Reference[] = [];

  private constructor(
    connection: Connection,
    payload: PayloadDatabase,
    file: AttachableFile,
    restore: RestoreSource,
    target: RestoreTarget,
    options: WorkOptions,
  ) {
    this.#file = file;
    this.#target = target;
    this.#connection = connection;
    this.#transaction = new RestoreTransaction(connection, options, () => payload.remove(options));
    this.#payload = payload;
    this.#restore = restore;
    this.#options = options;
    const { plan, manifest } = restore;
    this.#planned = new Map(plan.tables.map((table) => [table.target.name, table]));
    this.#backedUp = new Map(manifest.tables.map((table) => [foldName(table.table.name.name), table]));
    const restored = [...this.#planned.keys()];
    this.#foreignKeys = new ForeignKeyGuard(connection, restored, (table) => this.#becomesBackup(table));
  }

  /** Attaches the payload, which is removed with the restore, also with one that does not begin; changes nothing. */
  static async begin(
    target: RestoreTarget,
    restore: RestoreSource,
    payload: PayloadDatabase,
    options: WorkOptions,
  ): Promise<SqliteRestore> {
    let connection: Connection | undefined;
    try {
      await target.make();
      return await inWords('database', { file: databaseName(target.file) }, async () => {
        connection = await Connection.open(target.file, 'write');
        await configure(connection, restore);
        const encoding = await adoptSettings(connection, payload, restore);
        const written = writtenTables(restore.plan, payload.virtualTables);
        const isWritten = (table: string): boolean => written?.has(foldName(table)) ?? true;
        const file = await payload.attachable(encoding, isWritten, options);
        await attachPayload(connection, file);
        return new SqliteRestore(connection, payload, file, restore, target, options);
      });
    } catch (error) {
      await connection?.closeQuietly(options.logger);
      await payload.remove(options);
      throw error;
    }
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, async () => {
      const { signal } = this.#options;
      const { plan } = this.#restore;
      await this.#connection.run('BEGIN IMMEDIATE', [], signal);
      const differing = await this.#compare();
      const before = await readCatalog(this.#connection, 'main', signal);
      await refuseTaken(this.#connection, plan, signal);
      this.#fresh = await isEmpty(this.#connection);
      const { virtualTables } = this.#payload;
      const chosen = plannedVirtualTables(plan.create, virtualTables);
      this.#virtual = new VirtualTableRestore(this.#connection, chosen, before);
      await this.#foreignKeys.remember(before, signal);
      await this.#create('pre-data');
      const tables = await readCatalog(this.#connection, 'main', signal);
      this.#tablesWith(tables, differing);
      this.#inherited = this.#foreignKeys.inherited(tables);
      for (const { pair, mode } of this.#tables.values()) {
        if (mode !== 'replace') await refuseNullKeys(this.#connection, pair, signal);
      }
      this.#replaceTriggers = await removeTriggers(
        this.#connection,
        plan.tables.map((table) => table.target.name),
      );
    });
  }

  /**
   * The tables where only the differences need to be written. A part of a database is not examined: whether its pages belong to
   * no other shows when all of the file is read. In a damaged file every table is written as a whole.
   */
  async #compare(): Promise<ReadonlyMap<TablePair['plan'], DifferingRows>> {
    const { plan } = this.#restore;
    if (!plan.whole || plan.only === 'schema' || plan.mode !== 'replace') return new Map();
    const there = plan.tables.filter(({ create }) => !create);
    const tables = await readCatalog(this.#connection, 'main', this.#options.signal);
    const pairs = there.map((table) => this.#pair(table, tables));
    const differing = await findDiffering(this.#connection, this.#target.file, pairs, this.#options);
    this.#isDamaged = !differing;
    return differing ?? new Map();
  }

  #tablesWith(
    tables: readonly CatalogTable[],
    differing: ReadonlyMap<TablePair['plan'], DifferingRows>,
  ): void {
    const { plan } = this.#restore;
    for (const table of plan.tables) {
      const [pair, mode] = [this.#pair(table, tables), this.#modeOf(table)];
      const restore = new TableRestore(this.#connection, pair, mode, differing.get(table), this.#options);
      this.#tables.set(table, restore);
    }
  }

  /** Whether it will hold the rows that a table of the same definition has in the backup, and no others. */
  #becomesBackup({ name, sql }: CatalogTable): boolean {
    const { plan } = this.#restore;
    const planned = this.#planned.get(name);
    if (!planned || plan.only === 'schema' || this.#modeOf(planned) !== 'replace') return false;
    const backup = this.#payload.table(planned.backup);
    return holdsAllRows(planned.backup) && backup.name === name && backup.sql === sql;
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const found = this.#tableOf(table);
      const change = await found.load();
      this.#reportAll('load', table);
      return change;
    });
  }

  finish(): Promise<void> {
    return this.#inWords(undefined, async () => {
      const { signal, logger } = this.#options;
      const { plan, manifest } = this.#restore;
      await sorting(this.#connection, () => this.#create('post-data'));
      await this.#replaceTriggers();
      if (plan.only !== 'schema') await this.#restoreSystemRows();
      if (this.#fresh && manifest.complete) await this.#adoptNumbers();
      await this.#createVirtualTables();
      if (manifest.complete && plan.create.length > 0) {
        await restoreSchemaOrder(this.#connection, this.#payload.order);
      }
      const tables = await readCatalog(this.#connection, 'main', signal);
      await rebuildSearchIndexes(this.#connection, tables, this.#restored(), logger, signal);
      await this.#foreignKeys.check(tables, (name) => this.#backupOf(name), logger, signal);
    });
  }

  /** Counters and statistics. */
  async #restoreSystemRows(): Promise<void> {
    const { plan } = this.#restore;
    const replaced: string[] = [];
    for (const { pair, mode } of this.#tables.values()) {
      const { target, backup } = pair;
      if (mode === 'replace') replaced.push(backup.name);
      else await raiseCounter(this.#connection, target, plan.sequences);
    }
    const about = [...replaced, ...(this.#virtual?.shadowNames ?? [])];
    // A table that is made later would begin where an unknown author says.
    const aboutNone = this.#exactly && this.#restore.madeHere === true;
    const rows = { from: backupSchema, to: 'main', about, aboutNone, empty: this.#exactly };
    await copySystemRows(this.#connection, rows, this.#options.signal);
    for (const { pair } of this.#tables.values()) {
      const { target, backup } = pair;
      if (!target.autoincrement || target.name === backup.name) continue;
      // A counter is found by the very letters of its table's name.
      await this.#connection.run('UPDATE main.sqlite_sequence SET name = ? WHERE name = ?', [
        target.name,
        backup.name,
      ]);
    }
  }

  async #createVirtualTables(): Promise<void> {
    const { signal } = this.#options;
    if (!this.#virtual || this.#virtual.names.length === 0) return;
    await this.#virtual.load(await readCatalog(this.#connection, 'main', signal), signal);
  }

  #restored(): Restored {
    const { plan, manifest } = this.#restore;
    const replaced = plan.tables.filter(
      (table) => this.#modeOf(table) === 'replace' && holdsAllRows(table.backup),
    );
    return {
      tables: plan.tables.map(({ target }) => target.name),
      replaced: replaced.map(({ target }) => target.name),
      virtual: this.#virtual?.names ?? [],
      // A safety backup holds what a restore changed, and all else is as it was.
      exact: this.#exactly || manifest.purpose === 'safety',
    };
  }

  /** The database becomes what the backup holds, with what belongs to no table: counters, statistics, modules' tables. */
  get #exactly(): boolean {
    const { plan } = this.#restore;
    return plan.whole && (plan.mode === 'replace' || this.#fresh);
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const found = this.#tableOf(table);
      const { tables } = this.#restore.plan;
      const largest = tables.reduce((one, other) => (other.backup.rows > one.backup.rows ? other : one));
      const checks = await Promise.allSettled([
        found.verify(),
        // On the other core, while most of the rows are compared.
        ...(table === largest ? [warnOfDangling(this.#file.attachable, this.#inherited, this.#options)] : []),
      ]);
      for (const one of checks) if (one.status === 'rejected') throw one.reason;
      const isLast = table === tables.at(-1);
      if (isLast && this.#isDamaged && !(await pagesFit(this.#connection, this.#options.signal)))
        throw damagedFile();
      this.#reportAll('verify', table);
    });
  }

  commit(): Promise<void> {
    return this.#transaction.commit();
  }

  rollback(): Promise<RestoreOutcome> {
    return this.#transaction.rollback();
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }

  #reportAll(phase: Phase, { target: table, backup: { rows } }: TablePlan): void {
    this.#options.report?.({ phase, table, rows, totalRows: rows });
  }

  /** Makes what is missing, each statement for the one object that it names. */
  async #create(section: SchemaSection): Promise<void> {
    for (const object of this.#restore.plan.create) {
      if (object.section !== section || object.kind === virtualTableKind) continue;
      await createObject(this.#connection, object, this.#options.signal);
    }
  }

  #pair(plan: TablePlan, tables: readonly CatalogTable[]): TablePair {
    const backup = this.#payload.table(plan.backup);
    const target = findTable(tables, plan.target.name);
    const changed = (reason: string): RestorePointError => changedSince(plan.target, reason);
    if (!target) throw changed('it is missing');
    if (target.type !== 'table') throw changed('it belongs to a virtual table');
    for (const name of plan.columns) {
      const column = target.columns.find((candidate) => sameName(candidate.name, name));
      if (!column || column.generated) throw changed(`it has no column ${name} that can be written`);
    }
    return { plan, target, backup };
  }

  #backupOf(name: string): TableInBackup | 'absent' | undefined {
    const found = this.#backedUp.get(foldName(name));
    if (!found) return this.#restore.manifest.complete ? 'absent' : undefined;
    // Made empty because its rows were excluded, it is as the backup has it: what pointed at them may point at nothing.
    const emptied = found.rowsExcluded === true && this.#planned.get(name)?.create === true;
    return { table: this.#payload.table(found), whole: emptied || holdsAllRows(found) };
  }

  #tableOf(table: TablePlan): TableRestore {
    const found = this.#tables.get(table);
    if (!found) throw new Error(`prepare() did not meet the table ${formatTableName(table.target)}`);
    return found;
  }

  /** A table that was just made is empty: all modes are the same there. */
  #modeOf(table: TablePlan): RestoreMode {
    return table.create ? 'replace' : this.#restore.plan.mode;
  }

  /** The numbers by which programs know their databases and the version of their schema. */
  async #adoptNumbers(): Promise<void> {
    const { userVersion, applicationId } = this.#payload.settings;
    await this.#connection.all(`PRAGMA main.user_version = ${userVersion}`);
    await this.#connection.all(`PRAGMA main.application_id = ${applicationId}`);
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, async () => {
      try {
        return await work();
      } catch (error) {
        if (missingIn(error) === undefined) throw error;
        const all = await readCatalog(this.#connection, 'main').catch(() => []);
        const name = table?.target.name;
        throw await nameMissing(
          error,
          this.#connection,
          all.filter((found) => name === undefined || sameName(found.name, name)),
        );
      }
    });
  }
}
