import { randomUUID } from 'node:crypto';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import { hiddenRowid } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { describeFailure, isRowError } from '../connect/errors.ts';
import { quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { fromTable, type KeyedPair, type PlacedSide } from '../rows/comparedTables.ts';
import { copiedColumns, quoteList } from '../rows/copyRows.ts';
import type { FoundDifferences } from '../rows/noteDifferences.ts';
import { kinds } from '../rows/notedRows.ts';
import { backupAlias, backupOrder, sameColumns, type TablePair, targetAlias } from '../rows/rowComparison.ts';
import { allowWhatStood, findRefused, insertSql } from './loadTable.ts';

/** What writes the rows that were found to differ, and no others. The triggers of the table have to be gone, and foreign keys off. */
export interface Writing {
  readonly pair: TablePair;
  readonly match: KeyedPair;
  readonly found: Pick<FoundDifferences, 'noted' | 'counts'>;
  readonly mode: RestoreMode;
  /**
   * The table has an index that SQLite cannot write, for want of something that only the application registers: SQLite takes
   * changes of what is in no such index.
   */
  readonly inPlace: boolean;
}

/** Throws `database` with the row, `cancelled`. */
export async function writeDifferences(
  connection: Connection,
  writing: Writing,
  signal?: AbortSignal,
): Promise<void> {
  const { pair, found, mode, inPlace } = writing;
  const { onlyInFirst, changed, onlyInSecond } = found.counts;
  await allowWhatStood(connection, pair);
  if (mode === 'replace' && onlyInSecond > 0) {
    await connection.run(deleteSql(writing, kinds.onlyInSecond), [], signal);
  }
  const isChanging = mode !== 'insert-missing' && changed > 0;
  if (isChanging && inPlace) await update(connection, writing, signal);
  let held = isChanging && !inPlace ? await takeOut(connection, writing, signal) : undefined;
  const putBack = (range = ''): Promise<unknown> =>
    held === undefined ? Promise.resolve() : connection.run(putBackSql(writing, held, range), [], signal);
  // Without rows, no statement: it would begin an AUTOINCREMENT counter.
  const insert = (range = ''): Promise<unknown> =>
    onlyInFirst === 0 ? Promise.resolve() : connection.run(insertMissingSql(writing, range), [], signal);
  try {
    await putBack();
    if (held !== undefined) await connection.run(`DROP TABLE ${held}`);
    held = undefined;
    await insert();
  } catch (error) {
    if (!isRowError(error)) throw error;
    const write = async (from: number, until: number): Promise<void> => {
      const range = `AND place > ${from} AND place <= ${until}`;
      await putBack(range);
      await insert(range);
    };
    const [failing] = await findRefused(connection, await found.noted.last(), write, 1);
    const row = failing && (await numberOf(connection, writing, failing.at));
    const place = { table: formatTableName(pair.plan.target), ...(row === undefined ? {} : { row }) };
    throw describeFailure(failing?.error ?? error, 'database', place);
  }
}

function insertMissingSql({ pair, match, found, mode }: Writing, range: string): string {
  const rows = `SELECT ${refs(match.first, 'a')} FROM ${found.noted.table} WHERE kind = ${kinds.onlyInFirst} ${range}`;
  return insertSql(pair, { mode, where: match.first.place.isIn(backupAlias, rows) });
}

function refs({ place }: PlacedSide, letter: string, alias = ''): string {
  return place
    .values('x')
    .map((_, index) => `${alias}${letter}${index}`)
    .join(', ');
}

function deleteSql({ pair, match, found }: Writing, kind: number): string {
  const rows = `SELECT ${refs(match.second, 'b')} FROM ${found.noted.table} WHERE kind = ${kind}`;
  return `DELETE FROM ${quoteTable('main', pair.target.name)} AS ${targetAlias} WHERE ${match.second.place.isIn(targetAlias, rows)}`;
}

/** The noted rows that changed, with both sides. */
function changedRows({ match, found }: Writing): string {
  const on = (side: PlacedSide, alias: string, letter: string): string =>
    side.place.condition(alias, refs(side, letter, 'noted.').split(', '));
  return `${found.noted.table} AS noted
    CROSS JOIN ${fromTable(match.first, backupAlias)} ON ${on(match.first, backupAlias, 'a')}
    CROSS JOIN ${fromTable(match.second, targetAlias)} ON ${on(match.second, targetAlias, 'b')}
    WHERE noted.kind = ${kinds.changed}`;
}

/**
 * SQLite checks unique values row by row, and values may move from one row to another: so rows that change leave the table
 * together. Resolves to a temporary table that holds them as they are to be; what the backup does not hold (further columns,
 * rowids) is as it was.
 */
async function takeOut(connection: Connection, writing: Writing, signal?: AbortSignal): Promise<string> {
  const { target, plan } = writing.pair;
  const held = `temp.${quote(`restore_point_changed_${randomUUID()}`)}`;
  const columns = copiedColumns(target);
  const isHeld = (name: string): boolean =>
    name !== hiddenRowid(target) && plan.columns.some((column) => sameName(column, name));
  const values = columns.map((name) => `+${isHeld(name) ? backupAlias : targetAlias}.${quote(name)}`);
  await connection.run(`CREATE TABLE ${held} (${columns.map((_, index) => `c${index}`).join(', ')})`);
  await connection.run(
    `INSERT INTO ${held} SELECT ${values.join(', ')} FROM ${changedRows(writing)} ORDER BY noted.place`,
    [],
    signal,
  );
  await connection.run(deleteSql(writing, kinds.changed), [], signal);
  return held;
}

/** Those of them that `range` leaves: the rowids of the held rows are their numbers among those that changed. */
function putBackSql({ pair, found }: Writing, held: string, range: string): string {
  const number = `(SELECT row_number() OVER (ORDER BY place) AS number, place FROM ${found.noted.table} WHERE kind = ${kinds.changed})`;
  const into = copiedColumns(pair.target);
  return `INSERT OR ABORT INTO ${quoteTable('main', pair.target.name)} (${quoteList(into)})
    SELECT ${into.map((_, index) => `c${index}`).join(', ')} FROM ${held}
    ${range === '' ? '' : `WHERE rowid IN (SELECT number FROM ${number} WHERE TRUE ${range})`}`;
}

/** A statement is only made for columns that change: SQLite cannot prepare one that writes an index for which it lacks something. */
async function update(connection: Connection, writing: Writing, signal?: AbortSignal): Promise<void> {
  const { pair } = writing;
  const rows = changedRows(writing);
  const same = sameColumns(pair, targetAlias, backupAlias);
  for (const [index, column] of pair.plan.columns.entries()) {
    const differs = `SELECT 1 AS found FROM ${rows} AND NOT ${same[index]} LIMIT 1`;
    if ((await connection.get(differs, [], signal)) === undefined) continue;
    const value = `SELECT ${backupAlias}.${quote(column)} FROM ${fromTable(writing.match.first, backupAlias)} WHERE ${writing.match.toSecond.condition}`;
    const chosen = `SELECT ${refs(writing.match.second, 'b')} FROM ${writing.found.noted.table} WHERE kind = ${kinds.changed}`;
    await connection.run(
      `UPDATE OR ABORT ${fromTable(writing.match.second, targetAlias)} SET ${quote(column)} = (${value})
       WHERE ${writing.match.second.place.isIn(targetAlias, chosen)}`,
      [],
      signal,
    );
  }
}

/** The number of a noted row in the backup's order, counted from 1. */
async function numberOf(
  connection: Connection,
  { pair, match, found }: Writing,
  place: number,
): Promise<number | undefined> {
  const values = match.first.place.values(backupAlias).map((value, index) => `${value} AS a${index}`);
  const rows = `SELECT row_number() OVER (${backupOrder(pair.backup)}) AS number, ${values.join(', ')}
    FROM ${fromTable(match.first, backupAlias)} NOT INDEXED`;
  const names = refs(match.first, 'a');
  const row = await connection.get<{ number: number }>(
    `SELECT number AS number FROM (${rows}) WHERE (${names}) IS (SELECT ${names} FROM ${found.noted.table} WHERE place = ?)`,
    [place],
  );
  return row?.number;
}
