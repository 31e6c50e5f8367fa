import { type Pairing, pairSides } from '../../compare/pairTables.ts';
import { contentOf } from '../../compare/compareSides.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable, Manifest, WrittenTable } from '../../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../../core/names.ts';
import { dataColumns, type DatabaseSchema, type Table } from '../../core/schema.ts';
import type { ManifestRules } from '../../core/manifestRules.ts';

/** A table that rows can be chosen of. */
export interface RowsTable {
  /** As the file with the rows calls it. */
  readonly name: TableName;
  /** The table in the database. */
  readonly target: TableName;
  /** As the database has it now. */
  readonly live: Table;
  /** Absent where the rows are those that a restore wrote. */
  readonly backup?: BackedUpTable;
  /** The columns that travel, as the file and as the database call them. */
  readonly columns: readonly { readonly first: string; readonly second: string }[];
  /** Places in `columns`; absent where all values identify a row. */
  readonly key?: readonly number[];
  /** All columns that a row in the file can have. */
  readonly known: ReadonlySet<string>;
  /** Columns of the database that are not generated and of which the file has no values. */
  readonly otherColumns: readonly string[];
  /** What happens to columns that only one side has, as sentences. */
  readonly notes: readonly string[];
}

/** Tables by the names in a file. Throws `usage` for a table that rows cannot be chosen of. */
export type FindRowsTable = (name: TableName) => RowsTable;

/** The tables that both a backup and the database have. */
export function tablesOfBackup(
  manifest: Manifest,
  schema: DatabaseSchema,
  rules: ManifestRules,
): FindRowsTable {
  const live = {
    tables: schema.tables.map((table) => ({ table })),
    complete: true,
    withoutRows: false,
    sequences: [],
    opaque: [],
  };
  const pairing = pairSides({ ...contentOf(manifest), sequences: [] }, live, {}, (name) =>
    rules.foldName(name),
  );
  const found = new Map(rowsTables(pairing, manifest).map((table) => [tableKey(table.name), table]));
  return (name) => {
    const table = found.get(tableKey(name));
    if (table) return table;
    throw notChoosable(name, manifest, pairing);
  };
}

/** The tables of a comparison of a backup with the database whose rows are compared. */
export function rowsTables({ tables }: Pairing, manifest: Manifest): RowsTable[] {
  const backups = new Map(manifest.tables.map((backup) => [tableKey(backup.table.name), backup]));
  return tables.flatMap(({ name, compared, columnsOnlyInFirst, columnsOnlyInSecond }) => {
    const backup = backups.get(tableKey(name));
    if (!compared || !backup) return [];
    const { second: live, columns, key } = compared;
    return [
      {
        name,
        target: live.name,
        live,
        backup,
        columns,
        ...(key ? { key } : {}),
        known: new Set(backup.columns),
        otherColumns: columnsOnlyInSecond,
        notes: columnNotes(live.name, columnsOnlyInFirst, columnsOnlyInSecond),
      },
    ];
  });
}

function columnNotes(
  table: TableName,
  onlyInBackup: readonly string[],
  onlyInDatabase: readonly string[],
): string[] {
  const [name, list] = [
    formatTableName(table),
    (columns: readonly string[]) => columns.map((column) => formatTableName({ name: column })).join(', '),
  ];
  return [
    ...(onlyInBackup.length > 0
      ? [`${name}: the database does not have ${list(onlyInBackup)}: not written`]
      : []),
    ...(onlyInDatabase.length > 0
      ? [
          `${name}: the backup does not have ${list(onlyInDatabase)}: rows that come back get the default, others keep their values`,
        ]
      : []),
  ];
}

function notChoosable(name: TableName, { tables, only }: Manifest, pairing: Pairing): RestorePointError {
  const text = formatTableName(name);
  const backup = tables.find(({ table }) => tableKey(table.name) === tableKey(name));
  const isPaired = pairing.tables.some((table) => tableKey(table.name) === tableKey(name));
  const usage = (message: string, next: string): RestorePointError =>
    new RestorePointError('usage', message, { next });
  if (!backup) {
    const list = tables.map(({ table }) => formatTableName(table.name));
    const some = list.length > 20 ? `${list.slice(0, 20).join(', ')}, …` : list.join(', ');
    return usage(
      `The backup has no table named ${text}`,
      list.length === 0 ? 'Choose another backup.' : `It has: ${some}.`,
    );
  }
  if (!isPaired)
    return usage(
      `The database has no table named ${text}`,
      'Restore the whole table: leave out the chosen rows, and add --tables.',
    );
  if (only === 'schema' || backup.rowsExcluded)
    return usage(`The backup was taken without the rows of ${text}`, 'Choose another backup.');
  return usage(
    `${text} has no columns in the database that the backup has too`,
    'Restore the whole table: leave out the chosen rows, and add --tables.',
  );
}

/** The tables of rows that a restore wrote. */
export function tablesOfWritten(
  written: readonly WrittenTable[],
  schema: DatabaseSchema,
  rules: ManifestRules,
): FindRowsTable {
  const fold = (name: TableName): string => rules.foldName(tableKey(name));
  const live = new Map(schema.tables.map((table) => [fold(table.name), table]));
  const tables = new Map(written.map((table) => [tableKey(table.name), table]));
  return (name) => {
    const table = tables.get(tableKey(name));
    if (!table) throw new RestorePointError('damaged-backup', unlisted(name));
    const now = live.get(fold(name));
    if (now?.holdsRows) return writtenTable(table, now, rules);
    throw new RestorePointError('usage', `The database has no table named ${formatTableName(name)}`, {
      next: 'Create the table as it was, and try again.',
    });
  };
}

/** What a line of a row says of a table that the manifest does not have. */
export function unlisted(name: TableName): string {
  return `The backup is damaged: it holds a row of ${formatTableName(name)}, which its manifest does not list`;
}

function writtenTable(
  { name, columns: names, key }: WrittenTable,
  live: Table,
  rules: ManifestRules,
): RowsTable {
  const data = dataColumns(live).map((column) => column.name);
  const now = new Map(data.map((column) => [rules.foldName(column), column]));
  const columns = names.flatMap((first) => {
    const second = now.get(rules.foldName(first));
    return second === undefined ? [] : [{ first, second }];
  });
  const carried = new Set(columns.map(({ second }) => second));
  const places = key?.map((column) => columns.findIndex(({ first }) => first === column));
  const isKey =
    places &&
    !places.includes(-1) &&
    isKeyOf(
      live,
      places.map((place) => columns[place]!.second),
    );
  const gone = names.filter((first) => !columns.some((column) => column.first === first));
  const otherColumns = data.filter((column) => !carried.has(column));
  return {
    name,
    target: live.name,
    live,
    columns,
    ...(isKey ? { key: places } : {}),
    known: new Set(names),
    otherColumns,
    notes: columnNotes(live.name, gone, otherColumns),
  };
}

function isKeyOf({ primaryKey, uniqueKeys }: Table, columns: readonly string[]): boolean {
  const text = (names: readonly string[]): string => JSON.stringify([...names].sort());
  return [...(primaryKey ? [primaryKey] : []), ...uniqueKeys].some(
    (key) => key.notNull && text(key.columns) === text(columns),
  );
}
