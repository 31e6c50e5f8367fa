import { randomUUID } from 'node:crypto';
import { RestorePointError } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import { type CatalogTable, findTable, uniqueKeyOver } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { foldName, quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { backupSchema } from './rowComparison.ts';

/** A foreign key that SQLite can check, between two tables that are there. */
export interface Reference {
  readonly child: CatalogTable;
  readonly columns: readonly string[];
  readonly parentName: string;
  /** Undefined while the parent does not exist: then every row that refers to it dangles. */
  readonly parent?: CatalogTable;
  readonly parentColumns: readonly string[];
  readonly key: string;
}

/** A table as the attached backup holds it, with all or some of its rows. */
export interface TableInBackup {
  readonly table: CatalogTable;
  readonly whole: boolean;
}

export const childAlias = 'child_row';
export const parentAlias = 'parent_row';

/**
 * Sees to it that a restore leaves no row pointing at nothing that did not do so before. SQLite's own
 * `foreign_key_check` cannot tell old from new, and gives up at a foreign key whose parent has no unique key.
 */
export class ForeignKeyGuard {
  readonly #connection: Connection;
  readonly #restored: ReadonlySet<string>;
  readonly #becomesBackup: (table: CatalogTable) => boolean;
  /** Temporary tables with the values that dangled before, by reference. */
  readonly #before = new Map<string, string>();

  /**
   * `restored`: names of the tables that are written. `becomesBackup` tells of a table whether all of it will be as the
   * backup holds it, which verification sees to: between two of these what dangles is what dangles there.
   */
  constructor(
    connection: Connection,
    restored: readonly string[],
    becomesBackup: (table: CatalogTable) => boolean,
  ) {
    this.#connection = connection;
    this.#restored = new Set(restored.map(foldName));
    this.#becomesBackup = becomesBackup;
  }

  /** Reads what dangles before anything is written. */
  async remember(tables: readonly CatalogTable[], signal?: AbortSignal): Promise<void> {
    for (const reference of this.#references(tables)) {
      if (this.#isOfBackup(reference)) continue;
      const values = await this.#collect('main', reference, signal);
      if (values !== undefined) this.#before.set(reference.key, values);
    }
  }

  /** The references that are what they are in the backup, for `warnOfDangling`. */
  inherited(tables: readonly CatalogTable[]): Reference[] {
    return this.#references(tables).filter((reference) => this.#isOfBackup(reference));
  }

  #isOfBackup({ child, parent }: Reference): boolean {
    return parent !== undefined && this.#becomesBackup(child) && this.#becomesBackup(parent);
  }

  /**
   * Checks what is written; `backupOf` finds a table in the attached backup, `absent` where the database that was backed up
   * had none. Throws `database` with the table and the first row that newly dangles.
   */
  async check(
    tables: readonly CatalogTable[],
    backupOf: (name: string) => TableInBackup | 'absent' | undefined,
    logger: Logger,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const reference of this.#references(tables)) {
      if (this.#isOfBackup(reference)) continue;
      const before = this.#before.get(reference.key);
      const known = before === undefined ? [] : [before];
      if ((await this.#firstDangling(reference, known, signal)) === undefined) continue;
      const inherited = await this.#inheritedFrom(reference, backupOf, signal);
      if (inherited !== undefined) known.push(inherited);
      const dangling = await this.#firstDangling(reference, known, signal);
      if (dangling !== undefined) throw pointsAtNothing(reference, dangling);
      logger.warn(inheritedWarning(reference));
    }
  }

  #references(tables: readonly CatalogTable[]): Reference[] {
    return referencesOf(tables, this.#restored);
  }

  /** The name of a temporary table with the values that dangle in one of the databases; undefined when there are none. */
  async #collect(schema: string, reference: Reference, signal?: AbortSignal): Promise<string | undefined> {
    const condition = danglingIn(schema, reference);
    const from = `${quoteTable(schema, reference.child.name)} AS ${childAlias}`;
    const any = await this.#connection.get(
      `SELECT 1 AS found FROM ${from} WHERE ${condition} LIMIT 1`,
      [],
      signal,
    );
    if (!any) return undefined;
    const name = `restore_point_dangling_${randomUUID()}`;
    const columns = reference.columns.map((_, index) => `v${index}`).join(', ');
    const values = reference.columns.map((column) => `+${childAlias}.${quote(column)}`).join(', ');
    const table = `temp.${quote(name)}`;
    await this.#connection.run(
      `CREATE TEMP TABLE ${quote(name)} (${columns}, PRIMARY KEY (${columns})) WITHOUT ROWID`,
    );
    await this.#connection.run(
      `INSERT OR IGNORE INTO ${table} SELECT ${values} FROM ${from} WHERE ${condition}`,
      [],
      signal,
    );
    return name;
  }

  /** References that dangle in the backup itself: only if it contains all rows of the parent. */
  async #inheritedFrom(
    reference: Reference,
    backupOf: (name: string) => TableInBackup | 'absent' | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    if (!this.#restored.has(foldName(reference.child.name))) return undefined;
    const [child, parent] = [backupOf(reference.child.name), backupOf(reference.parentName)];
    if (!child || child === 'absent' || !parent) return undefined;
    const has = ({ table }: TableInBackup, names: readonly string[]): boolean =>
      names.every((name) => table.columns.some((column) => sameName(column.name, name)));
    if (!has(child, reference.columns)) return undefined;
    if (parent === 'absent') return this.#collect(backupSchema, withParent(reference, child.table), signal);
    if (!parent.whole || !has(parent, reference.parentColumns)) return undefined;
    return this.#collect(backupSchema, withParent(reference, child.table, parent.table), signal);
  }

  /** The rowid (where it has one) of the first row that dangles with a value that is in none of these tables. */
  async #firstDangling(
    reference: Reference,
    known: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ readonly row: string | null } | undefined> {
    const { child, columns } = reference;
    const same = columns.map((column, index) => `v${index} IS +${childAlias}.${quote(column)}`).join(' AND ');
    const unknown = known.map((name) => `NOT EXISTS (SELECT 1 FROM temp.${quote(name)} WHERE ${same})`);
    const rowid = child.rowidName === undefined ? 'NULL' : `${childAlias}.${quote(child.rowidName)}`;
    return this.#connection.get(
      `SELECT CAST(${rowid} AS TEXT) AS row FROM ${quoteTable('main', child.name)} AS ${childAlias}
       WHERE ${[danglingIn('main', reference), ...unknown].join(' AND ')} LIMIT 1`,
      [],
      signal,
    );
  }
}

