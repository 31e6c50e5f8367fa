import type { Manifest } from '../core/manifest.ts';
import { tableKey } from '../core/names.ts';
import type { RestorePlan } from '../core/plan.ts';
import { objectKey, type SchemaObject } from '../core/schema.ts';
import type { StatementRules } from '../core/statementRules.ts';

/**
 * The objects of a backup that a restore of chosen tables leaves out: virtual tables, and what belongs to no table (views,
 * functions). What the chosen tables need is not among them: it is there already, or the plan creates it.
 */
export function notChosen(
  { create, opaque = [], tables }: Pick<RestorePlan, 'create' | 'opaque' | 'tables'>,
  { objects }: Pick<Manifest, 'objects'>,
  isGiven: StatementRules['isGiven'] = () => false,
): SchemaObject[] {
  const restored = new Set([
    ...tables.map(({ backup }) => tableKey(backup.table.name)),
    ...opaque.map(({ target }) => tableKey(target)),
  ]);
  const needed = withNeeds(
    objects.filter(({ table }) => table && restored.has(tableKey(table))),
    objects,
  );
  const created = new Set(create.map(objectKey));
  return objects.filter(
    (object) =>
      !(object.table && (!object.opaque || restored.has(tableKey(object.table)))) &&
      object.of === undefined &&
      !isGiven(object) &&
      !object.repeat &&
      !created.has(objectKey(object)) &&
      !needed.has(objectKey(object)),
  );
}

/** The keys of these objects and of everything that they need, directly or through others. */
function withNeeds(some: readonly SchemaObject[], all: readonly SchemaObject[]): Set<string> {
  const byKey = new Map(all.map((object) => [objectKey(object), object]));
  const found = new Set(some.map(objectKey));
  for (const key of found) for (const need of byKey.get(key)?.needs ?? []) found.add(need);
  return found;
}
