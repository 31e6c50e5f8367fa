import type { Connection } from '../connect/connection.ts';
import { foldName, freeRowidName, quote, sameName } from '../connect/identifiers.ts';
import { hasKeyword } from './sqlText.ts';

export interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default?: string;
  readonly generated?: 'stored' | 'virtual';
}

export interface CatalogIndex {
  readonly name: string;
  readonly unique: boolean;
  readonly primary: boolean;
  readonly partial: boolean;
  /** `column` is left out for an expression. */
  readonly terms: readonly CatalogTerm[];
}

export interface CatalogTerm {
  readonly column?: string;
  readonly collation: string;
  readonly descending: boolean;
}

export interface CatalogForeignKey {
  readonly id: number;
  readonly columns: readonly string[];
  readonly parent: string;
  /** As far as it was declared; empty means the primary key. */
  readonly parentColumns: readonly string[];
}

/** A table as SQLite itself describes it. */
export interface CatalogTable {
  readonly name: string;
  /** A `shadow` table belongs to a `virtual` one, which alone may write it. */
  readonly type: 'table' | 'shadow' | 'virtual';
  readonly sql: string;
  readonly withoutRowid: boolean;
  readonly autoincrement: boolean;
  /** Empty for a virtual table: asking could fail for want of its module. */
  readonly columns: readonly CatalogColumn[];
  readonly primaryKey: readonly string[];
  readonly indexes: readonly CatalogIndex[];
  readonly foreignKeys: readonly CatalogForeignKey[];
  /** The column that is the rowid: INTEGER PRIMARY KEY. */
  readonly rowidColumn?: string;
  /** The name that reaches the rowid, where there is one that no column hides. */
  readonly rowidName?: string;
}

/** The kind of a virtual table among a schema's objects. */
export const virtualTableKind = 'virtual table';

/** The tables of one of the connection's databases, in the order in which they were created. */
export async function readCatalog(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
): Promise<CatalogTable[]> {
  const tables = await connection.all<TableRow>(tablesSql(schema), [schema], signal);
  const columns = groupByTable(await connection.all<ColumnRow>(columnsSql, [schema], signal));
  const indexes = groupByTable(await connection.all<IndexRow>(indexesSql, [schema], signal));
  const keys = groupByTable(await connection.all<ForeignKeyRow>(foreignKeysSql, [schema], signal));
  return tables.map((table) =>
    describe(table, columns.get(table.name) ?? [], indexes.get(table.name) ?? [], keys.get(table.name) ?? []),
  );
}

/** By folded name. Each of thousands of tables is looked up many times. */
const lookups = new WeakMap<readonly CatalogTable[], ReadonlyMap<string, CatalogTable>>();

export function findTable(tables: readonly CatalogTable[], name: string): CatalogTable | undefined {
  let lookup = lookups.get(tables);
  if (!lookup) {
    lookup = new Map(tables.map((table) => [foldName(table.name), table]));
    lookups.set(tables, lookup);
  }
  return lookup.get(foldName(name));
}

/** A table of a module (full-text search, R-Tree), with the tables in which the module keeps what it holds. */
export interface VirtualTable {
  readonly name: string;
  readonly sql: string;
  readonly shadows: readonly CatalogTable[];
}

export function virtualTables(catalog: readonly CatalogTable[]): VirtualTable[] {
  const shadows = catalog.filter(({ type }) => type === 'shadow');
  return catalog
    .filter(({ type }) => type === 'virtual')
    .map(({ name, sql }) => ({
      name,
      sql,
      // As SQLite tells them: what follows the last underscore is the module's.
      shadows: shadows.filter((shadow) => sameName(shadow.name.slice(0, shadow.name.lastIndexOf('_')), name)),
    }));
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

/** The columns that hold data of their own, in the table's order. */
export function dataColumnNames(table: CatalogTable): string[] {
  return table.columns.filter((column) => !column.generated).map((column) => column.name);
}

/** SQLite allows so many columns in a table, and in a result. */
const mostColumns = 2000;

/**
 * The name of the rowid, with which rows are written to keep it. Undefined if a column is the rowid,
 * where no name reaches it, and where the table has so many columns that a statement has no room for it.
 */
export function hiddenRowid(table: CatalogTable): string | undefined {
  if (table.rowidColumn !== undefined || dataColumnNames(table).length >= mostColumns) return undefined;
  return table.rowidName;
}

interface TableRow {
  readonly name: string;
  readonly type: CatalogTable['type'];
  readonly withoutRowid: number;
  readonly sql: string;
}

interface ColumnRow {
  readonly tableName: string;
  readonly name: string;
  readonly type: string;
  readonly isNotNull: number;
  readonly defaultText: string | null;
  readonly primaryKeyPlace: number;
  readonly hidden: number;
}

interface IndexRow {
  readonly tableName: string;
  readonly name: string;
  readonly isUnique: number;
  readonly origin: string;
  readonly isPartial: number;
  readonly columnName: string | null;
  readonly collation: string;
  readonly isDescending: number;
}

interface ForeignKeyRow {
  readonly tableName: string;
  readonly id: number;
  readonly parent: string;
  readonly fromColumn: string;
  readonly toColumn: string | null;
}

function tablesSql(schema: string): string {
  return `SELECT l.name AS name, l.type AS type, l.wr AS withoutRowid, s.sql AS sql
    FROM temp.pragma_table_list AS l
    JOIN ${quote(schema)}.sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
    WHERE l.schema = ? AND l.type IN ('table', 'shadow', 'virtual') AND substr(l.name, 1, 7) <> 'sqlite_'
    ORDER BY s.rowid`;
}

const columnsSql = `SELECT l.name AS tableName, x.name AS name, x.type AS type, x."notnull" AS isNotNull,
    x.dflt_value AS defaultText, x.pk AS primaryKeyPlace, x.hidden AS hidden
  FROM temp.pragma_table_list AS l JOIN temp.pragma_table_xinfo(l.name, l.schema) AS x
  WHERE l.schema = ? AND l.type IN ('table', 'shadow')
  ORDER BY l.name, x.cid`;

const indexesSql = `SELECT l.name AS tableName, i.name AS name, i."unique" AS isUnique, i.origin AS origin,
    i.partial AS isPartial, x.name AS columnName, x.coll AS collation, x.desc AS isDescending
  FROM temp.pragma_table_list AS l
  JOIN temp.pragma_index_list(l.name, l.schema) AS i
  JOIN temp.pragma_index_xinfo(i.name, l.schema) AS x
  WHERE l.schema = ? AND l.type IN ('table', 'shadow') AND x.key = 1
  ORDER BY l.name, i.seq DESC, x.seqno`;

const foreignKeysSql = `SELECT l.name AS tableName, f.id AS id, f."table" AS parent, f."from" AS fromColumn,
    f."to" AS toColumn
  FROM temp.pragma_table_list AS l JOIN temp.pragma_foreign_key_list(l.name, l.schema) AS f
  WHERE l.schema = ? AND l.type IN ('table', 'shadow')
  ORDER BY l.name, f.id DESC, f.seq`;

function groupByTable<Row extends { readonly tableName: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, (row) => row.tableName);
}

