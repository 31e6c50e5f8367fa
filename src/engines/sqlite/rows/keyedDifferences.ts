import type { DifferenceCounts } from '../../../core/differences.ts';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import {
  firstAlias,
  fromTable,
  type KeyedPair,
  rowidPlace,
  secondAlias,
  type SideTable,
  tellsOnly,
} from './comparedTables.ts';
import { type DifferingPages, kinds, type PlacedSide } from './differingPages.ts';
import { sameRow } from './rowComparison.ts';

/** How many rows each side has. */
export interface RowCounts {
  readonly first: number;
  readonly second: number;
}

/** Rows that a key tells apart. */
export interface KeyedCounts extends DifferenceCounts {
  /** Rows with a NULL in their key are compared as whole rows, and not counted here. */
  readonly keyless: boolean;
}

/** The number of rows that one statement compares: progress is reported between statements. */
const rowsAtOnce = 100_000;

/** Undefined where the key does not tell the rows apart. `done` learns how many rows of the first side were compared. */
export async function countKeyed(
  connection: Connection,
  pair: KeyedPair,
  rows: RowCounts,
  done: (rows: number) => void,
  signal?: AbortSignal,
): Promise<KeyedCounts | undefined> {
  const { first, second, toSecond, toFirst } = pair;
  const found = `${toSecond.found} IS NOT NULL`;
  const total = { rows: 0, matched: 0, changed: 0, keyless: 0 };
  for (const range of await rangesOf(connection, first, rows.first, signal)) {
    const counted = await connection.get<typeof total>(
      // As a condition the comparison ends with the first term that decides it. The inner LIMIT keeps the columns of the
      // tables out of the sums, which take no more than 2,000.
      `SELECT count(*) AS rows, coalesce(sum(found), 0) AS matched, coalesce(sum(changed), 0) AS changed,
         coalesce(sum(keyless), 0) AS keyless
       FROM (SELECT ${found} AS found, ${hasNullKey(pair, firstAlias)} AS keyless,
           CASE WHEN NOT (${found}) THEN 0 WHEN ${sameRow(pair.rows, secondAlias, firstAlias)} THEN 0 ELSE 1 END AS changed
         FROM ${fromTable(first, firstAlias)} NOT INDEXED
         LEFT JOIN ${fromTable(second, secondAlias)} ON ${toSecond.condition} ${range} LIMIT -1)`,
      [],
      signal,
    );
    for (const name of ['rows', 'matched', 'changed', 'keyless'] as const)
      total[name] += counted?.[name] ?? 0;
    done(total.rows);
  }
  if (total.rows !== rows.first) return undefined;
  const others = pair.byRowid
    ? { rows: rows.second, matched: total.matched, keyless: 0 }
    : await connection.get<{ rows: number; matched: number; keyless: number }>(
        `SELECT count(*) AS rows, coalesce(sum(${toFirst.found} IS NOT NULL), 0) AS matched,
           coalesce(sum(${hasNullKey(pair, secondAlias)}), 0) AS keyless
         FROM ${fromTable(second, secondAlias)} NOT INDEXED
         LEFT JOIN ${fromTable(first, firstAlias)} ON ${toFirst.condition}`,
        [],
        signal,
      );
  // A key that is there twice on a side gives further pairs.
  if (others?.rows !== rows.second || others.matched !== total.matched) return undefined;
  return {
    onlyInFirst: total.rows - total.matched - total.keyless,
    onlyInSecond: others.rows - others.matched - others.keyless,
    changed: total.changed,
    same: total.matched - total.changed,
    keyless: total.keyless + others.keyless > 0,
  };
}

/** Remembers up to `most` rows that differ. */
export async function noteKeyed(
  pages: DifferingPages,
  pair: KeyedPair,
  sides: { readonly first: PlacedSide; readonly second: PlacedSide },
  counts: DifferenceCounts,
  most: number,
  signal?: AbortSignal,
): Promise<void> {
  const { first, second, toSecond, toFirst } = pair;
  const places = [...sides.first.place.values(firstAlias), ...sides.second.place.values(secondAlias)].join(
    ', ',
  );
  const found = `${toSecond.found} IS NOT NULL`;
  const only = tellsOnly(pair, 'first');
  const ofFirst = Math.min(most, counts.changed + (only ? counts.onlyInFirst : 0));
  if (ofFirst > 0) {
    const same = sameRow(pair.rows, secondAlias, firstAlias);
    const isOnly = only ? `NOT ${hasNullKey(pair, firstAlias)}` : 'FALSE';
    const select = `SELECT iif(${found}, ${kinds.changed}, ${kinds.onlyInFirst}), 1, ${places}
      FROM ${fromTable(first, firstAlias)} NOT INDEXED
      LEFT JOIN ${fromTable(second, secondAlias)} ON ${toSecond.condition}
      WHERE CASE WHEN NOT (${found}) THEN ${isOnly} WHEN ${same} THEN 0 ELSE 1 END`;
    await pages.note(select, ofFirst, signal);
  }
  const ofSecond = Math.min(most - pages.noted, tellsOnly(pair, 'second') ? counts.onlyInSecond : 0);
  if (ofSecond <= 0) return;
  const select = `SELECT ${kinds.onlyInSecond}, 1, ${places}
    FROM ${fromTable(second, secondAlias)} NOT INDEXED
    LEFT JOIN ${fromTable(first, firstAlias)} ON ${toFirst.condition}
    WHERE ${toFirst.found} IS NULL AND NOT ${hasNullKey(pair, secondAlias)}`;
  await pages.note(select, ofSecond, signal);
}

/** Such a row is no other's, whatever its other values are. */
export function hasNullKey({ key, byRowid }: KeyedPair, alias: string): string {
  if (byRowid) return 'FALSE';
  return `(${key.map((column) => `${alias}.${quote(column)} IS NULL`).join(' OR ')})`;
}

/** Conditions that take a table's rows apart. */
async function rangesOf(
  connection: Connection,
  side: SideTable,
  rows: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const [row] = rowidPlace(side)?.values(firstAlias) ?? [];
  if (row === undefined || rows <= rowsAtOnce) return [''];
  // Each alone is a step to the end of the table; together, SQLite would read all of it.
  const end = (which: 'min' | 'max'): string =>
    `(SELECT CAST(${which}(${row}) AS TEXT) FROM ${quoteTable(side.schema, side.table.name)} AS ${firstAlias})`;
  const ends = await connection.get<{ low: string; high: string }>(
    `SELECT ${end('min')} AS low, ${end('max')} AS high`,
    [],
    signal,
  );
  if (!ends) return [''];
  const [low, high] = [BigInt(ends.low), BigInt(ends.high)];
  const step = (high - low) / BigInt(Math.ceil(rows / rowsAtOnce)) + 1n;
  const ranges: string[] = [];
  for (let start = low; start <= high; start += step) {
    const last = start + step - 1n < high ? start + step - 1n : high;
    ranges.push(`WHERE ${row} BETWEEN ${start} AND ${last}`);
  }
  return ranges;
}
