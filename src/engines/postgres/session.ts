import type { ChosenTable } from '../../core/chosenRows.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { DatabaseInfo, Manifest, TableSummary } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import type { RestorePlan } from '../../core/plan.ts';
import type { DatabaseSchema, Table } from '../../core/schema.ts';
import type {
  ConnectOptions,
  IntrospectOptions,
  RestoreSource,
  OpenedRestore,
  RightsCheck,
  Session,
  Snapshot,
  WorkOptions,
} from '../engine.ts';
import { RestoreSteps, RowSteps } from '../restoreSteps.ts';
import type { OpenedRows } from '../rowRestore.ts';
import type { DatabaseAddress } from '../../core/connections.ts';
import { describe, resolveAddress } from './connect/address.ts';
import { checkRights } from './restore/checkRights.ts';
import { ChosenRestore } from './restore/chosen/chosenRestore.ts';
import { checkCondition } from './rows/condition.ts';
import { Database } from './connect/connection.ts';
import { countRows } from './rows/counts.ts';
import { describeFailure } from './connect/errors.ts';
import { features } from './connect/features.ts';
import { Catalogs, describeTable } from './snapshot/introspect.ts';
import { extrasRules } from './restore/extrasRules.ts';
import { statementRules } from './restore/statementRules.ts';
import { IntoSchemaRestore } from './restore/intoSchema.ts';
import { changeSign } from './rows/changeSign.ts';
import { sayingWhoBlocks } from './connect/locks.ts';
import { PostgresRestore } from './restore/restore.ts';
import { refuseReadOnly } from './connect/readOnly.ts';
import { type Loan, readingLoans, take } from './schema/rights.ts';
import { holdsUsersRows } from './schema/scope.ts';
import { checkStatements } from './schema/statements/checkStatements.ts';
import { PostgresSnapshot } from './snapshot/snapshot.ts';
import { type Access, Transaction } from './connect/transaction.ts';

/** A session with one database of a PostgreSQL server. */
export class PostgresSession implements Session {
  readonly info: DatabaseInfo;
  readonly features = features;
  readonly extras = extrasRules;
  readonly statements = statementRules;
  readonly target: string;
  readonly #database: Database;
  readonly #catalogs = new Catalogs();
  readonly #readOnly: boolean;
  /** Open resources, to be closed with the session. */
  readonly #open = new Set<{ close(): Promise<void> }>();

  private constructor(database: Database, target: string, readOnly: boolean) {
    const { label, database: name, identity, madeWith } = database.server;
    this.info = {
      engine: 'postgres',
      serverVersion: label,
      database: name,
      ...(identity === undefined ? {} : { identity }),
      madeWith,
    };
    this.target = target;
    this.#database = database;
    this.#readOnly = readOnly;
  }

  static async open(address: DatabaseAddress, options: ConnectOptions): Promise<PostgresSession> {
    const database = await Database.open(resolveAddress(address), options);
    return new PostgresSession(database, describe(address), options.readOnly);
  }

