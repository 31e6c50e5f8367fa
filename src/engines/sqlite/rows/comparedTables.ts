import type { ComparedTable } from '../../../core/differences.ts';
import { affinityOf } from '../schema/affinity.ts';
import { type CatalogTable, uniqueKeyOver } from '../schema/catalog.ts';
import { foldName, quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { isBuiltIn } from '../schema/unproven.ts';
import { matchColumns, type RowMatch, type RowPair } from './rowComparison.ts';

/** What the two sides are called in a statement. */
export const firstAlias = 'first_row';
export const secondAlias = 'second_row';

/** A table of one side, on a connection that has both. */
export interface SideTable {
  /** What SQLite calls the database. */
  readonly schema: string;
  readonly table: CatalogTable;
}

/** One table of a comparison, on both sides. */
export interface SidePair {
  readonly compared: ComparedTable;
  readonly first: SideTable;
  readonly second: SideTable;
}

export function fromTable({ schema, table }: SideTable, alias: string): string {
  return `${quoteTable(schema, table.name)} AS ${alias}`;
}

/** Whether rows that only this side has are reported: a partial other side may have had them. */
export function tellsOnly({ compared }: SidePair, side: 'first' | 'second'): boolean {
  return compared.partial?.includes(side === 'first' ? 'second' : 'first') !== true;
}

/** How rows of both sides are matched by their key. */
export interface KeyedPair extends SidePair {
  /** By the names of the first side. */
  readonly key: readonly string[];
  /** By folded name. */
  readonly collations: ReadonlyMap<string, string>;
  readonly rows: RowPair;
  /** The row of the second side for one of the first, and the other way round. */
  readonly toSecond: RowMatch;
  readonly toFirst: RowMatch;
  /** The key is the rowid: it is unique as the pages are sound. */
  readonly byRowid: boolean;
}

/** Undefined where the rows cannot be matched soon, and with the same result from either side. */
export function matchPair(pair: SidePair): KeyedPair | undefined {
  const { compared, first, second } = pair;
  const key = compared.key?.map((place) => compared.columns[place]!.first);
  if (!key || key.length === 0) return undefined;
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
  const [target, backup] = [second.table, first.table];
  const byRowid = [target, backup].every(
    ({ rowidColumn }) => rowidColumn !== undefined && key.length === 1 && sameName(rowidColumn, key[0]!),
  );
  return {
    ...pair,
    key,
    collations,
    rows: { plan: { columns: compared.columns.map((column) => column.first) }, target, backup },
    toSecond: matchColumns(key, collations, secondAlias, firstAlias),
    toFirst: matchColumns(key, collations, firstAlias, secondAlias),
    byRowid,
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
}

/** By the rowid; undefined where no name reaches it. */
export function rowidPlace({ table }: SideTable): RowPlace | undefined {
  const { rowidName } = table;
  if (rowidName === undefined) return undefined;
  return {
    values: (alias) => [`${alias}.${quote(rowidName)}`],
    condition: (alias, [row]) => `${alias}.${quote(rowidName)} = ${row}`,
  };
}

/** By the key. */
export function keyPlace({ key, collations }: KeyedPair): RowPlace {
  const of = (alias: string, column: string): string => `${alias}.${quote(column)}`;
  return {
    values: (alias) => key.map((column) => `+${of(alias, column)}`),
    condition: (alias, remembered) =>
      key
        .map((column, index) => {
          const collation = quote(collations.get(foldName(column)) ?? 'BINARY');
          return `${of(alias, column)} = +${remembered[index]} COLLATE ${collation}`;
        })
        .join(' AND '),
  };
}