export function inheritedWarning({ child, parentName }: Reference): string {
  return `Rows of ${child.name} reference rows of ${parentName} that are not in the backup either`;
}

/** The foreign keys of tables that are written, and those that point at one. `written`: their folded names. */
export function referencesOf(tables: readonly CatalogTable[], written: ReadonlySet<string>): Reference[] {
  return tables.flatMap((child) =>
    child.foreignKeys.flatMap((foreignKey) => {
      const touched = [child.name, foreignKey.parent].some((name) => written.has(foldName(name)));
      const parent = findTable(tables, foreignKey.parent);
      const parentColumns =
        foreignKey.parentColumns.length > 0 ? foreignKey.parentColumns : (parent?.primaryKey ?? []);
      // SQLite cannot enforce a foreign key without a unique key at its other end, and nothing promises that it holds.
      if (!touched || (parent && !uniqueKeyOver(parent, parentColumns))) return [];
      if (parent && parentColumns.length !== foreignKey.columns.length) return [];
      const key = JSON.stringify([foldName(child.name), foreignKey.id]);
      const { columns, parent: parentName } = foreignKey;
      return [{ child, columns, parentName, parentColumns, key, ...(parent ? { parent } : {}) }];
    }),
  );
}

function withParent(
  { parent: _, ...reference }: Reference,
  child: CatalogTable,
  parent?: CatalogTable,
): Reference {
  return { ...reference, child, ...(parent ? { parent } : {}) };
}

/** As SQLite compares: with the collation and the affinity of the parent's column. A NULL refers to nothing. */
export function danglingIn(
  schema: string,
  { columns, parent, parentColumns }: Reference,
  child = childAlias,
): string {
  const values = columns.map((column) => `${child}.${quote(column)}`);
  const refers = values.map((value) => `${value} IS NOT NULL`);
  if (!parent) return refers.join(' AND ');
  const matches = values.map(
    (value, index) => `${parentAlias}.${quote(parentColumns[index] ?? '')} = +${value}`,
  );
  const exists = `SELECT 1 FROM ${quoteTable(schema, parent.name)} AS ${parentAlias} WHERE ${matches.join(' AND ')}`;
  return [...refers, `NOT EXISTS (${exists})`].join(' AND ');
}

function pointsAtNothing(reference: Reference, { row }: { readonly row: string | null }): RestorePointError {
  const which = row === null ? 'a row' : `the row with rowid ${row}`;
  const [columns, parents] = [reference.columns.join(', '), reference.parentColumns.join(', ')];
  return new RestorePointError(
    'database',
    `FOREIGN KEY constraint failed: ${which} of ${reference.child.name} has a value in ${columns} ` +
      `that is not in ${reference.parentName} (${parents})`,
    {
      place: { table: reference.child.name },
      next: `Restore ${reference.parentName} and ${reference.child.name} together.`,
    },
  );
}
