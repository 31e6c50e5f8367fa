import type { ExtrasRules, PlannedExtras } from '../core/extrasRules.ts';
import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { InboundForeignKey, RestoreMode, RestorePlan, TablePlan } from '../core/plan.ts';
import { describeReasons } from '../core/related.ts';
import { rowKey, type DatabaseSchema, type SchemaObject, type Table } from '../core/schema.ts';
import { contentNotes } from '../core/unproven.ts';
import type { PlannedGivenObjects, StatementRules } from '../core/statementRules.ts';
import type { SessionFeatures } from '../engines/engine.ts';
import { compareTable, type TableComparison } from './compareTable.ts';
import { type ChosenPart, choosePart, type PartOptions } from './choosePart.ts';
import { excludedTables, withoutObjectsOf } from './excludedRows.ts';
import { type Extent, obstacleOf, planObjects } from './planObjects.ts';
import { planOpaque, withoutOpaque } from './planOpaque.ts';
import { planSequences } from './planSequences.ts';
import { refused, type Refusal } from './refusal.ts';
import { referencedFirst } from './tableOrder.ts';

export interface PlanOptions extends PartOptions {
  readonly mode: RestoreMode;
  /** A schema to make the tables in, in place of the one that the backup has them in. */
  readonly intoSchema?: string;
}

/** The database that is to be written, as it is now. */
export interface RestoreTarget {
  readonly schema: DatabaseSchema;
  readonly features: SessionFeatures;
  readonly extras?: ExtrasRules | undefined;
  readonly statements?: StatementRules | undefined;
  /** Rows of a table in it. */
  rowCount(table: TableName): number;
}

/**
 * Says what a restore will do, without doing any of it. Throws `usage` for a table that the backup does not hold and
 * `refused`, with every reason, for what cannot be done without losing something.
 */
export function planRestore(backup: Manifest, target: RestoreTarget, options: PlanOptions): RestorePlan {
  const part = choosePart(backup, options);
  const { manifest, only } = part;
  const everything = part.names === undefined;
  const find = tableFinder(target);
  const refusals: Refusal[] = [];
  const unmade = unmadeTables(manifest, part.tables, target, find);
  if (!everything)
    refusals.push(...[...unmade].map(([{ table }, reason]) => ({ table: table.name, reason })));
  const left = excludedTables(part, options.tables, find);
  refusals.push(...left.refusals);
  const chosen = part.tables.filter((table) => !unmade.has(table) && !left.tables.has(table));
  const planned = chosen.map((table) => planOne(table, find(table.table.name), part, target, options.mode));
  const tables = planned.map(({ plan }) => plan);
  refusals.push(...planned.flatMap(({ refusals: reasons }) => reasons));
  const opaque = planOpaque(manifest, target, {
    mode: options.mode,
    ...(part.names ? { tables: part.names } : {}),
  });
  const carried = withoutObjectsOf(withoutOpaque(manifest), left.tables);
  const objects = planObjects(carried, tables, target, options.mode, { everything, only });
  // With rows only, missing tables are refused already.
  refusals.push(...(only === 'data' ? [] : objects.refusals), ...opaque.refusals);
  if (refusals.length > 0) throw refused(refusals);
  const { extras, given } = planTableless(manifest, target, options.mode, { everything, only });
  const inbound = inboundForeignKeys(tables, target);
  const written = tables
    .map((table, index) => ({ ...table, inbound: inbound[index] ?? [] }))
    .filter(({ create }) => only !== 'schema' || create);
  const made = only === 'data' ? objects.create.filter(({ live }) => live) : objects.create;
  const create = [...given.first, ...made, ...opaque.create, ...given.last];
  const sequences = planSequences(manifest.sequences, tables, create, target, everything);
  return {
    mode: options.mode,
    whole: everything && manifest.complete && !only,
    ...(only ? { only } : {}),
    tables: referencedFirst(written, (table) => find(table.backup.table.name) ?? table.backup.table),
    create,
    sequences: sequences.sequences,
    ...(opaque.tables.length > 0 ? { opaque: opaque.tables } : {}),
    ...(extras.plan ? { extras: extras.plan } : {}),
    warnings: [
      ...warningsOf(manifest, written, options.mode, everything),
      ...(everything
        ? [...unmade].map(([{ table }, reason]) => `${formatTableName(table.name)}: ${reason}`)
        : []),
      ...left.warnings,
      ...objects.warnings,
      ...opaque.warnings,
      ...given.warnings,
      ...extras.warnings,
      ...sequences.warnings,
      ...(create.length > 0 && !target.features.transactionalDdl ? [notUndone] : []),
      ...part.warnings,
    ],
  };
}

