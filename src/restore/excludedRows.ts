import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { formatTableName, nameMatches, tableKey, type TableName, type TablePattern } from '../core/names.ts';
import type { Table } from '../core/schema.ts';
import type { ChosenPart } from './choosePart.ts';
import type { Refusal } from './refusal.ts';

export interface ExcludedTables {
  readonly tables: ReadonlySet<BackedUpTable>;
  readonly warnings: readonly string[];
  /** Refusals for tables that the user named. */
  readonly refusals: readonly Refusal[];
}

/** Tables that stay as they are: they are there, and their rows were excluded from the backup. */
export function excludedTables(
  { tables, only }: ChosenPart,
  names: readonly TablePattern[] | undefined,
  find: (name: TableName) => Table | undefined,
): ExcludedTables {
  const left = tables.filter(
    ({ rowsExcluded, table }) => rowsExcluded && only !== 'schema' && (only === 'data' || find(table.name)),
  );
  const named = left.filter(({ table }) =>
    names?.some((pattern) => !pattern.wildcard && nameMatches(pattern, table.name)),
  );
  const reason = 'the backup has no rows of it: they were excluded when it was taken';
  const warnings = left.map(
    ({ table }) =>
      `${formatTableName(table.name)}: the backup contains none of its rows, because they were excluded; its rows in the database stay`,
  );
  return {
    tables: new Set(left),
    warnings,
    refusals: named.map(({ table }) => ({ table: table.name, reason })),
  };
}

/** A backup without what belongs to these tables. */
export function withoutObjectsOf(manifest: Manifest, tables: ReadonlySet<BackedUpTable>): Manifest {
  if (tables.size === 0) return manifest;
  const left = new Set([...tables].map(({ table }) => tableKey(table.name)));
  const objects = manifest.objects.filter(({ table }) => !table || !left.has(tableKey(table)));
  return { ...manifest, objects };
}
