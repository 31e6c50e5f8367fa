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
import { rowKey, type DatabaseSchema, type SchemaObject, type Table } from '../core/schema.ts';
import type { EngineFeatures } from '../engines/engine.ts';
import { compareTable, type TableComparison } from './compareTable.ts';
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
  if (refusals.length > 0) throw refused(refusals);
  const inbound = inboundForeignKeys(tables, target);
  const planned = tables.map((table, index) => ({ ...table, inbound: inbound[index] ?? [] }));
  const everything = options.tables === undefined;
  const keys = new Set(chosen.map((backup) => tableKey(backup.table.name)));
  return {
    mode: options.mode,
    whole: everything && manifest.complete,
    tables: referencedFirst(planned, (table) => find(table.backup.table.name) ?? table.backup.table),
    create: objectsToCreate(manifest, planned, target, options.mode, everything),
    sequences: manifest.sequences.filter((sequence) => keys.has(tableKey(sequence.table))),
    warnings: warningsOf(manifest, planned, options.mode, everything),
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

/** What can be missing on a table that is there, and be made again without changing the table itself. */
const remade: readonly string[] = ['index', 'trigger'];

/**
 * Statements for what is missing. What belongs to a table comes with it; of a table that is there and is replaced,
 * indexes and triggers come back; what belongs to none comes when it could be needed by a table that is made (before
 * the data), or with a restore of the whole (after it).
 */
function objectsToCreate(
  manifest: Manifest,
  tables: readonly TablePlan[],
  { schema, features }: RestoreTarget,
  mode: RestoreMode,
  everything: boolean,
): SchemaObject[] {
  const fold = (text: string): string => (features.caseInsensitiveNames ? foldCase(text) : text);
  const created = new Set(
    tables.filter((table) => table.create).map((table) => tableKey(table.backup.table.name)),
  );
  const withRows = new Set(manifest.tables.map(({ table }) => tableKey(table.name)));
  const liveTables = new Set(schema.tables.map((table) => fold(tableKey(table.name))));
  const identity = ({ kind, name, table }: SchemaObject): string =>
    fold(`${kind} ${name} ${table ? tableKey(table) : ''}`);
  const liveObjects = new Set(schema.objects.map(identity));
  const replaced = new Set(
    tables
      .filter((table) => !table.create && mode === 'replace')
      .map((table) => tableKey(table.backup.table.name)),
  );
  return manifest.objects.filter((object) => {
    if (object.table) {
      const key = tableKey(object.table);
      const again = replaced.has(key) && remade.includes(object.kind) && !liveObjects.has(identity(object));
      if (withRows.has(key)) return created.has(key) || again;
      return everything && manifest.complete && !liveTables.has(fold(key));
    }
    if (liveObjects.has(identity(object))) return false;
    return object.section === 'pre-data' ? created.size > 0 : everything && manifest.complete;
  });
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
