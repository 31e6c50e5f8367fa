import { RestorePointError } from '../core/errors.ts';
import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { InboundForeignKey, RestoreMode, RestorePlan, TablePlan } from '../core/plan.ts';
import { describeReasons } from '../core/related.ts';
import { rowKey, type DatabaseSchema, type Table } from '../core/schema.ts';
import { contentNotes } from '../core/unproven.ts';
import type { EngineFeatures } from '../engines/engine.ts';
import { compareTable, type TableComparison } from './compareTable.ts';
import { choosePart, type PartOptions } from './choosePart.ts';
import { planLargeObjects, type PlannedLargeObjects } from './planLargeObjects.ts';
import { planObjects } from './planObjects.ts';
import { planOpaque, withoutOpaque } from './planOpaque.ts';
import { planSequences } from './planSequences.ts';
import { referencedFirst } from './tableOrder.ts';
import { planUsualObjects } from './usualObjects.ts';

export interface PlanOptions extends PartOptions {
  readonly mode: RestoreMode;
  /** A schema to make the tables in, in place of the one that the backup has them in. */
  readonly intoSchema?: string;
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
export function planRestore(backup: Manifest, target: RestoreTarget, options: PlanOptions): RestorePlan {
  const part = choosePart(backup, options);
  const { manifest, only, tables: chosen } = part;
  const find = tableFinder(target);
  const refusals: Refusal[] = [];
  const tables = chosen.map((table) => {
    const live = find(table.table.name);
    const comparison = compareTable(table, live, target.features);
    const key = chooseKey(table, live, options.mode);
    const missing =
      only === 'data' && !live ? ['it is missing, and only rows are restored: no table is made'] : [];
    const reasons = [...comparison.refusals, ...(key.refusal ? [key.refusal] : []), ...missing];
    // Where no rows are written, what is there stays as it is.
    if (only !== 'schema') refusals.push(...reasons.map((reason) => ({ table: table.table.name, reason })));
    const related = part.related.get(tableKey(table.table.name));
    return { ...planTable(table, live, comparison, key.columns, target), ...(related ? { related } : {}) };
  });
  const everything = part.names === undefined;
  const opaque = planOpaque(manifest, target, {
    mode: options.mode,
    ...(part.names ? { tables: part.names } : {}),
  });
  const objects = planObjects(withoutOpaque(manifest), tables, target, options.mode, everything);
  // Where only rows are written it has been said that a table is missing.
  refusals.push(...(only === 'data' ? [] : objects.refusals), ...opaque.refusals);
  const large: PlannedLargeObjects =
    everything && only !== 'schema'
      ? planLargeObjects(manifest, target.schema, options.mode)
      : { warnings: [] };
  if (refusals.length > 0) throw refused(refusals);
  const usual =
    everything && manifest.complete && only !== 'data'
      ? planUsualObjects(manifest, target.schema, options.mode)
      : { first: [], last: [], warnings: [] };
  const inbound = inboundForeignKeys(tables, target);
  const planned = tables
    .map((table, index) => ({ ...table, inbound: inbound[index] ?? [] }))
    .filter(({ create }) => only !== 'schema' || create);
  const made = only === 'data' ? objects.create.filter(({ live }) => live) : objects.create;
  const create = [...usual.first, ...made, ...opaque.create, ...usual.last];
  const sequences = planSequences(manifest.sequences, tables, create, target, everything);
  return {
    mode: options.mode,
    whole: everything && manifest.complete && !only,
    ...(only ? { only } : {}),
    tables: referencedFirst(planned, (table) => find(table.backup.table.name) ?? table.backup.table),
    create,
    sequences: sequences.sequences,
    ...(opaque.tables.length > 0 ? { opaque: opaque.tables } : {}),
    ...(large.plan ? { largeObjects: large.plan } : {}),
    warnings: [
      ...warningsOf(manifest, planned, options.mode, everything),
      ...objects.warnings,
      ...opaque.warnings,
      ...usual.warnings,
      ...large.warnings,
      ...sequences.warnings,
      ...part.warnings,
    ],
  };
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
  const foreignKeys = outside.flatMap((table) =>
    table.foreignKeys.map(({ name, references }) => ({ from: table.name, name, references })),
  );
  const inbound = Map.groupBy(foreignKeys, ({ references }) => tableKey(references));
  return tables.map(({ target }) =>
    (inbound.get(tableKey(target)) ?? []).map(({ from, name }) => ({ from, name })),
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
    const part = partOfRows(backup);
    if (part !== undefined && mode === 'replace' && rowsNow > 0) {
      warnings.push(`${name}: the backup holds only ${part}; replace removes all others`);
    }
  }
  if (everything) {
    for (const { kind, names, reason } of manifest.leftOut) {
      warnings.push(`not in the backup: ${kind} ${names.join(', ')} (${reason})`);
    }
    warnings.push(...contentNotes(manifest));
  }
  return warnings;
}

/** Which rows of a table it holds, where it does not hold all. */
function partOfRows({ where, related, lostRows }: BackedUpTable): string | undefined {
  const parts = [
    ...(where === undefined ? [] : [`the rows where ${where}`]),
    ...(related ? [`related rows (${describeReasons(related)})`] : []),
    ...(lostRows === undefined ? [] : [`what could be salvaged (${lostRows} rows are lost)`]),
  ];
  return parts.length > 0 ? parts.join(', and ') : undefined;
}

/** Why a table of the backup cannot be restored. */
export interface Refusal {
  readonly table: TableName;
  readonly reason: string;
}

export function refused(refusals: readonly Refusal[]): RestorePointError {
  const reasons = refusals.map(({ table, reason }) => `${formatTableName(table)}: ${reason}`);
  return new RestorePointError('refused', `The restore is refused: ${reasons.join('; ')}`, {
    unchanged: 'Nothing was changed.',
    tables: [...new Set(refusals.map(({ table }) => formatTableName(table)))],
  });
}