  listTables(): Promise<TableSummary[]> {
    return this.#reading(undefined, async (transaction) => {
      const rows = await transaction.rows<{ name: TableName; rows: number | null; bytes: number | null }>(
        listQuery,
      );
      return rows.map(({ name, rows: count, bytes }) => ({
        name,
        rows: count ?? undefined,
        bytes: bytes ?? undefined,
      }));
    });
  }

  describeTable(name: TableName): Promise<Table> {
    return this.#reading(undefined, (transaction) => describeTable(transaction, name));
  }

  checkCondition(table: TableName, where: string): Promise<void> {
    return this.#reading(undefined, (transaction) => checkCondition(transaction, { table, where }));
  }

  introspect({ signal, scope }: IntrospectOptions): Promise<DatabaseSchema> {
    return this.#reading(
      signal,
      async (transaction) => (await this.#catalogs.introspect(transaction, scope)).schema,
    );
  }

  async countRows(names: readonly TableName[], { signal }: WorkOptions): Promise<number[]> {
    if (names.length === 0) return [];
    const loans: Loan[] = [];
    const counted = await this.#reading(signal, async (transaction) => {
      if (!this.#readOnly) loans.push(...[...(await readingLoans(transaction, names)).values()].flat());
      if (loans.length === 0) return countRows(transaction, names);
      await refuseReadOnly(transaction);
      return undefined;
    });
    // The privileges that the owner grants himself for this do not last.
    const counts =
      counted ??
      (await this.#within('write', signal, async (transaction) => {
        await take(transaction, loans);
        return countRows(transaction, names);
      }));
    return names.map((name) => counts.get(tableKey(name))!);
  }

  checkManifest({ objects }: Manifest, { signal }: WorkOptions): Promise<void> {
    return checkStatements(objects, signal);
  }

  checkRights(plan: RestorePlan, { signal }: WorkOptions): Promise<RightsCheck> {
    return this.#reading(signal, (transaction) => checkRights(transaction, plan));
  }

  changeSign({ signal }: WorkOptions): Promise<string | undefined> {
    return this.#reading(signal, changeSign);
  }

  async openSnapshot(options: IntrospectOptions): Promise<Snapshot> {
    const snapshot = await PostgresSnapshot.open(this.#database, this.#catalogs, options);
    this.#open.add(snapshot);
    return snapshot;
  }

  async beginRestore(restore: RestoreSource, options: WorkOptions): Promise<OpenedRestore> {
    if (this.#readOnly) throw new RestorePointError('usage', 'This session was opened read-only');
    const steps = await RestoreSteps.begin(options, async (work) => {
      const transaction = await Transaction.begin(this.#database, 'write', work.signal);
      const move = restore.plan.intoSchema;
      return {
        work: move
          ? new IntoSchemaRestore(transaction, restore, move, work)
          : new PostgresRestore(transaction, restore, work),
        close: () => transaction.close(),
      };
    });
    this.#open.add(steps);
    return steps;
  }

  async beginRows(tables: readonly ChosenTable[], options: WorkOptions): Promise<OpenedRows> {
    if (this.#readOnly) throw new RestorePointError('usage', 'This session was opened read-only');
    await this.#reading(options.signal, refuseReadOnly);
    const steps = await RowSteps.begin(options, async (work) => {
      const transaction = await Transaction.begin(this.#database, 'write', work.signal);
      return {
        work: new ChosenRestore(transaction, tables, work),
        close: () => transaction.close(),
      };
    });
    this.#open.add(steps);
    return steps;
  }

  async close(): Promise<void> {
    for (const open of this.#open) await open.close();
    await this.#database.close();
  }

  #reading<Result>(
    signal: AbortSignal | undefined,
    work: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result> {
    return this.#within('read', signal, work);
  }

  /** In a transaction that changes nothing: it is given up at the end. */
  async #within<Result>(
    access: Access,
    signal: AbortSignal | undefined,
    work: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result> {
    const transaction = await Transaction.begin(this.#database, access, signal);
    try {
      return await sayingWhoBlocks(transaction, undefined, () => work(transaction));
    } catch (error) {
      throw describeFailure(error);
    } finally {
      await transaction.close();
    }
  }
}

/**
 * The planner's estimates; a table that was never looked at is undefined, and one without pages is empty. The size of
 * a table that another session has locked (as a restore does) is not read: that would wait for the lock.
 */
const listQuery = `
  WITH locked AS MATERIALIZED (
    SELECT l.relation FROM pg_locks l WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'),
  listed AS MATERIALIZED (
    SELECT c.oid, json_build_object('schema', n.nspname, 'name', c.relname) AS name, n.nspname, c.relname,
           c.reltuples, c.relkind = 'p' AS partitioned, c.oid IN (SELECT relation FROM locked) AS locked
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND ${holdsUsersRows})
  SELECT name,
         CASE WHEN partitioned THEN NULL
              WHEN reltuples > 0 OR locked THEN nullif(reltuples, -1)::int8
              WHEN pg_relation_size(oid) = 0 THEN 0
              WHEN reltuples = 0 THEN 0 END AS rows,
         CASE WHEN partitioned THEN 0 WHEN locked THEN NULL ELSE pg_total_relation_size(oid) END AS bytes
    FROM listed
   ORDER BY nspname, relname`;
