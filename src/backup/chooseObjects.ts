import { tableKey, type TableName } from '../core/names.ts';
import { objectKey, type DatabaseSchema, type SchemaObject } from '../core/schema.ts';

/**
 * The objects that a backup of a part holds: those of its tables, with all that they need at last. What is added to
 * tables after their rows brings no further tables with it: what points out of the part finds them, or is left out
 * when it is restored. Partitioned tables come with their partitions.
 */
export function chooseObjects(schema: DatabaseSchema, taken: readonly TableName[]): SchemaObject[] {
  const rowless = new Set(
    schema.tables.filter(({ holdsRows }) => !holdsRows).map(({ name }) => tableKey(name)),
  );
  const find = new Map<string, SchemaObject>();
  const ofTable = new Map<string, SchemaObject[]>();
  for (const object of schema.objects) {
    if (!find.has(objectKey(object))) find.set(objectKey(object), object);
    if (!object.table) continue;
    const key = tableKey(object.table);
    ofTable.set(key, [...(ofTable.get(key) ?? []), object]);
  }
  const chosen = new Set<SchemaObject>(
    schema.objects.filter(({ needs, table }) => needs === undefined && !table),
  );
  const takeTable = (key: string): void => {
    for (const object of ofTable.get(key) ?? []) chosen.add(object);
  };
  for (const name of taken) takeTable(tableKey(name));
  const names = new Set(taken.map(tableKey));
  for (const { name, extension } of schema.tables) {
    const maker = find.get(objectKey({ kind: 'extension', name: extension ?? '' }));
    if (maker && names.has(tableKey(name))) chosen.add(maker);
  }
  for (const object of chosen) {
    for (const key of object.of === undefined ? (object.needs ?? []) : [...(object.needs ?? []), object.of]) {
      const need = find.get(key);
      if (!need || (need.table && object.section === 'post-data' && !isSame(need.table, object.table)))
        continue;
      if (need.table && rowless.has(tableKey(need.table))) takeTable(tableKey(need.table));
      chosen.add(need);
    }
  }
  const keys = new Set([...chosen].map(objectKey));
  return schema.objects.filter(
    (object) => chosen.has(object) || (object.of !== undefined && keys.has(object.of)),
  );
}

function isSame(a: TableName, b: TableName | undefined): boolean {
  return b !== undefined && tableKey(a) === tableKey(b);
}
