import { randomUUID } from 'node:crypto';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { fromTable, type KeyedPair, type PlacedSide, rowidPlace, type SideTable } from './comparedTables.ts';
import { kinds, type NotedCounts, NotedRows } from './notedRows.ts';
import {
  backupAlias as firstAlias,
  groupingOf,
  sameRow,
  targetAlias as secondAlias,
} from './rowComparison.ts';

/** How many rows each side has. */
export interface RowCounts {
  readonly first: number;
  readonly second: number;
}

interface NoteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Learns how many rows of the first side were compared. */
  readonly done?: (rows: number) => void;
  /** Where more rows than this differ, no more of them is of interest. */
  readonly most?: number;
  /** The key is unique in the second side, whose further rows are looked for where their number says that there are any; or never. */
  readonly others?: 'counted' | 'passed over';
}

/** What was found. Where it is not `complete`, more rows differ than `most`, or the key does not tell rows apart. */
export interface FoundDifferences {
  readonly noted: NotedRows;
  readonly counts: NotedCounts;
  /** Rows with a NULL in their key are no other's, and are not noted. */
  readonly keyless: boolean;
  readonly complete: boolean;
}

/** The number of rows that one statement compares: progress is reported between statements. */
const rowsAtOnce = 100_000;

/** Notes the rows that differ where a key tells rows apart. */
export async function noteKeyed(
  connection: Connection,
  pair: KeyedPair,
  rows: RowCounts,
  { signal, done, most = Infinity, others }: NoteOptions,
): Promise<FoundDifferences> {
  const { first, second, toSecond, toFirst } = pair;
  const [inFirst, inSecond] = [fromTable(first, firstAlias), fromTable(second, secondAlias)];
  const places = [...first.place.values(firstAlias), ...second.place.values(secondAlias)].join(', ');
  const found = `${toSecond.found} IS NOT NULL`;
  // As a condition the comparison ends with the first term that decides it.
  const isOnlyHere = others ? 'TRUE' : `NOT ${hasNullKey(pair, firstAlias)}`;
  const differs = `CASE WHEN NOT (${found}) THEN ${isOnlyHere}
    WHEN ${sameRow(pair.rows, secondAlias, firstAlias)} THEN 0 ELSE 1 END`;
  const keyless = {
    first: others ? 0 : await countKeyless(connection, pair, inFirst, firstAlias, signal),
    second: others ? 0 : await countKeyless(connection, pair, inSecond, secondAlias, signal),
  };
  const noted = await NotedRows.begin(connection, first, second);
  let left = most + 1;
  const ranges = await rangesOf(connection, first, rows.first, signal);
  for (const [index, range] of ranges.entries()) {
    const select = `SELECT iif(${found}, ${kinds.changed}, ${kinds.onlyInFirst}), 1, ${places}
      FROM ${inFirst} NOT INDEXED LEFT JOIN ${inSecond} ON ${toSecond.condition} WHERE ${range} AND ${differs}`;
    left -= await noted.note(select, left, signal);
    if (left <= 0) break;
    done?.(Math.round((rows.first * (index + 1)) / ranges.length));
  }
  const { onlyInFirst } = await noted.counts(signal);
  const matched = rows.first - keyless.first - onlyInFirst;
  const onlyInSecond = others === 'passed over' ? 0 : rows.second - keyless.second - matched;
  if (left > 0 && (onlyInSecond !== 0 || (pair.key && !others))) {
    const select = `SELECT ${kinds.onlyInSecond}, 1, ${places}
      FROM ${inSecond} NOT INDEXED LEFT JOIN ${inFirst} ON ${toFirst.condition}
      WHERE ${toFirst.found} IS NULL AND NOT ${hasNullKey(pair, secondAlias)}`;
    left -= await noted.note(select, left, signal);
  }
  const counts = await noted.counts(signal);
  // A key that is there twice on a side, or an index that is not in step, finds other rows than there are.
  const complete = left > 0 && counts.onlyInSecond === onlyInSecond;
  return { noted, counts, complete, keyless: keyless.first + keyless.second > 0 };
}

/** Such a row is no other's, whatever its other values are. */
function hasNullKey({ key = [] }: KeyedPair, alias: string): string {
  const isNull = key.map((column) => `${alias}.${quote(column)} IS NULL`);
  return isNull.length === 0 ? 'FALSE' : `(${isNull.join(' OR ')})`;
}

