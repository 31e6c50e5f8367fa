import type { DatabaseSchema, Key, LeftOut, SchemaObject, Sequence, Table } from '../../core/schema.ts';
import {
  type CatalogForeignKey,
  type CatalogTable,
  findTable,
  readCatalog,
  virtualTableKind,
} from './catalog.ts';
import type { Connection } from './connection.ts';
import { foldName, quote, quoteTable, sameName } from './identifiers.ts';

/**
 * The schema of one of the connection's databases. For a consistent answer, call it inside a transaction. `part`: for
 * a backup of chosen tables, which carries no more than these.
 */
export async function introspect(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
  { part = false }: { readonly part?: boolean } = {},
): Promise<DatabaseSchema> {
  const catalog = await readCatalog(connection, schema, signal);
  const others = await readOthers(connection, schema, signal);
  const carried = catalog.filter((table) => table.type === 'table');
  return {
    tables: carried.map((table) => describeTable(table, catalog, others)),
    objects: describeObjects(part ? carried : catalog, others),
    sequences: await readSequences(connection, schema, carried, signal),
    leftOut: [
      ...(part ? describeVirtual(catalog) : []),
      ...(await describeStatistics(connection, schema, part, signal)),
    ],
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

/** An index, a view or a trigger, as `sqlite_schema` has it. */
interface OtherObject {
  readonly kind: 'index' | 'view' | 'trigger';
  readonly name: string;
  /** As it was written, which need not be how the table is called now. */
  readonly tableName: string;
  readonly sql: string;
}

/** In an order in which they can be made: an INSTEAD OF trigger needs its view. Automatic indexes have no statement. */
function readOthers(connection: Connection, schema: string, signal?: AbortSignal): Promise<OtherObject[]> {
  return connection.all<OtherObject>(
    `SELECT type AS kind, name AS name, tbl_name AS tableName, sql AS sql FROM ${quote(schema)}.sqlite_schema
     WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL
     ORDER BY CASE type WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid`,
    [],
    signal,
  );
}

function describeTable(
  table: CatalogTable,
  catalog: readonly CatalogTable[],
  others: readonly OtherObject[],
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
    triggers: others
      .filter(({ kind, tableName }) => kind === 'trigger' && sameName(tableName, table.name))
      .map(({ name }) => ({ name })),
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

function describeObjects(catalog: readonly CatalogTable[], others: readonly OtherObject[]): SchemaObject[] {
  const tables = catalog.filter(({ type }) => type === 'table');
  const objects: SchemaObject[] = tables.map(({ name, sql }) => ({
    kind: 'table',
    name,
    table: { name },
    section: 'pre-data',
    sql,
  }));
  for (const { name, sql } of catalog.filter(({ type }) => type === 'virtual')) {
    objects.push({ kind: virtualTableKind, name, section: 'post-data', sql });
  }
  for (const { kind, name, tableName, sql } of others) {
    const table = findTable(tables, tableName);
    // What belongs to a table that is left out is left out with it.
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

/** AUTOINCREMENT counters. A counter that holds no integer is none to SQLite either. */
async function readSequences(
  connection: Connection,
  schema: string,
  tables: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<Sequence[]> {
  if (!(await hasSystemTable(connection, schema, 'sqlite_sequence', signal))) return [];
  const rows = await connection.all<{ name: string; value: string }>(
    `SELECT name AS name, CAST(seq AS TEXT) AS value FROM ${quoteTable(schema, 'sqlite_sequence')}
     WHERE typeof(seq) = 'integer' AND typeof(name) = 'text' ORDER BY rowid`,
    [],
    signal,
  );
  return rows.flatMap(({ name, value }) => {
    const table = tables.find((candidate) => candidate.autoincrement && candidate.name === name);
    if (!table) return [];
    const ofTable = { name: table.name };
    return [{ name: ofTable, table: ofTable, lastValue: value, isCalled: true, increment: '1' }];
  });
}

/** Whether a table of SQLite's own is there: it makes them when they are first needed. */
export async function hasSystemTable(
  connection: Connection,
  schema: string,
  name: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const sql = `SELECT 1 AS found FROM ${quote(schema)}.sqlite_schema WHERE type = 'table' AND name = ?`;
  return (await connection.get(sql, [name], signal)) !== undefined;
}

function describeVirtual(catalog: readonly CatalogTable[]): LeftOut[] {
  const names = (type: CatalogTable['type']): string[] =>
    catalog.filter((table) => table.type === type).map(({ name }) => name);
  if (names('virtual').length === 0) return [];
  return [
    {
      kind: virtualTableKind,
      names: [...names('virtual'), ...names('shadow')],
      reason:
        'its rows are kept by a module (full-text search, R-Tree): a backup of the whole database carries it',
    },
  ];
}

async function describeStatistics(
  connection: Connection,
  schema: string,
  part: boolean,
  signal?: AbortSignal,
): Promise<LeftOut[]> {
  const found: string[] = [];
  for (const name of part ? ['sqlite_stat1', 'sqlite_stat4'] : ['sqlite_stat4']) {
    if (await hasSystemTable(connection, schema, name, signal)) found.push(name);
  }
  if (found.length === 0) return [];
  return [{ kind: 'statistics', names: found, reason: 'ANALYZE makes them again from the rows' }];
}
