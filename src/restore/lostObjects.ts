import { holdsAllRows, type Manifest } from '../core/manifest.ts';
import { formatTableName, tableKey } from '../core/names.ts';
import type { TablePlan } from '../core/plan.ts';
import {
  type DatabaseSchema,
  type ForeignKey,
  objectKey,
  type SchemaObject,
  type Table,
} from '../core/schema.ts';

/** Objects that an existing table may have lost, and that can be created again without changing the table itself. */
const remade: readonly string[] = [
  'primary key',
  'constraint',
  'foreign key',
  'index',
  'index partition',
  'partition',
  'trigger',
  'trigger state',
  'rule',
  'policy',
  'extended statistics',
];

/** Whether it can be created again on an existing table that is replaced. */
export function isRemade({ kind }: SchemaObject): boolean {
  return remade.includes(kind);
}

/**
 * Says which of the objects of replaced tables come back when not all of the backup is restored: a foreign key only
 * where both its tables get all rows that they had.
 */
export function comesAgain(tables: readonly TablePlan[]): (object: SchemaObject) => boolean {
  const replaced = new Set(tables.map(({ backup }) => tableKey(backup.table.name)));
  const full = new Set(
    tables
      .filter(({ backup }) => holdsAllRows(backup))
      .map(({ backup }) => objectKey({ kind: 'table', name: formatTableName(backup.table.name) })),
  );
  return (object) => {
    const { kind, table, needs = [] } = object;
    if (!table || !replaced.has(tableKey(table)) || !isRemade(object)) return false;
    return kind !== 'foreign key' || needs.every((key) => !key.startsWith('table ') || full.has(key));
  };
}

/** Says why an object cannot be made on a table that is there, which may have changed since. */
export function obstacles(
  manifest: Manifest,
  schema: DatabaseSchema,
): (object: SchemaObject) => string | undefined {
  const byName = (tables: readonly Table[]): ReadonlyMap<string, Table> =>
    new Map(tables.map((table) => [tableKey(table.name), table]));
  const now = byName(schema.tables);
  const then = byName(manifest.tables.map(({ table }) => table));
  const foreignKeys: ReadonlyMap<string, ForeignKey> = new Map(
    [...then.values()].flatMap((table) =>
      table.foreignKeys.map((key): [string, ForeignKey] => [
        `${formatTableName(table.name)} ${key.name}`,
        key,
      ]),
    ),
  );
  return ({ kind, name, table }) => {
    if (kind !== 'primary key' && kind !== 'foreign key') return undefined;
    const live = table && now.get(tableKey(table));
    if (!live) return undefined;
    if (kind === 'primary key') return live.primaryKey && 'the table has another primary key';
    const foreignKey = foreignKeys.get(name);
    if (!foreignKey || !name.startsWith(`${formatTableName(table)} `)) return undefined;
    const { columns, references, referencedColumns } = foreignKey;
    const referenced = tableKey(references);
    const changed = [
      ...changedColumns(columns, then.get(tableKey(table)), live),
      ...changedColumns(referencedColumns, then.get(referenced), now.get(referenced)),
    ];
    return changed.length === 0 ? undefined : `the type of the column ${changed.join(', ')} has changed`;
  };
}

function changedColumns(
  names: readonly string[],
  then: Table | undefined,
  now: Table | undefined,
): readonly string[] {
  if (!then || !now) return [];
  const [before, after] = [typesOf(then), typesOf(now)];
  return names.filter((name) => before.get(name) !== after.get(name));
}

/** By column. A table of many foreign keys is asked for each of them. */
const types = new WeakMap<Table, ReadonlyMap<string, string>>();

function typesOf(table: Table): ReadonlyMap<string, string> {
  let found = types.get(table);
  if (!found) types.set(table, (found = new Map(table.columns.map(({ name, type }) => [name, type]))));
  return found;
}
