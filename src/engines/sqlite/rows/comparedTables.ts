import { affinityOf } from '../schema/affinity.ts';
import { type CatalogTable, uniqueKeyOver } from '../schema/catalog.ts';
import { foldName, quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { isBuiltIn } from '../schema/unproven.ts';
import {
  backupAlias as firstAlias,
  backupSchema,
  keepsHiddenRowids,
  matchColumns,
  matchRowids,
  type RowMatch,
  type RowPair,
  type TablePair,
  targetAlias as secondAlias,
} from './rowComparison.ts';

/** A table of one side, on a connection that has both. */
export interface SideTable {
  /** What SQLite calls the database. */
  readonly schema: string;
  readonly table: CatalogTable;
  /** Those that are compared, in one order for both sides. */
  readonly columns: readonly string[];
}

/** A side, and how its rows are found again. */
export interface PlacedSide extends SideTable {
  readonly place: RowPlace;
}

export function fromTable({ schema, table }: Omit<SideTable, 'columns'>, alias: string): string {
  return `${quoteTable(schema, table.name)} AS ${alias}`;
}

/** How rows of both sides are matched by their key. */
export interface KeyedPair {
  readonly first: PlacedSide;
  readonly second: PlacedSide;
  readonly rows: RowPair;
  /** By the names of the first side. Not needed where the key is the rowid, which is unique as the pages are sound. */
  readonly key?: readonly string[];
  /** The row of the second side for one of the first, and the other way round. */
  readonly toSecond: RowMatch;
  readonly toFirst: RowMatch;
}

/** What is compared of each row. */
export function rowsOf(first: SideTable, second: SideTable): RowPair {
  return { plan: { columns: first.columns }, target: second.table, backup: first.table };
}

/** The backup and the target of a restore. */
export function sidesOf({ backup, target, plan: { columns } }: TablePair): {
  first: SideTable;
  second: SideTable;
} {
  return {
    first: { schema: backupSchema, table: backup, columns },
    second: { schema: 'main', table: target, columns },
  };
}

/** Where a restore keeps rowids, these are the key, whether a column is the rowid or not. */
export function matchByRowid(pair: TablePair): KeyedPair {
  const { first, second } = sidesOf(pair);
  return {
    first: { ...first, place: rowidPlace(first)! },
    second: { ...second, place: rowidPlace(second)! },
    rows: pair,
    toSecond: matchRowids(pair.target, pair.backup),
    toFirst: matchRowids(pair.backup, pair.target, firstAlias, secondAlias),
  };
}

/** By a unique key of the target; undefined when it has none over these columns. */
export function matchByTargetKey(pair: TablePair, key: readonly string[]): KeyedPair | undefined {
  const collations = key.length === 0 ? undefined : uniqueKeyOver(pair.target, key);
  const { first, second } = sidesOf(pair);
  return collations && keyedPair(first, second, pair, collations);
}

/** The key that identifies rows after all of them were replaced; undefined if there is none. */
export function matchReplaced(pair: TablePair): KeyedPair | undefined {
  if (keepsHiddenRowids(pair)) return matchByRowid(pair);
  const { target, plan } = pair;
  const key = plan.key ?? target.primaryKey;
  const notNull = target.columns.filter((column) => column.notNull).map((column) => column.name);
  if (target.rowidColumn !== undefined) notNull.push(target.rowidColumn);
  return holdsNames(plan.columns, key) && holdsNames(notNull, key) ? matchByTargetKey(pair, key) : undefined;
}

function holdsNames(all: readonly string[], names: readonly string[]): boolean {
  return names.every((name) => all.some((other) => sameName(other, name)));
}

/**
 * `places`: the positions of the key among the columns. Undefined where the rows cannot be matched soon, and with the same
 * result from either side.
 */
export function matchByKey(
  first: SideTable,
  second: SideTable,
  places: readonly number[],
): KeyedPair | undefined {
  const key = places.map((place) => first.columns[place]!);
  if (key.length === 0) return undefined;
  const collations = new Map<string, string>();
  const unique = [first, second].map(({ table }) => uniqueKeyOver(table, key));
  for (const column of key) {
    const [a, b] = [first, second].map(({ table }) => comparisonOf(table, column));
    if (a === undefined || a !== b) return undefined;
    collations.set(foldName(column), collationOf(unique, column));
  }
  // SQLite makes an index for the statement where none serves, but not of a table without rowids.
  const isFound = ({ table }: SideTable, index: number): boolean =>
    !table.withoutRowid ||
    key.every(
      (column) => collations.get(foldName(column)) === unique[index]?.get(foldName(column))?.toUpperCase(),
    );
  if (![first, second].every(isFound)) return undefined;
  return keyedPair(first, second, rowsOf(first, second), collations);
}

/** `collations`: of the key, by folded names. */
function keyedPair(
  first: SideTable,
  second: SideTable,
  rows: RowPair,
  collations: ReadonlyMap<string, string>,
): KeyedPair {
  const key = [...collations.keys()];
  const byRowid = [first, second].every(
    ({ table: { rowidColumn } }) =>
      rowidColumn !== undefined && key.length === 1 && sameName(rowidColumn, key[0]!),
  );
  return {
    first: { ...first, place: rowidPlace(first) ?? keyPlace(collations) },
    second: { ...second, place: rowidPlace(second) ?? keyPlace(collations) },
    rows,
    ...(byRowid ? {} : { key }),
    toSecond: matchColumns(key, collations, secondAlias, firstAlias),
    toFirst: matchColumns(key, collations, firstAlias, secondAlias),
  };
}

/** What the type of a column makes of a value that it is compared with; undefined for no column. */
function comparisonOf({ columns }: CatalogTable, name: string): string | undefined {
  const column = columns.find((candidate) => sameName(candidate.name, name));
  if (!column) return undefined;
  const affinity = affinityOf(column.type);
  return affinity === 'integer' || affinity === 'real' ? 'numeric' : affinity;
}

/** Values differ if a collation of either side distinguishes them; an unknown collation compares bytes. */
function collationOf(unique: readonly (ReadonlyMap<string, string> | undefined)[], column: string): string {
  const known = unique.flatMap((collations) => collations?.get(foldName(column))?.toUpperCase() ?? []);
  const [collation = 'BINARY'] = known;
  return known.every((other) => other === collation) && isBuiltIn(collation) ? collation : 'BINARY';
}

/** How a row is remembered, and found again. */
export interface RowPlace {
  /** In SQL, of a row with this alias. */
  readonly values: (alias: string) => readonly string[];
  /** `remembered`: what became of the values. */
  readonly condition: (alias: string, remembered: readonly string[]) => string;
  /** `select`: what gives the remembered values of all that are wanted. */
  readonly isIn: (alias: string, select: string) => string;
}

/** By the rowid; undefined where no name reaches it. */
export function rowidPlace({ table }: Pick<SideTable, 'table'>): RowPlace | undefined {
  const { rowidName } = table;
  if (rowidName === undefined) return undefined;
  return {
    values: (alias) => [`${alias}.${quote(rowidName)}`],
    condition: (alias, [row]) => `${alias}.${quote(rowidName)} = ${row}`,
    isIn: (alias, select) => `${alias}.${quote(rowidName)} IN (${select})`,
  };
}

/** By the key. */
export function keyPlace(collations: ReadonlyMap<string, string>): RowPlace {
  const key = [...collations].map(([column, collation]) => ({ column: quote(column), collation }));
  return {
    values: (alias) => key.map(({ column }) => `+${alias}.${column}`),
    condition: (alias, remembered) =>
      key
        .map(
          ({ column, collation }, index) =>
            `${alias}.${column} = +${remembered[index]} COLLATE ${quote(collation)}`,
        )
        .join(' AND '),
    isIn: (alias, select) => {
      const values = key.map(({ column, collation }) => `${alias}.${column} COLLATE ${quote(collation)}`);
      return `(${values.join(', ')}) IN (${select})`;
    },
  };
}
