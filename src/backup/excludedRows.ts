import type { BackedUpTable, BackupPart } from '../core/manifest.ts';
import { formatTableName, tableKey } from '../core/names.ts';
import type { TableSelection } from '../engines/engine.ts';

/** The tables of a backup, with those marked that came without rows because that was asked for. */
export function withoutExcluded(
  tables: readonly BackedUpTable[],
  selection: readonly TableSelection[],
  only: BackupPart | undefined,
): readonly BackedUpTable[] {
  if (only) return tables;
  const rowless = new Set(
    selection.filter(({ withoutRows }) => withoutRows).map(({ table }) => tableKey(table.name)),
  );
  return tables.map((backup) =>
    rowless.has(tableKey(backup.table.name)) ? { ...backup, rowsExcluded: true } : backup,
  );
}

/** Foreign keys whose rows point at rows that were excluded, as sentences. */
export function excludedNotes(tables: readonly BackedUpTable[]): string[] {
  const rowless = new Set(
    tables.filter(({ rowsExcluded }) => rowsExcluded).map(({ table }) => tableKey(table.name)),
  );
  return tables
    .filter(({ rows }) => rows > 0)
    .flatMap(({ table }) =>
      table.foreignKeys
        .filter(({ references }) => rowless.has(tableKey(references)))
        .map(
          ({ columns, references }) =>
            `Rows of ${formatTableName(table.name)} (${columns.join(', ')}) reference rows of ` +
            `${formatTableName(references)}, which were excluded: a restore fails if the database does not have them`,
        ),
    );
}