async function countKeyless(
  connection: Connection,
  pair: KeyedPair,
  from: string,
  alias: string,
  signal?: AbortSignal,
): Promise<number> {
  if (!pair.key) return 0;
  const sql = `SELECT count(*) AS n FROM ${from} NOT INDEXED WHERE ${hasNullKey(pair, alias)}`;
  return (await connection.get<{ n: number }>(sql, [], signal))?.n ?? 0;
}

/** Conditions that take a table's rows apart. */
async function rangesOf(
  connection: Connection,
  side: SideTable,
  rows: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const [row] = rowidPlace(side)?.values(firstAlias) ?? [];
  if (row === undefined || rows <= rowsAtOnce) return ['TRUE'];
  // Each alone is a step to the end of the table; together, SQLite would read all of it.
  const end = (which: 'min' | 'max'): string =>
    `(SELECT CAST(${which}(${row}) AS TEXT) FROM ${fromTable(side, firstAlias)})`;
  const ends = await connection.get<{ low: string; high: string }>(
    `SELECT ${end('min')} AS low, ${end('max')} AS high`,
    [],
    signal,
  );
  if (!ends) return ['TRUE'];
  const [low, high] = [BigInt(ends.low), BigInt(ends.high)];
  const step = (high - low) / BigInt(Math.ceil(rows / rowsAtOnce)) + 1n;
  const ranges: string[] = [];
  for (let start = low; start <= high; start += step) {
    const last = start + step - 1n < high ? start + step - 1n : high;
    ranges.push(`${row} BETWEEN ${start} AND ${last}`);
  }
  return ranges;
}

/**
 * Notes the rows that are not as often on both sides. `withNullIn`: only rows in which one of these columns is NULL, by
 * their positions.
 */
export async function noteWhole(
  connection: Connection,
  sides: { readonly first: SideTable; readonly second: SideTable },
  withNullIn: readonly number[] | undefined,
  signal?: AbortSignal,
): Promise<{ noted: NotedRows; counts: NotedCounts }> {
  const first = await placeRows(connection, sides.first, signal);
  const second = await placeRows(connection, sides.second, signal);
  const rows = (side: PlacedSide, alias: string, number: number): string => {
    const columns = groupingOf(side.columns.map((column) => `${alias}.${quote(column)}`));
    const isNull = withNullIn?.map((index) => `${alias}.${quote(side.columns[index]!)} IS NULL`) ?? ['TRUE'];
    const named = columns.map((column, index) => `${column} AS v${index}`);
    return `SELECT ${number} AS side, ${side.place.values(alias)[0]} AS place, ${named.join(', ')}
      FROM ${fromTable(side, alias)} NOT INDEXED WHERE ${isNull.join(' OR ')}`;
  };
  const terms = groupingOf(first.columns.map(quote)).map((_, index) => `v${index} COLLATE BINARY`);
  const noted = await NotedRows.begin(connection, first, second);
  await noted.note(
    `SELECT iif(firsts > seconds, ${kinds.onlyInFirst}, ${kinds.onlyInSecond}), abs(firsts - seconds),
       iif(firsts > seconds, first_place, NULL), iif(seconds > firsts, second_place, NULL)
     FROM (SELECT sum(side = 1) AS firsts, sum(side = 2) AS seconds,
         min(iif(side = 1, place, NULL)) AS first_place, min(iif(side = 2, place, NULL)) AS second_place
       FROM (${rows(first, firstAlias, 1)} UNION ALL ${rows(second, secondAlias, 2)})
       GROUP BY ${terms.join(', ')})
     WHERE firsts <> seconds`,
    Infinity,
    signal,
  );
  return { noted, counts: await noted.counts(signal) };
}

/** The side as rows that rowids find again: one without is copied into a temporary table. */
async function placeRows(connection: Connection, side: SideTable, signal?: AbortSignal): Promise<PlacedSide> {
  const place = rowidPlace(side);
  if (place) return { ...side, place };
  const name = `restore_point_rows_${randomUUID()}`;
  const columns = side.columns.map((_, index) => `c${index}`);
  // Without a type, nothing is made of the values.
  await connection.run(`CREATE TEMP TABLE ${quote(name)} (${columns.join(', ')})`);
  await connection.run(
    `INSERT INTO temp.${quote(name)} SELECT ${side.columns.map((column) => `+${quote(column)}`).join(', ')}
     FROM ${quoteTable(side.schema, side.table.name)} NOT INDEXED`,
    [],
    signal,
  );
  const table = {
    ...side.table,
    name,
    columns: columns.map((column) => ({ name: column, type: '', notNull: false })),
    withoutRowid: false,
    rowidName: 'rowid',
  };
  return { schema: 'temp', table, columns, place: rowidPlace({ table })! };
}
