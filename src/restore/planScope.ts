import type { Manifest } from '../core/manifest.ts';
import { formatTableName, tableKey } from '../core/names.ts';
import { objectKey, type SchemaObject } from '../core/schema.ts';
import type { SchemaScope } from '../engines/engine.ts';
import { choosePart } from './choosePart.ts';
import type { PlanOptions } from './planRestore.ts';

/**
 * The part of the database that a plan needs to know: the chosen tables, and what they need according to the backup. Undefined if
 * that is all of it.
 */
export function planScope(manifest: Manifest, options: PlanOptions): SchemaScope | undefined {
  if (!options.tables || options.intoSchema !== undefined) return undefined;
  const { tables } = choosePart(manifest, options);
  const held = new Set(manifest.tables.map(({ table }) => tableKey(table.name)));
  const chosen = new Set(tables.map(({ table }) => tableKey(table.name)));
  const wanted = new Set<SchemaObject>();
  const find = new Map<string, SchemaObject>();
  const ofTable = new Map<string, SchemaObject[]>();
  for (const object of manifest.objects) {
    if (!find.has(objectKey(object))) find.set(objectKey(object), object);
    if (!object.table) continue;
    const key = tableKey(object.table);
    const own = ofTable.get(key);
    if (own) own.push(object);
    else ofTable.set(key, [object]);
    if (chosen.has(key)) wanted.add(object);
  }
  for (const { table } of tables) {
    const maker = find.get(objectKey({ kind: 'extension', name: table.extension ?? '' }));
    if (maker) wanted.add(maker);
  }
  for (const { table, needs = [], of } of wanted) {
    const key = table && tableKey(table);
    // A table that the backup holds and that was not chosen is not touched: what it needs does not matter.
    if (key !== undefined && held.has(key) && !chosen.has(key)) continue;
    if (key !== undefined && !held.has(key)) for (const own of ofTable.get(key) ?? []) wanted.add(own);
    for (const need of of === undefined ? needs : [...needs, of]) {
      const found = find.get(need);
      if (found) wanted.add(found);
    }
  }
  // The database decides who owns a sequence, not the backup.
  const sequences = manifest.sequences.filter(({ table }) => table && chosen.has(tableKey(table)));
  return {
    tables: (name) => chosen.has(tableKey(name)),
    names: new Set([
      ...[...wanted].filter(({ of }) => of === undefined).map(({ name }) => name),
      ...sequences.map(({ name }) => formatTableName(name)),
    ]),
  };
}
