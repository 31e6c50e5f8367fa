import { tableKey, type TableName } from '../../../core/names.ts';
import type { Column, ForeignKey, Key, Table } from '../../../core/schema.ts';
import type { CatalogColumn, CatalogTable } from './tables.ts';

/** A table of the catalogs as the rest of the program knows it. */
export function toTable(table: CatalogTable): Table {
  const keys = table.indexes.filter((index) => index.keyColumns !== null);
  const primary = keys.find((index) => index.primary);
  const toKey = (columns: readonly string[]): Key => ({ columns, notNull: areNotNull(table, columns) });
  return {
    name: table.name,
    columns: table.columns.map(toColumn),
    ...(primary ? { primaryKey: toKey(primary.keyColumns!) } : {}),
    uniqueKeys: keys.filter((index) => index !== primary).map((index) => toKey(index.keyColumns!)),
    foreignKeys: table.constraints.filter(({ type }) => type === 'f').map(toForeignKey),
    triggers: table.triggers.map((name) => ({ name })),
    holdsRows: !table.partitioned,
    ...(table.extension === null ? {} : { extension: table.extension }),
  };
}

/**
 * Tables as `toTable` has them. Where a partitioned table is referenced, the partitions are that hold its rows: the
 * catalogs say so of a table that is no partition itself, and of others only through the tables that they are parts of.
 */
export function toTables(tables: readonly CatalogTable[]): Table[] {
  const parts = new Map<string, CatalogTable[]>();
  for (const table of tables) {
    if (table.partitionBound === null) continue;
    for (const parent of table.parents) {
      parts.set(tableKey(parent), [...(parts.get(tableKey(parent)) ?? []), table]);
    }
  }
  const leaves = (name: TableName): TableName[] =>
    (parts.get(tableKey(name)) ?? []).flatMap((part) => (part.partitioned ? leaves(part.name) : [part.name]));
  return tables.map((catalogTable) => {
    const table = toTable(catalogTable);
    if (catalogTable.partitioned) return table;
    const known = new Set(table.foreignKeys.map(referenceKey));
    const derived = table.foreignKeys
      .flatMap((foreignKey) =>
        leaves(foreignKey.references).map((references) => ({ ...foreignKey, references })),
      )
      .filter((foreignKey) => !known.has(referenceKey(foreignKey)));
    return { ...table, foreignKeys: [...table.foreignKeys, ...derived] };
  });
}

function referenceKey({ columns, references, referencedColumns }: ForeignKey): string {
  return JSON.stringify([columns, tableKey(references), referencedColumns]);
}

function toColumn(column: CatalogColumn): Column {
  const { name, type, notNull, expression } = column;
  return {
    name,
    type,
    notNull,
    ...(expression !== null && column.generated === '' ? { default: expression } : {}),
    ...(column.generated === '' ? {} : { generated: column.generated === 's' ? 'stored' : 'virtual' }),
    ...(column.identity === '' ? {} : { identity: column.identity === 'a' ? 'always' : 'by default' }),
  };
}

/** A NOT NULL that was never checked (PostgreSQL 18 has them) promises nothing. */
function areNotNull(table: CatalogTable, columns: readonly string[]): boolean {
  return columns.every(
    (name) =>
      table.columns.some((column) => column.name === name && column.notNull) &&
      !table.constraints.some(({ type, valid, columns }) => type === 'n' && !valid && columns[0] === name),
  );
}

function toForeignKey(constraint: CatalogTable['constraints'][number]): ForeignKey {
  return {
    name: constraint.name,
    columns: constraint.columns,
    references: constraint.references ?? { name: '' },
    referencedColumns: constraint.referencedColumns,
  };
}
