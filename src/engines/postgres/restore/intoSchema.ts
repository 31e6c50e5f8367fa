import { randomUUID } from 'node:crypto';
import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { RestoreOutcome } from '../../../core/outcome.ts';
import type { SchemaMove, TableChange, TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import type { RestoreWork } from '../../restoreSteps.ts';
import { hasState } from '../connect/errors.ts';
import { quoteIdentifier, quoteName } from '../connect/identifiers.ts';
import { lockTables } from '../connect/locks.ts';
import { PostgresRestore } from './restore.ts';
import type { Transaction } from '../connect/transaction.ts';

/** The schema still contains something. */
const dependentObjects = '2BP01';

/**
 * A restore of new tables into another schema. The statements of a backup are texts of the server's own making that name
 * tables with their schema, in expressions too, and no search and replace in them is sure to hit names alone. So they
 * are run as they are: tables of these names that are there move into a schema aside, the new ones are made and filled
 * under the old name, moved to the schema that is asked for, and the others are moved back, all in the one transaction.
 * The server knows objects by number: what belongs to a table (indexes, constraints, triggers, sequences of its own)
 * goes with it, what refers to it goes on doing so, and types and functions, which nobody moves, are found all the time.
 */
export class IntoSchemaRestore implements RestoreWork {
  readonly #transaction: Transaction;
  readonly #inner: PostgresRestore;
  readonly #move: SchemaMove;
  readonly #aside = `restore_point_${randomUUID()}`;
  #waiting: TableName[] = [];
  #hadSchema = true;

  constructor(transaction: Transaction, restore: RestoreSource, move: SchemaMove, options: WorkOptions) {
    this.#transaction = transaction;
    this.#move = move;
    const { plan } = restore;
    const { report } = options;
    this.#inner = new PostgresRestore(
      transaction,
      { ...restore, plan: { ...plan, tables: plan.tables.map((table) => this.#before(table)) } },
      {
        ...options,
        ...(report
          ? {
              report: ({ table, ...event }) =>
                report({ ...event, ...(table ? { table: { ...table, schema: move.to } } : {}) }),
            }
          : {}),
      },
    );
  }

  async prepare(): Promise<void> {
    const { from, to, tables } = this.#move;
    await this.#inner.disarmEvents();
    this.#hadSchema = await this.#hasSchema(from);
    if (!(await this.#hasSchema(to))) await this.#transaction.run(`CREATE SCHEMA ${quoteIdentifier(to)}`);
    const keys = new Map(tables.map((table) => [tableKey(table), table]));
    for (const key of [...keys.keys()].sort()) {
      const table = keys.get(key)!;
      if (await this.#hasTable(table)) this.#waiting.push(table);
    }
    await lockTables(this.#transaction, this.#waiting, 'ACCESS EXCLUSIVE');
    if (this.#waiting.length > 0) {
      await this.#transaction.run(`CREATE SCHEMA ${quoteIdentifier(this.#aside)}`);
      for (const { name } of this.#waiting) await this.#moveTable(name, from, this.#aside);
    }
    await this.#inner.prepare();
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#named(table, async () => {
      const change = await this.#inner.load(this.#before(table));
      return { ...change, table: table.target };
    });
  }

  async finish(): Promise<void> {
    const { from, to, tables } = this.#move;
    await this.#inner.finish();
    for (const { name } of tables) await this.#moveTable(name, from, to);
    for (const { name } of this.#waiting) await this.#moveTable(name, this.#aside, from);
    if (this.#waiting.length > 0) await this.#transaction.run(`DROP SCHEMA ${quoteIdentifier(this.#aside)}`);
    if (!this.#hadSchema) await this.#dropIfEmpty(from);
  }

  get warnings(): readonly string[] {
    return this.#inner.warnings;
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inner.verify(table);
  }

  commit(): Promise<void> {
    return this.#inner.commit();
  }

  rollback(): Promise<RestoreOutcome> {
    return this.#inner.rollback();
  }

  /** The table under the name that it has until it is moved. */
  #before(table: TablePlan): TablePlan {
    return { ...table, target: { ...table.target, schema: this.#move.from } };
  }

  async #hasSchema(name: string): Promise<boolean> {
    const found = await this.#transaction.rows('SELECT FROM pg_namespace WHERE nspname = $1', [name]);
    return found.length > 0;
  }

  async #hasTable(table: TableName): Promise<boolean> {
    const found = await this.#transaction.rows(
      `SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')`,
      [quoteName(table)],
    );
    return found.length > 0;
  }

  /** Moves the objects that do not move with their table. */
  async #moveTable(name: string, from: string, to: string): Promise<void> {
    const schema = quoteIdentifier(to);
    await this.#transaction.run(`ALTER TABLE ${quoteName({ schema: from, name })} SET SCHEMA ${schema}`);
    const statistics = await this.#transaction.rows<{ name: string }>(
      `SELECT s.stxname AS name FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE s.stxrelid = to_regclass($1) AND n.nspname = $2`,
      [quoteName({ schema: to, name }), from],
    );
    for (const { name: one } of statistics) {
      const statement = `ALTER STATISTICS ${quoteName({ schema: from, name: one })} SET SCHEMA ${schema}`;
      await this.#transaction.run(statement);
    }
  }

  /** It was made for the statements alone, unless types or functions stay in it. */
  async #dropIfEmpty(schema: string): Promise<void> {
    const savepoint = quoteIdentifier(this.#aside);
    await this.#transaction.run(`SAVEPOINT ${savepoint}`);
    try {
      await this.#transaction.run(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)}`);
      await this.#transaction.run(`RELEASE SAVEPOINT ${savepoint}`);
    } catch (error) {
      if (!RestorePointError.is(error) || !hasState(error.cause, dependentObjects)) throw error;
      await this.#transaction.run(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    }
  }

  /** Errors name a table as it will be called. */
  async #named<Result>(table: TablePlan, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const before = formatTableName(this.#before(table).target);
      if (!RestorePointError.is(error) || error.details.place?.table !== before) throw error;
      const place = { ...error.details.place, table: formatTableName(table.target) };
      throw new RestorePointError(error.code, error.message, { ...error.details, place });
    }
  }
}
