import { RestorePointError } from '../core/errors.ts';
import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import {
  foldCase,
  formatTableName,
  nameMatches,
  sameTable,
  tableKey,
  type TableName,
  type TablePattern,
} from '../core/names.ts';
import type { InboundForeignKey, RestoreMode, RestorePlan, TablePlan } from '../core/plan.ts';
import { objectKey, rowKey, type DatabaseSchema, type Table } from '../core/schema.ts';
import type { EngineFeatures } from '../engines/engine.ts';
import { compareTable, type TableComparison } from './compareTable.ts';
import { planObjects } from './planObjects.ts';
import { referencedFirst } from './tableOrder.ts';

export interface PlanOptions {
  readonly mode: RestoreMode;
  /** As a user names them; all of the backup when left out. */
  readonly tables?: readonly TablePattern[];
}

/** The database that is to be written, as it is now. */
export interface RestoreTarget {
  readonly schema: DatabaseSchema;
  readonly features: EngineFeatures;
  /** Rows of a table in it. */
  rowCount(table: TableName): number;
}

/**
 * Says what a restore will do, without doing any of it. Throws `usage` for a table that the backup does not hold and
 * `refused`, with every reason, for what cannot be done without losing something.
 */
export function planRestore(manifest: Manifest, target: RestoreTarget, options: PlanOptions): RestorePlan {
  const chosen = chooseTables(manifest, options.tables);
  const find = tableFinder(target);
  const refusals: string[] = [];
  const tables = chosen.map((backup) => {
    const live = find(backup.table.name);
    const comparison = compareTable(backup, live, target.features);
    const key = chooseKey(backup, live, options.mode);
    const reasons = [...comparison.refusals, ...(key.refusal ? [key.refusal] : [])];
    refusals.push(...reasons.map((reason) => `${formatTableName(backup.table.name)}: ${reason}`));
    return planTable(backup, live, comparison, key.columns, target);
  });
  const everything = options.tables === undefined;
  const objects = planObjects(manifest, tables, target, options.mode, everything);
  refusals.push(...objects.refusals);
  if (refusals.length > 0) throw refused(refusals);
  const inbound = inboundForeignKeys(tables, target);
  const planned = tables.map((table, index) => ({ ...table, inbound: inbound[index] ?? [] }));
  const created = new Set(objects.create.map(objectKey));
  const keys = new Set(chosen.map((backup) => tableKey(backup.table.name)));
  return {
    mode: options.mode,
    whole: everything && manifest.complete,
    tables: referencedFirst(planned, (table) => find(table.backup.table.name) ?? table.backup.table),
    create: objects.create,
    sequences: manifest.sequences.filter(({ table, name }) =>
      table ? keys.has(tableKey(table)) : everything || created.has(`sequence ${formatTableName(name)}`),
    ),
    warnings: [...warningsOf(manifest, planned, options.mode, everything), ...objects.warnings],
  };
}

/** The tables of the backup that are meant. Throws `usage` for a name that it does not hold. */
export function chooseTables(
  manifest: Manifest,
  names: readonly TablePattern[] | undefined,
): BackedUpTable[] {
  if (!names) return [...manifest.tables];
  const chosen = new Set<BackedUpTable>();
  for (const name of names) {
    const found = manifest.tables.filter(({ table }) => nameMatches(name, table.name));
    if (found.length === 0) {
      throw new RestorePointError('usage', `The backup holds no table named ${formatTableName(name)}`, {
        unchanged: 'Nothing was changed.',
        next: `It holds: ${manifest.tables.map(({ table }) => formatTableName(table.name)).join(', ')}.`,
      });
    }
    for (const table of found) chosen.add(table);
  }
  return manifest.tables.filter((table) => chosen.has(table));
}

function tableFinder({ schema, features }: RestoreTarget): (name: TableName) => Table | undefined {
  const fold = (name: TableName): string => {
    const key = tableKey(name);
    return features.caseInsensitiveNames ? foldCase(key) : key;
  };
  const tables = new Map(schema.tables.map((table) => [fold(table.name), table]));
  return (name) => tables.get(fold(name));
}

function planTable(
  backup: BackedUpTable,
  live: Table | undefined,
  comparison: TableComparison,
  key: readonly string[] | undefined,
  target: RestoreTarget,
): TablePlan {
  return {
    backup,
    target: live?.name ?? backup.table.name,
    create: live === undefined,
    columns: backup.columns,
    ...(key ? { key } : {}),
    rowsNow: live ? target.rowCount(live.name) : 0,
    inbound: [],
    drift: comparison.drift,
  };
}

/** Rows are told apart by a key that the table has now; the backup must have its columns. */
function chooseKey(
  backup: BackedUpTable,
  live: Table | undefined,
  mode: RestoreMode,
): { columns?: readonly string[]; refusal?: string } {
  const columns = rowKey(live ?? backup.table);
  const usable = columns?.every((column) => backup.columns.includes(column));
  if (columns && usable) return { columns };
  if (mode === 'replace') return {};
  return {
    refusal:
      `it has no primary key (nor a unique key without NULLs) that the backup holds too, ` +
      `so that its rows cannot be told apart: only the mode replace can restore it`,
  };
}

function inboundForeignKeys(tables: readonly TablePlan[], { schema }: RestoreTarget): InboundForeignKey[][] {
  const inside = new Set(tables.map((table) => tableKey(table.target)));
  const outside = schema.tables.filter((table) => !inside.has(tableKey(table.name)));
  return tables.map((table) =>
    outside.flatMap((from) =>
      from.foreignKeys
        .filter((foreignKey) => sameTable(foreignKey.references, table.target))
        .map((foreignKey) => ({ from: from.name, name: foreignKey.name })),
    ),
  );
}

function warningsOf(
  manifest: Manifest,
  tables: readonly TablePlan[],
  mode: RestoreMode,
  everything: boolean,
): string[] {
  const warnings: string[] = [];
  for (const { backup, drift, rowsNow } of tables) {
    const name = formatTableName(backup.table.name);
    warnings.push(...drift.map((difference) => `${name}: ${difference}`));
    if (backup.where !== undefined && mode === 'replace' && rowsNow > 0) {
      warnings.push(
        `${name}: the backup holds only the rows where ${backup.where}; replace removes all others`,
      );
    }
  }
  if (everything) {
    for (const { kind, names, reason } of manifest.leftOut) {
      warnings.push(`not in the backup: ${kind} ${names.join(', ')} (${reason})`);
    }
  }
  return warnings;
}

function refused(reasons: readonly string[]): RestorePointError {
  return new RestorePointError('refused', `The restore is refused: ${reasons.join('; ')}`, {
    unchanged: 'Nothing was changed.',
  });
}
