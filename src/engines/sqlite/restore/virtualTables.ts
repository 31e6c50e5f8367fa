import { RestorePointError } from '../../../core/errors.ts';
import type { RestorePlan } from '../../../core/plan.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import {
  type CatalogTable,
  dataColumnNames,
  findTable,
  type VirtualTable,
  virtualTableKind,
  virtualTables,
} from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { foldName, quoteTable, sameName } from '../connect/identifiers.ts';
import { loadTable } from './loadTable.ts';
import { backupSchema, type TablePair } from '../rows/rowComparison.ts';
import { verifyTable } from './verify.ts';
import { nameVirtualTables } from '../schema/virtualSchema.ts';

/**
 * Restores virtual tables by their shadow tables, byte for byte: what a module would build from the same rows is
 * another index. The modules are not run: their tables are written, then named to the schema.
 */
export class VirtualTableRestore {
  readonly #connection: Connection;
  readonly #tables: readonly VirtualTable[];
  readonly #missing: readonly VirtualTable[];

  /** `chosen`: those of the backup that are written; `live`: the database as it is before. Throws `refused`. */
  constructor(connection: Connection, chosen: readonly VirtualTable[], live: readonly CatalogTable[]) {
    this.#connection = connection;
    this.#tables = chosen;
    this.#missing = chosen.filter((table) => !isThere(table, live));
  }

  get names(): string[] {
    return this.#tables.map(({ name }) => name);
  }

  /** The names of the shadow tables, in which modules keep the contents of virtual tables. */
  get shadowNames(): string[] {
    return this.#tables.flatMap(({ shadows }) => shadows.map(({ name }) => name));
  }

  /** Writes their shadow tables, and names the missing ones to the schema. `live`: the tables that are there now. */
  async load(live: readonly CatalogTable[], signal?: AbortSignal): Promise<void> {
    const pairs: TablePair[] = [];
    for (const { name, shadows } of this.#tables) {
      for (const { name: surplus } of surplusShadows(name, shadows, live)) {
        await this.#connection.run(`DELETE FROM ${quoteTable('main', surplus)}`, [], signal);
      }
      for (const backup of shadows) {
        const target = findTable(live, backup.name);
        if (!target) await this.#connection.run(createShadow(backup), [], signal);
        pairs.push(await this.#pair(backup, target));
      }
    }
    for (const pair of pairs) await loadTable(this.#connection, pair, signal);
    for (const pair of pairs) await verifyTable(this.#connection, pair, 'replace', 0, signal);
    await nameVirtualTables(this.#connection, 'main', this.#missing);
  }

  async #pair(backup: CatalogTable, target: CatalogTable | undefined): Promise<TablePair> {
    const rows = await countStoredRows(this.#connection, backupSchema, backup.name);
    const plan = {
      backup: { rows },
      target: { name: backup.name },
      create: target === undefined,
      columns: dataColumnNames(backup),
    };
    return { plan, backup, target: target ?? backup };
  }
}

/** Whether the database has it. Throws `refused` where it has another one by that name. */
function isThere({ name, sql, shadows }: VirtualTable, live: readonly CatalogTable[]): boolean {
  const refuse = (reason: string): RestorePointError =>
    new RestorePointError('refused', `The virtual table cannot be restored: ${reason}`, {
      place: { table: name },
      next: 'Drop it in the database, or restore chosen tables; then start the restore again.',
    });
  const found = findTable(live, name);
  if (found && found.type !== 'virtual') throw refuse('the database has another table with this name');
  if (found && found.sql !== sql) throw refuse('the database defines it differently');
  for (const shadow of shadows) {
    const there = findTable(live, shadow.name);
    if (there && there.sql !== shadow.sql)
      throw refuse(`its table ${shadow.name} is different in the database`);
  }
  return found !== undefined;
}

/** Some are only made when they are needed. */
function surplusShadows(
  name: string,
  shadows: readonly CatalogTable[],
  live: readonly CatalogTable[],
): readonly CatalogTable[] {
  const found = virtualTables(live).find((table) => sameName(table.name, name));
  return found?.shadows.filter((shadow) => !findTable(shadows, shadow.name)) ?? [];
}

function createShadow({ name, sql }: CatalogTable): string {
  if (/^CREATE TABLE /.test(sql) && !sql.includes('\0')) return sql;
  throw new RestorePointError('damaged-backup', `The backup has no valid statement for the table ${name}`);
}

/**
 * The folded names of the tables of the backup whose rows a plan writes, also those in which a module keeps its rows;
 * undefined where it writes all.
 */
export function writtenTables(
  plan: RestorePlan,
  backup: readonly VirtualTable[],
): ReadonlySet<string> | undefined {
  if (plan.whole) return undefined;
  const planned = plannedVirtualTables(plan.create, backup).flatMap(({ shadows }) => shadows);
  const names = [
    ...plan.tables.map((table) => table.backup.table.name.name),
    ...planned.map(({ name }) => name),
  ];
  return new Set(names.map(foldName));
}

/** The virtual tables of the backup that a plan creates. Throws `damaged-backup` for one that its database lacks. */
export function plannedVirtualTables(
  create: readonly SchemaObject[],
  backup: readonly VirtualTable[],
): VirtualTable[] {
  return create
    .filter(({ kind }) => kind === virtualTableKind)
    .map(({ name, sql }) => {
      const found = backup.find((table) => table.name === name && table.sql === sql);
      if (found && /^CREATE VIRTUAL TABLE /i.test(sql) && !sql.includes('\0')) return found;
      throw new RestorePointError(
        'damaged-backup',
        `The database in the backup has no virtual table ${name}`,
      );
    });
}
