import { RestorePointError } from '../core/errors.ts';
import type { BackedUpTable } from '../core/manifest.ts';
import { formatTableName, nameMatches, tableKey } from '../core/names.ts';
import { followForeignKeys, type RelatedTables } from '../core/related.ts';
import type { DatabaseSchema } from '../core/schema.ts';
import type { TableSelection } from '../engines/engine.ts';
import { type BackupSelection, selectTables } from './selectTables.ts';

/** The rows that a backup reads. */
export interface ChosenRows {
  readonly tables: readonly TableSelection[];
  /** The foreign keys that lead from the chosen rows to related ones. */
  readonly related?: RelatedTables;
}

/** The selected tables and, if requested, those related to them. Throws `usage`. */
export function chooseRows(schema: DatabaseSchema, selection: BackupSelection): ChosenRows {
  if (selection.excludeRows && (selection.withRelated || selection.only)) throw contradiction(selection);
  const related = selection.withRelated ? relatedTables(schema, selection) : undefined;
  const chosen = selectTables(schema, related ? startOf(selection) : selection);
  const tables = related ? withRelated(chosen, related) : chosen;
  const rows =
    selection.only === 'schema' ? tables.map(({ table }) => ({ table, withoutRows: true })) : tables;
  // Only a backup of both knows what a module of the database makes of them.
  const carried = selection.only ? rows.filter(({ table }) => table.holdsRows) : rows;
  return { tables: carried, ...(related ? { related } : {}) };
}

function contradiction({ withRelated, only }: BackupSelection): RestorePointError {
  const other = withRelated ? 'related rows are' : `only the ${only === 'data' ? 'rows are' : 'schema is'}`;
  return new RestorePointError('usage', `Rows of a table cannot be excluded when ${other} backed up`, {
    unchanged: 'Nothing was written.',
    next: only === 'data' ? 'Exclude the table.' : 'Leave one of the two out.',
  });
}

/** The tables of a backup with the reason why rows came that were not chosen, as far as there was one in these rows. */
export function withReasons(
  tables: readonly BackedUpTable[],
  { tables: chosen, related }: ChosenRows,
): BackedUpTable[] {
  const filled = new Set(tables.filter(({ rows }) => rows > 0).map(({ table }) => tableKey(table.name)));
  const joined = new Set(chosen.filter((selected) => selected.related).map(({ table }) => table));
  return tables.map((backup) => {
    if (!joined.has(backup.table)) return backup;
    const { reasons = [] } = related?.tables.find(({ table }) => table === backup.table) ?? {};
    const met = reasons.filter(({ table }) => filled.has(tableKey(table)));
    return { ...backup, related: met.length > 0 ? met : reasons };
  });
}

/** Without tables, those that conditions name are where it begins. */
function startOf(selection: BackupSelection): BackupSelection {
  if (selection.tables || selection.schemas) return selection;
  if (selection.where) return { ...selection, tables: selection.where.map(({ table }) => table) };
  throw new RestorePointError('usage', 'Related rows need chosen rows to start from, and none are chosen', {
    unchanged: 'Nothing was written.',
    next: 'Choose tables, or choose rows with a condition.',
  });
}

function relatedTables(schema: DatabaseSchema, selection: BackupSelection): RelatedTables {
  const chosen = new Set(selectTables(schema, startOf(selection)).map(({ table }) => tableKey(table.name)));
  const excluded = new Set(
    schema.tables
      .filter(({ name }) => selection.exclude?.some((pattern) => nameMatches(pattern, name)))
      .map(({ name }) => tableKey(name)),
  );
  const related = followForeignKeys(schema.tables, chosen, excluded);
  const lost = related.up.find(({ parent }) => excluded.has(tableKey(parent.name)));
  if (!lost) return related;
  const [child, parent] = [formatTableName(lost.child.name), formatTableName(lost.parent.name)];
  throw new RestorePointError(
    'usage',
    `${parent} is excluded, but rows of ${child} reference it (${lost.foreignKey.columns.join(', ')})`,
    { unchanged: 'Nothing was written.', next: `Do not exclude ${parent}, or exclude ${child} too.` },
  );
}

function withRelated(chosen: readonly TableSelection[], related: RelatedTables): TableSelection[] {
  const find = new Map(chosen.map((selected) => [tableKey(selected.table.name), selected]));
  const opaque = chosen.filter(({ table }) => table.opaque);
  return [
    ...related.tables
      .filter(({ table }) => !table.opaque)
      .map(({ table, reasons }): TableSelection => {
        const selected = find.get(tableKey(table.name));
        if (!selected) return { table, related: true };
        return selected.where !== undefined && reasons.length > 0 ? { ...selected, related: true } : selected;
      }),
    ...opaque,
  ];
}
