import { randomUUID } from 'node:crypto';
import type { DifferenceCounts } from '../../../core/differences.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import {
  firstAlias,
  rowidPlace,
  secondAlias,
  type SidePair,
  type SideTable,
  tellsOnly,
} from './comparedTables.ts';
import { type DifferingPages, kinds, type PlacedSide } from './differingPages.ts';
import { groupingOf } from './rowComparison.ts';

/** Both sides of a table whose rows are compared as a whole. */
export interface WholePair {
  readonly first: PlacedSide;
  readonly second: PlacedSide;
  /** Only rows in which one of these columns is NULL, by their places in `columns`. */
  readonly withNullIn?: readonly number[];
}

/** How often each row is there. */
export async function countWhole(
  connection: Connection,
  pair: WholePair,
  signal?: AbortSignal,
): Promise<DifferenceCounts> {
  const counts = await connection.get<DifferenceCounts>(
    `SELECT coalesce(sum(max(firsts - seconds, 0)), 0) AS onlyInFirst,
       coalesce(sum(max(seconds - firsts, 0)), 0) AS onlyInSecond,
       0 AS changed, coalesce(sum(min(firsts, seconds)), 0) AS same
     FROM (${grouped(pair, [])})`,
    [],
    signal,
  );
  return counts ?? { onlyInFirst: 0, onlyInSecond: 0, changed: 0, same: 0 };
}

/** Remembers up to `most` rows that are not as often on both sides. */
export async function noteWhole(
  pages: DifferingPages,
  pair: WholePair,
  compared: SidePair,
  most: number,
  signal?: AbortSignal,
): Promise<void> {
  const reported = [
    ...(tellsOnly(compared, 'first') ? ['firsts > seconds'] : []),
    ...(tellsOnly(compared, 'second') ? ['seconds > firsts'] : []),
  ];
  if (reported.length === 0 || most <= 0) return;
  const select = `SELECT iif(firsts > seconds, ${kinds.onlyInFirst}, ${kinds.onlyInSecond}), abs(firsts - seconds),
      iif(firsts > seconds, first_place, NULL), iif(seconds > firsts, second_place, NULL)
    FROM (${grouped(pair, ['min(iif(side = 1, place, NULL)) AS first_place', 'min(iif(side = 2, place, NULL)) AS second_place'])})
    WHERE ${reported.join(' OR ')}`;
  await pages.note(select, most, signal);
}

/** Each row once, with how often each side has it. */
function grouped({ first, second, withNullIn }: WholePair, values: readonly string[]): string {
  const rows = (side: PlacedSide, alias: string, number: number): string => {
    const columns = groupingOf(side.columns.map((column) => `${alias}.${quote(column)}`));
    const place = side.place.values(alias)[0] ?? 'NULL';
    const isNull = withNullIn?.map((index) => `${alias}.${quote(side.columns[index]!)} IS NULL`);
    const named = columns.map((column, index) => `${column} AS v${index}`);
    return `SELECT ${number} AS side, ${place} AS place, ${named.join(', ')}
      FROM ${quoteTable(side.schema, side.table.name)} AS ${alias} NOT INDEXED ${isNull ? `WHERE ${isNull.join(' OR ')}` : ''}`;
  };
  const terms = groupingOf(first.columns.map(quote)).map((_, index) => `v${index} COLLATE BINARY`);
  return `SELECT ${['sum(side = 1) AS firsts', 'sum(side = 2) AS seconds', ...values].join(', ')}
    FROM (${rows(first, firstAlias, 1)} UNION ALL ${rows(second, secondAlias, 2)})
    GROUP BY ${terms.join(', ')}`;
}

/** The side as rows that rowids find again: one without is copied into a temporary table. */
export async function placeWhole(
  connection: Connection,
  side: SideTable,
  columns: readonly string[],
  signal?: AbortSignal,
): Promise<PlacedSide> {
  const place = rowidPlace(side);
  if (place) return { ...side, columns, place };
  const name = `restore_point_rows_${randomUUID()}`;
  const names = columns.map((_, index) => `c${index}`);
  // Without a type, nothing is made of the values.
  await connection.run(`CREATE TEMP TABLE ${quote(name)} (${names.join(', ')})`);
  await connection.run(
    `INSERT INTO temp.${quote(name)} SELECT ${columns.map((column) => `+${quote(column)}`).join(', ')}
     FROM ${quoteTable(side.schema, side.table.name)} NOT INDEXED`,
    [],
    signal,
  );
  const table: CatalogTable = {
    ...side.table,
    name,
    columns: names.map((column) => ({ name: column, type: '', notNull: false })),
    withoutRowid: false,
    rowidName: 'rowid',
  };
  const copy = { schema: 'temp', table };
  return { ...copy, columns: names, place: rowidPlace(copy)! };
}
