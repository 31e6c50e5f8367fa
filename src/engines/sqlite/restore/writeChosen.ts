import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import { hiddenRowid } from '../schema/catalog.ts';
import {
  type ChosenInTable,
  mostReasons,
  nowAlias,
  type Refused,
  seenAlias,
  wantedAlias,
  written,
} from './chosenTable.ts';
import { findRefused } from './loadTable.ts';
import { quoteList } from '../rows/copyRows.ts';
import { describeFailure, isRowError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { sameRow, targetAlias } from '../rows/rowComparison.ts';

/** Takes out the rows that go or change: those that change come back, so that unique values may move between them. */
export async function takeOut(table: ChosenInTable): Promise<void> {
  const { place, target } = table;
  const values = target.rowidName === undefined ? place.values(nowAlias).join(', ') : 'chosen.live';
  const rows = `SELECT ${values} FROM ${table.name} AS chosen ${table.join('now')} WHERE ${written} AND chosen.found`;
  await table.run(
    `DELETE FROM ${quoteTable('main', target.name)} AS ${targetAlias} WHERE ${place.isIn(targetAlias, rows)}`,
  );
}

/** Puts in the rows that come or change. */
export async function putIn(table: ChosenInTable): Promise<Refused> {
  const { connection, signal } = table;
  const refused: Refused = { places: [], reasons: new Map() };
  for (const found of [true, false]) {
    const which = `${written} AND chosen.has_wanted AND ${found ? '' : 'NOT '}chosen.found`;
    const last = await connection.get<{ place: number | null }>(
      `SELECT max(place) AS place FROM ${table.name} AS chosen WHERE ${which}`,
      [],
      signal,
    );
    // Even without rows, INSERT … SELECT would begin an AUTOINCREMENT counter.
    if (!last || last.place === null) continue;
    const sql = insertSql(table, found, which);
    const write = (from: number, until: number): Promise<number> =>
      connection.run(sql, [from + 1, until], signal);
    try {
      await write(0, last.place);
    } catch (error) {
      if (!isRowError(error)) throw error;
      for (const { at, error: why } of await findRefused(connection, last.place, write)) {
        refused.places.push(at);
        const reason = describeFailure(why, 'database').message;
        if (refused.reasons.size < mostReasons) refused.reasons.set(at, { reason });
      }
    }
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