const nothing: PlannedExtras = { warnings: [] };

const noneGiven: PlannedGivenObjects = { first: [], last: [], warnings: [] };

const notUndone = 'this database does not roll back new objects: a failed restore can leave some behind';

/** Plans objects that belong to no table: only a restore of the whole backup includes them. */
function planTableless(
  manifest: Manifest,
  target: RestoreTarget,
  mode: RestoreMode,
  { everything, only }: Extent,
): { extras: PlannedExtras; given: PlannedGivenObjects } {
  const { schema, extras, statements } = target;
  const allObjects = everything && (manifest.complete || manifest.allObjects === true);
  return {
    extras: (everything && only !== 'schema' && extras?.plan(manifest, schema, mode)) || nothing,
    given:
      (allObjects &&
        only !== 'data' &&
        statements?.planGiven(manifest, schema, mode, (object) => obstacleOf(object, target))) ||
      noneGiven,
  };
}

/** One table of the plan, and why it cannot be restored. */
function planOne(
  table: BackedUpTable,
  live: Table | undefined,
  { only, related: reasons }: ChosenPart,
  target: RestoreTarget,
  mode: RestoreMode,
): { plan: TablePlan; refusals: Refusal[] } {
  const comparison = compareTable(table, live, target.features);
  const key = chooseKey(table, live, mode);
  const refusals = [...comparison.refusals, ...(key.refusal ? [key.refusal] : [])];
  if (only === 'data' && !live) refusals.push('it is missing, and a restore of rows only creates no tables');
  const related = reasons.get(tableKey(table.table.name));
  return {
    plan: { ...planTable(table, live, comparison, key.columns, target), ...(related ? { related } : {}) },
    // Without rows, existing tables stay unchanged.
    refusals: only === 'schema' ? [] : refusals.map((reason) => ({ table: table.table.name, reason })),
  };
}

/** Tables that are missing, and that the backup has rows of but cannot make, with the reason. */
function unmadeTables(
  { leftOut, only, objects }: Manifest,
  tables: readonly BackedUpTable[],
  target: RestoreTarget,
  find: (name: TableName) => Table | undefined,
): Map<BackedUpTable, string> {
  const reasons = new Map(
    leftOut
      .filter(({ kind }) => kind === 'table')
      .flatMap(({ names, reason }) => names.map((name) => [name, reason] as const)),
  );
  return new Map(
    tables.flatMap((table): [BackedUpTable, string][] => {
      const { name: tableName, extension } = table.table;
      if (only === 'data' || find(tableName)) return [];
      const unmade = extension === undefined ? undefined : unmadeExtension(extension, objects, target);
      if (unmade !== undefined) return [[table, `it is missing: ${unmade}`]];
      const reason = reasons.get(formatTableName(tableName));
      if (reason === undefined) return [];
      return [[table, `it is missing, and the backup does not contain its definition: ${reason}`]];
    }),
  );
}

/** Why a missing table of this extension cannot be made by it. */
function unmadeExtension(
  name: string,
  objects: readonly SchemaObject[],
  target: RestoreTarget,
): string | undefined {
  const isIt = (object: SchemaObject): boolean => object.kind === 'extension' && object.name === name;
  if (target.schema.objects.some(isIt))
    return `the extension ${name} exists, but either does not create it or does not let this user read it`;
  const maker = objects.find(isIt);
  if (!maker) return `the backup does not contain the extension ${name}, which creates it`;
  const reason = obstacleOf(maker, target)?.reason;
  return reason === undefined ? undefined : `the extension ${name} cannot be created: ${reason}`;
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

/** Rows are identified by a key that the table has now; the backup must have its columns. */
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
      `it has no primary key (or unique key without NULLs) that the backup has too, ` +
      `so its rows cannot be identified: only the mode replace can restore it`,
  };
}

function inboundForeignKeys(tables: readonly TablePlan[], { schema }: RestoreTarget): InboundForeignKey[][] {
  const inside = new Set(tables.map((table) => tableKey(table.target)));
  const outside = schema.tables.filter((table) => !inside.has(tableKey(table.name)));
  const foreignKeys = outside.flatMap((table) =>
    table.foreignKeys.map(({ name, columns, references }) => ({
      ...{ from: table.name, name, columns },
      references,
    })),
  );
  const inbound = Map.groupBy(foreignKeys, ({ references }) => tableKey(references));
  return tables.map(({ target }) =>
    (inbound.get(tableKey(target)) ?? []).map(({ from, name, columns }) => ({ from, name, columns })),
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
      warnings.push(`${name}: the backup contains only ${part}; replace removes all other rows`);
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
