import type { DatabaseSchema, Key, SchemaObject, Sequence, Table } from '../../../core/schema.ts';
import {
  type CatalogForeignKey,
  type CatalogTable,
  findTable,
  readCatalog,
  type VirtualTable,
  virtualTables,
  virtualTableKind,
} from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { foldName, sameName } from '../connect/identifiers.ts';
import { readObjects, type WrittenObject } from './schemaRows.ts';
import { readCounters } from './sequences.ts';
import { contentOf, moduleOf } from './sqlText.ts';

/** A schema, and how far its counters are. */
export type CountedSchema = DatabaseSchema & { readonly sequences: readonly Sequence[] };

/** The schema of one of the connection's databases. For a consistent answer, call it inside a transaction. */
export async function introspect(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
): Promise<CountedSchema> {
  const catalog = await readCatalog(connection, schema, signal);
  const written = await readObjects(connection, schema, otherTypes, signal);
  const others = otherTypes.flatMap((type) => written.filter((object) => object.type === type));
  const withRows = catalog.filter((table) => table.type === 'table');
  const virtual = virtualTables(catalog);
  const modules = await readModules(connection, signal);
  const triggers = Map.groupBy(
    others.filter(({ type }) => type === 'trigger'),
    ({ tableName }) => foldName(tableName),
  );
  return {
    tables: [
      ...withRows.map((table) => describeTable(table, catalog, triggers.get(foldName(table.name)) ?? [])),
      ...virtual.map((table) => describeVirtual(table, withRows, modules)),
    ],
    objects: describeObjects(catalog, others, modules),
    sequences: await readSequences(connection, schema, withRows, signal),
    leftOut: [],
  };
}

/** One table by its name, or undefined. */
export async function introspectTable(
  connection: Connection,
  schema: string,
  name: string,
): Promise<Table | undefined> {
  const { tables } = await introspect(connection, schema);
  return tables.find((table) => sameName(table.name.name, name));
}

/** In an order in which they can be made: an INSTEAD OF trigger needs its view. Automatic indexes have no statement. */
const otherTypes = ['index', 'view', 'trigger'];

function describeTable(
  table: CatalogTable,
  catalog: readonly CatalogTable[],
  triggers: readonly WrittenObject[],
): Table {
  const notNull = new Set(
    table.columns.filter((column) => column.notNull).map((column) => foldName(column.name)),
  );
  const key = (columns: readonly string[]): Key => ({
    columns,
    notNull: columns.every((column) => notNull.has(foldName(column))),
  });
  const uniqueKeys = table.indexes.flatMap(({ unique, primary, partial, terms }) => {
    const columns = terms.flatMap(({ column }) => column ?? []);
    return unique && !primary && !partial && columns.length === terms.length ? [key(columns)] : [];
  });
  return {
    name: { name: table.name },
    columns: table.columns,
    // SQLite lets NULL into a primary key that nobody means to hold one; a restore refuses rows that do.
    ...(table.primaryKey.length > 0 ? { primaryKey: { columns: table.primaryKey, notNull: true } } : {}),
    uniqueKeys,
    foreignKeys: table.foreignKeys.map((foreignKey) => ({
      name: String(foreignKey.id),
      columns: foreignKey.columns,
      ...resolveReference(foreignKey, catalog),
    })),
    triggers: triggers.map(({ name }) => ({ name })),
    holdsRows: true,
  };
}

/** The names as the parent has them: a declaration may be in other letters, and may precede its table. */
function resolveReference(
  { parent, parentColumns }: CatalogForeignKey,
  catalog: readonly CatalogTable[],
): { references: Table['name']; referencedColumns: readonly string[] } {
  const table = findTable(catalog, parent);
  const find = (name: string): string =>
    table?.columns.find((column) => sameName(column.name, name))?.name ?? name;
  return { references: { name: table?.name ?? parent }, referencedColumns: parentColumns.map(find) };
}

function describeObjects(
  catalog: readonly CatalogTable[],
  others: readonly WrittenObject[],
  modules: ReadonlySet<string>,
): SchemaObject[] {
  const tables = catalog.filter(({ type }) => type === 'table');
  const objects: SchemaObject[] = tables.map(({ name, sql }) => ({
    kind: 'table',
    name,
    table: { name },
    section: 'pre-data',
    sql,
  }));
  for (const { name, sql } of catalog.filter(({ type }) => type === 'virtual')) {
    objects.push({
      kind: virtualTableKind,
      name,
      table: { name },
      section: 'post-data',
      sql,
      ...(modules.has(moduleOf(sql)) ? { opaque: true } : {}),
    });
  }
  for (const { type: kind, name, tableName, sql } of others) {
    const table = findTable(tables, tableName);
    // Objects of a table that is left out are left out too.
    if (kind === 'index' && !table) continue;
    objects.push({
      kind,
      name,
      ...(table ? { table: { name: table.name } } : {}),
      section: 'post-data',
      sql,
    });
  }
  return objects;
}

/** AUTOINCREMENT counters. */
async function readSequences(
  connection: Connection,
  schema: string,
  tables: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<Sequence[]> {
  const rows = await readCounters(connection, schema, signal);
  return rows.flatMap(({ name, value }) => {
    const table = findTable(tables, name);
    // A counter is found by the very letters of its table's name.
    if (!table?.autoincrement || table.name !== name) return [];
    const ofTable = { name: table.name };
    return [{ name: ofTable, table: ofTable, lastValue: value, isCalled: true, increment: '1' }];
  });
}

/** The modules that this SQLite has, in small letters. Of others, nobody here knows in which tables they keep rows. */
async function readModules(connection: Connection, signal?: AbortSignal): Promise<ReadonlySet<string>> {
  const rows = await connection.all<{ name: string }>(
    'SELECT lower(name) AS name FROM temp.pragma_module_list',
    [],
    signal,
  );
  return new Set(rows.map(({ name }) => name));
}

function describeVirtual(
  { name, sql }: VirtualTable,
  tables: readonly CatalogTable[],
  modules: ReadonlySet<string>,
): Table {
  const content = contentOf(sql);
  // Anything that is not a table is a view, and may read any table.
  const indexed = content === undefined ? [] : (findTable(tables, content) ?? tables);
  return {
    name: { name },
    columns: [],
    uniqueKeys: [],
    foreignKeys: [],
    triggers: [],
    holdsRows: false,
    ...(modules.has(moduleOf(sql))
      ? { opaque: { follows: [indexed].flat().map((table) => ({ name: table.name })) } }
      : {}),
  };
}
