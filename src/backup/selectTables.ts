import { RestorePointError } from '../core/errors.ts';
import type { BackupPart } from '../core/manifest.ts';
import {
  formatTableName,
  nameFinder,
  nameMatches,
  tableKey,
  type TableName,
  type TablePattern,
} from '../core/names.ts';
import { isCarried, type DatabaseSchema, type Table } from '../core/schema.ts';
import type { SchemaScope, TableSelection } from '../engines/engine.ts';

/** Which tables and rows to take; all when everything is left out. */
export interface BackupSelection {
  /** Names or patterns of the user. A name without a schema matches in every schema. */
  readonly tables?: readonly TablePattern[];
  readonly exclude?: readonly TablePattern[];
  /** Tables that are taken without their rows. */
  readonly excludeRows?: readonly TablePattern[];
  /** Schemas whose tables are taken. */
  readonly schemas?: readonly string[];
  /** Also what a whole backup holds besides tables and statements: see `EngineExtras`. */
  readonly extras?: boolean;
  /** Also the positions of these sequences, which no table uses. */
  readonly sequences?: readonly TableName[];
  /** Conditions in the database's SQL. */
  readonly where?: readonly { readonly table: TablePattern; readonly condition: string }[];
  /**
   * Also the rows that are related to the chosen ones by foreign keys: see `followForeignKeys`. Without tables, those
   * that conditions name are chosen.
   */
  readonly withRelated?: boolean;
  /** The schema without rows, or rows without the schema. */
  readonly only?: BackupPart;
}

/** The tables that are meant, each once, in the schema's order. Throws `usage` for a name that no table has. */
export function selectTables(schema: DatabaseSchema, selection: BackupSelection): TableSelection[] {
  const tables = schema.tables.filter(isCarried);
  const find = nameFinder(schema.tables, ({ name }) => name);
  const names = (wanted: readonly TablePattern[] = []): Set<string> =>
    new Set(
      wanted.flatMap((name) => {
        const found = find(name);
        if (found.length === 0) throw noSuchTable(name);
        return found.map((table) => tableKey(table.name));
      }),
    );
  const wanted = selection.tables && names(selection.tables);
  for (const name of selection.tables ?? []) refuseRowless(name, find(name));
  const excluded = names(selection.exclude);
  const rowless = names(selection.excludeRows);
  const conditions = new Map<string, string>();
  for (const { table, condition } of selection.where ?? []) {
    for (const key of names([table])) conditions.set(key, condition);
  }
  for (const name of selection.schemas ?? []) {
    if (!schema.tables.some((table) => table.name.schema === name)) {
      throw new RestorePointError('usage', `There are no tables in a schema named ${name}`);
    }
  }
  const chosen = tables.filter(({ name }) => {
    const key = tableKey(name);
    const inSchema = !selection.schemas || selection.schemas.includes(name.schema ?? '');
    return inSchema && !excluded.has(key) && (!wanted || wanted.has(key));
  });
  const left = new Set(chosen.map((table) => tableKey(table.name)));
  for (const key of conditions.keys()) {
    if (!left.has(key))
      throw new RestorePointError('usage', 'A condition names a table that is not backed up');
    const opaque = chosen.find((table) => table.opaque && tableKey(table.name) === key);
    if (opaque) {
      throw new RestorePointError(
        'usage',
        'Rows of this table cannot be chosen: it is always backed up as a whole',
        {
          place: { table: formatTableName(opaque.name) },
        },
      );
    }
  }
  for (const table of chosen) {
    if (rowless.has(tableKey(table.name))) refuseRowsOf(table, conditions.has(tableKey(table.name)));
  }
  return chosen.map((table) => {
    const key = tableKey(table.name);
    const where = conditions.get(key);
    return {
      table,
      ...(where === undefined ? {} : { where }),
      ...(rowless.has(key) ? { withoutRows: true } : {}),
    };
  });
}

/** Throws `usage` where a table cannot be taken without its rows. */
function refuseRowsOf(table: Table, hasCondition: boolean): void {
  if (!table.opaque && !hasCondition) return;
  const reason = table.opaque ? 'it is backed up as a whole' : 'a condition chooses some of them';
  throw new RestorePointError('usage', `The rows of this table cannot be excluded: ${reason}`, {
    place: { table: formatTableName(table.name) },
    unchanged: 'Nothing was written.',
  });
}

/** The part of a schema that is needed to back up these tables; undefined for the whole schema. */
export function selectionScope(selection: BackupSelection): SchemaScope | undefined {
  const {
    tables,
    schemas,
    exclude = [],
    excludeRows = [],
    where = [],
    sequences = [],
    withRelated,
  } = selection;
  if ((!tables && !schemas) || withRelated) return undefined;
  // Also names that are then reported as missing or not selected.
  const named = [...exclude, ...excludeRows, ...where.map(({ table }) => table), ...(tables ?? [])];
  return {
    tables: (name) =>
      named.some((pattern) => nameMatches(pattern, name)) || schemas?.includes(name.schema ?? '') === true,
    names: sequences.map(formatTableName),
  };
}

/** A table that was named is never skipped silently. */
function refuseRowless(name: TablePattern, found: readonly Table[]): void {
  if (name.wildcard || found.some(isCarried)) return;
  const text = `${formatTableName(name)} has no rows of its own to back up (it is partitioned or virtual)`;
  throw new RestorePointError('usage', text, {
    unchanged: 'Nothing was written.',
    next: 'Choose the tables that contain its rows, or back up the whole database.',
  });
}

function noSuchTable(name: TableName): RestorePointError {
  return new RestorePointError('usage', `There is no table named ${formatTableName(name)}`, {
    unchanged: 'Nothing was written.',
    next: 'Names are case-sensitive. Write schema.table if the table is not in the default schema.',
  });
}
