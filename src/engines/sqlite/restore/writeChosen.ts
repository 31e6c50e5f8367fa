import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import { hiddenRowid } from '../schema/catalog.ts';
import {
  type ChosenInTable,
  mostReasons,
  type Refused,
  wantedAlias,
  seenAlias,
  written,
} from './chosenTable.ts';
import { quoteList } from '../rows/copyRows.ts';
import { describeFailure, isRowError } from '../connect/errors.ts';
import { foldName, quote, quoteTable } from '../connect/identifiers.ts';
import { sameRow, targetAlias } from '../rows/rowComparison.ts';

/** Takes out the rows that go or change: those that change come back, so that unique values may move between them. */
export async function takeOut(table: ChosenInTable): Promise<void> {
  const { rowidName, name } = table.target;
  const key = table.key;
  const from = `${table.name} AS chosen ${table.join('now')} WHERE ${written} AND chosen.found`;
  const compared = (key?.columns ?? []).map(
    (column) => `${quote(column)} COLLATE ${quote(key?.collations.get(foldName(column)) ?? 'BINARY')}`,
  );
  const which =
    rowidName === undefined
      ? `(${compared.join(', ')}) IN (SELECT ${quoteList(key?.columns ?? [], `now_row.`)} FROM ${from})`
      : `${quote(rowidName)} IN (SELECT chosen.live FROM ${from})`;
  await table.run(`DELETE FROM ${quoteTable('main', name)} WHERE ${which}`);
}

/** Puts in the rows that come or change. */
export async function putIn(table: ChosenInTable): Promise<Refused> {
  const refused: Refused = { places: [], reasons: new Map() };
  for (const found of [true, false]) {
    const which = `${written} AND chosen.has_wanted AND ${found ? '' : 'NOT '}chosen.found`;
    const range = await table.connection.get<{ first: number | null; last: number }>(
      `SELECT min(place) AS first, max(place) AS last FROM ${table.name} AS chosen WHERE ${which}`,
      [],
      table.signal,
    );
    // Even without rows, INSERT … SELECT would begin an AUTOINCREMENT counter.
    if (!range || range.first === null) continue;
    const sql = insertSql(table, found, which);
    await insert(table, sql, range.first, range.last, refused);
  }
  return refused;
}

/** `OR ABORT` overrides conflict clauses of the table, which could skip or replace rows silently. */
function insertSql(table: ChosenInTable, found: boolean, which: string): string {
  const { columns, otherColumns } = table.chosen;
  const hidden = hiddenRowid(table.target);
  const others = found ? otherColumns : [];
  const into = [...(hidden === undefined ? [] : [hidden]), ...columns, ...others];
  const values = [
    ...(hidden === undefined ? [] : [`chosen.live`]),
    ...columns.map((column) => `wanted_row.${quote(column)}`),
    ...others.map((column) => `now_row.${quote(column)}`),
  ];
  return `INSERT OR ABORT INTO ${quoteTable('main', table.target.name)} (${quoteList(into)})
    SELECT ${values.join(', ')} FROM ${table.name} AS chosen ${table.join('wanted')} ${table.join('now')}
    WHERE ${which} AND chosen.place BETWEEN ? AND ? ORDER BY chosen.place`;
}

/** All at once, and where one is refused, in ever smaller halves. */
async function insert(
  table: ChosenInTable,
  sql: string,
  first: number,
  last: number,
  refused: Refused,
): Promise<void> {
  try {
    await table.connection.run(sql, [first, last], table.signal);
  } catch (error) {
    if (!isRowError(error)) throw error;
    if (first === last) {
      refused.places.push(first);
      const reason = describeFailure(error, 'database').message;
      if (refused.reasons.size < mostReasons) refused.reasons.set(first, { reason });
      return;
    }
    const middle = Math.floor((first + last) / 2);
    await insert(table, sql, first, middle, refused);
    await insert(table, sql, middle + 1, last, refused);
  }
}

/** Reads written rows back. Throws `verification`. */
export async function verify(table: ChosenInTable): Promise<void> {
  const target = `${quoteTable('main', table.target.name)} AS ${targetAlias}`;
  const wrong = await table.connection.get<{ place: number }>(
    `SELECT chosen.place AS place FROM ${table.name} AS chosen ${table.join('wanted')}
     WHERE ${written} AND chosen.has_wanted AND NOT EXISTS (SELECT 1 FROM ${target}
       WHERE ${table.locate(wantedAlias)} AND ${sameRow(table.pair, targetAlias, wantedAlias)})
     UNION ALL SELECT chosen.place FROM ${table.name} AS chosen ${table.join('seen')}
     WHERE ${written} AND NOT chosen.has_wanted AND EXISTS (SELECT 1 FROM ${target}
       WHERE ${table.locate(seenAlias)}) LIMIT 1`,
    [],
    table.signal,
  );
  if (!wrong) return;
  throw new RestorePointError('verification', 'A chosen row that was read back is not as it was chosen', {
    place: { table: formatTableName(table.chosen.table.name), row: wrong.place },
  });
}
