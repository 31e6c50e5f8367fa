import { RestorePointError } from '../core/errors.ts';
import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { RestorePlan } from '../core/plan.ts';
import { objectKey, type DatabaseSchema, type SchemaObject, type Sequence } from '../core/schema.ts';
import { choosePart } from './choosePart.ts';
import { planRestore, type PlanOptions, type RestoreTarget } from './planRestore.ts';
import { refused } from './refusal.ts';

/**
 * Plans a restore of the tables of one schema into another one, as new tables: as if the first schema did not have them.
 * See `RestorePlan.intoSchema`. Throws as `planRestore`.
 */
export function planIntoSchema(
  backup: Manifest,
  target: RestoreTarget,
  options: PlanOptions,
  to: string,
): RestorePlan {
  if (!target.features.schemas) {
    throw new RestorePointError('refused', 'This kind of database has no schemas to restore into', {
      unchanged: 'Nothing was changed.',
      next: 'Restore into another database.',
    });
  }
  const { tables, manifest, only } = choosePart(backup, options);
  if (only === 'data')
    throw wrong('Restoring into another schema creates tables, so it cannot restore rows only');
  const from = schemaOf(tables);
  if (from === to) throw wrong(`The tables are already in the schema ${to}`);
  const fixed = tables.filter(({ table }) => table.extension !== undefined);
  if (fixed.length > 0) {
    const reason = 'it belongs to an extension, which creates it only in its own schema';
    throw refused(fixed.map(({ table }) => ({ table: table.name, reason })));
  }
  const made = madeTables(manifest, tables);
  const taken = target.schema.tables.filter(
    ({ name }) => name.schema === to && made.has(tableKey({ schema: from, name: name.name })),
  );
  if (taken.length > 0) {
    const reason = 'it already exists, and a restore into another schema only creates tables';
    throw refused(taken.map(({ name }) => ({ table: name, reason })));
  }
  const plan = planRestore(
    backup,
    { ...target, schema: without(target.schema, made) },
    { ...options, tables: options.tables ?? tables.map(({ table }) => table.name) },
  );
  return moved(plan, manifest, made, { from, to });
}

function moved(
  plan: RestorePlan,
  manifest: Manifest,
  made: ReadonlyMap<string, TableName>,
  intoSchema: { readonly from: string; readonly to: string },
): RestorePlan {
  const members = plan.create.filter(({ kind }) => kind === 'publication member');
  const create = plan.create.filter(({ kind }) => kind !== 'publication member');
  const isMade = ({ table }: SchemaObject): boolean => table !== undefined && made.has(tableKey(table));
  const isTable = ({ kind, of }: SchemaObject): boolean => kind === 'table' && of === undefined;
  const outside = new Set(
    manifest.objects.filter((object) => isTable(object) && !isMade(object)).map(objectKey),
  );
  const bound = create.filter(
    (object) => isTable(object) && isMade(object) && object.needs?.some((key) => outside.has(key)),
  );
  if (bound.length > 0) {
    const reason = 'it is created from a table that is not part of the restore: include that table too';
    throw refused(bound.map(({ table }) => ({ table: table!, reason })));
  }
  const created = new Set(create.map(objectKey));
  return {
    ...plan,
    whole: false,
    tables: plan.tables.map((table) => ({ ...table, target: { ...table.target, schema: intoSchema.to } })),
    create,
    sequences: plan.sequences.filter((sequence) => isOwn(sequence, manifest, created)),
    intoSchema: {
      ...intoSchema,
      tables: create.filter((object) => isTable(object) && isMade(object)).map(({ table }) => table!),
    },
    warnings: [
      ...plan.warnings,
      ...namesOf(members).map((name) => `not restored: ${name}: it would publish other tables than before`),
      ...triggerWarnings(create),
    ],
  };
}

/** The one schema of these tables. Throws `usage`. */
function schemaOf(tables: readonly BackedUpTable[]): string {
  const schemas = [...new Set(tables.map(({ table }) => table.name.schema ?? ''))];
  const [schema, ...others] = schemas;
  if (schema === undefined) throw wrong('The backup contains no tables');
  if (others.length === 0) return schema;
  throw wrong(
    `The tables are in several schemas (${schemas.join(', ')})`,
    'Choose the tables of one schema: schema.*',
  );
}

/** The chosen tables, with those that hold no rows themselves and that these are parts of. */
function madeTables(manifest: Manifest, tables: readonly BackedUpTable[]): Map<string, TableName> {
  const held = new Set(manifest.tables.map(({ table }) => tableKey(table.name)));
  const made = new Map(tables.map(({ table }) => [tableKey(table.name), table.name]));
  const rowless = new Map<string, TableName>();
  for (const { kind, of, table, ...object } of manifest.objects) {
    if (kind === 'table' && of === undefined && table && !held.has(tableKey(table)))
      rowless.set(objectKey({ kind, name: object.name }), table);
  }
  for (let before = -1; before !== made.size;) {
    before = made.size;
    for (const { table, needs = [] } of manifest.objects) {
      if (!table || !made.has(tableKey(table))) continue;
      for (const need of needs) {
        const found = rowless.get(need);
        if (found && found.schema === table.schema) made.set(tableKey(found), found);
      }
    }
  }
  return made;
}

/** The database without these tables and what belongs to them. */
function without(schema: DatabaseSchema, tables: ReadonlyMap<string, TableName>): DatabaseSchema {
  return {
    ...schema,
    tables: schema.tables.filter(({ name }) => !tables.has(tableKey(name))),
    objects: schema.objects.filter(({ table }) => !table || !tables.has(tableKey(table))),
  };
}

/** One that is not the tables' own stays where it is, and the tables that are there go on counting with it. */
function isOwn({ name }: Sequence, manifest: Manifest, created: ReadonlySet<string>): boolean {
  const key = objectKey({ kind: 'sequence', name: formatTableName(name) });
  const object = manifest.objects.find((candidate) => objectKey(candidate) === key);
  return !object || object.table !== undefined || created.has(key);
}

function triggerWarnings(create: readonly SchemaObject[]): string[] {
  const names = namesOf(create.filter(({ kind, of }) => kind === 'trigger' && of === undefined));
  if (names.length === 0) return [];
  return [`${names.join(', ')}: the text of trigger functions is not changed, nor the table names in it`];
}

function namesOf(objects: readonly SchemaObject[]): string[] {
  return [...new Set(objects.map(objectKey))];
}

function wrong(message: string, next?: string): RestorePointError {
  return new RestorePointError('usage', message, {
    unchanged: 'Nothing was changed.',
    ...(next === undefined ? {} : { next }),
  });
}