function describe(
  table: TableRow,
  columnRows: readonly ColumnRow[],
  indexRows: readonly IndexRow[],
  foreignKeyRows: readonly ForeignKeyRow[],
): CatalogTable {
  const columns = columnRows.map(describeColumn);
  const indexes = describeIndexes(indexRows);
  const primaryKey = columnRows
    .filter((row) => row.primaryKeyPlace > 0)
    .sort((a, b) => a.primaryKeyPlace - b.primaryKeyPlace)
    .map((row) => row.name);
  const withoutRowid = table.withoutRowid === 1;
  // A primary key that is no index of its own is the rowid.
  const isRowid = primaryKey.length === 1 && !withoutRowid && !indexes.some((index) => index.primary);
  const rowidColumn = isRowid ? primaryKey[0] : undefined;
  const hasRowid = table.type !== 'virtual' && !withoutRowid;
  const rowidName = hasRowid ? (rowidColumn ?? freeRowidName(columns.map(({ name }) => name))) : undefined;
  return {
    name: table.name,
    type: table.type,
    sql: table.sql,
    withoutRowid,
    autoincrement: rowidColumn !== undefined && hasKeyword(table.sql, 'AUTOINCREMENT'),
    columns,
    primaryKey,
    indexes,
    foreignKeys: describeForeignKeys(foreignKeyRows),
    ...(rowidColumn === undefined ? {} : { rowidColumn }),
    ...(rowidName === undefined ? {} : { rowidName }),
  };
}

function describeColumn(row: ColumnRow): CatalogColumn {
  const generated = row.hidden === 2 ? 'virtual' : row.hidden === 3 ? 'stored' : undefined;
  return {
    name: row.name,
    type: row.type,
    notNull: row.isNotNull === 1,
    ...(row.defaultText === null ? {} : { default: row.defaultText }),
    ...(generated ? { generated } : {}),
  };
}

function describeIndexes(rows: readonly IndexRow[]): CatalogIndex[] {
  return [...Map.groupBy(rows, (row) => row.name)].map(([name, terms]) => ({
    name,
    unique: terms[0]?.isUnique === 1,
    primary: terms[0]?.origin === 'pk',
    partial: terms[0]?.isPartial === 1,
    terms: terms.map(({ columnName, collation, isDescending }) => ({
      collation,
      descending: isDescending === 1,
      ...(columnName === null ? {} : { column: columnName }),
    })),
  }));
}

function describeForeignKeys(rows: readonly ForeignKeyRow[]): CatalogForeignKey[] {
  return [...Map.groupBy(rows, (row) => row.id)].map(([id, terms]) => ({
    id,
    columns: terms.map((row) => row.fromColumn),
    parent: terms[0]?.parent ?? '',
    parentColumns: terms.flatMap((row) => (row.toColumn === null ? [] : [row.toColumn])),
  }));
}

/** The unique index (or INTEGER PRIMARY KEY) over exactly these columns, in whatever order: its collations by column. */
export function uniqueKeyOver(
  table: CatalogTable,
  columns: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const wanted = new Set(columns.map(foldName));
  if (table.rowidColumn !== undefined && wanted.size === 1 && wanted.has(foldName(table.rowidColumn))) {
    return new Map([[foldName(table.rowidColumn), 'BINARY']]);
  }
  for (const { unique, partial, terms } of table.indexes) {
    if (!unique || partial || terms.length !== wanted.size) continue;
    const collations = new Map(terms.map(({ column, collation }) => [foldName(column ?? ''), collation]));
    if (collations.size === wanted.size && [...wanted].every((name) => collations.has(name)))
      return collations;
  }
  return undefined;
}

/** Whether the database of a connection holds nothing at all. */
export async function isEmpty(connection: Connection): Promise<boolean> {
  return (await connection.get('SELECT 1 AS found FROM main.sqlite_schema LIMIT 1')) === undefined;
}
