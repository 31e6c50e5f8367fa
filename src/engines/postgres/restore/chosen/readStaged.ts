import type { Row } from '../../../../core/values.ts';
import type { Transaction } from '../../connect/transaction.ts';
import type { ReadValue } from '../../rows/typedValues.ts';
import { exact } from './chosenColumns.ts';
import { type ChosenStaging, is } from './chosenStaging.ts';

/** The values of one row in several tables, and what was found out about it. */
export interface StagedRow {
  readonly seen?: Row;
  readonly wanted?: Row;
  readonly before?: Row;
  readonly after?: Row;
  readonly conflict: string | undefined;
  readonly cause: number | undefined;
}

export type StagedSide = 'seen' | 'wanted' | 'before' | 'after';

interface Query {
  readonly sides: readonly StagedSide[];
  /** SQL over `f`: which rows of `found`. */
  readonly where: string;
  /** SQL: what kind of conflict it is. */
  readonly conflict?: string;
  /** Only the columns with which rows were chosen, or all. */
  readonly columns: 'chosen' | 'all';
}

/** About how many bytes a page of rows takes, and how many values of rows it has at most. */
const pageBytes = 4 << 20;
const pageLines = 1_000;
const firstPageLines = 100;

type Line = Readonly<Record<string, string | null>>;

/** Reads rows from the staging tables of one table, in the order in which they were chosen, as pages of bounded size. */
export async function* readStaged(
  transaction: Transaction,
  staging: ChosenStaging,
  query: Query,
): AsyncGenerator<readonly StagedRow[]> {
  const count = query.columns === 'all' ? staging.columns.data.length : staging.width;
  const readers = staging.columns.readers.slice(0, count);
  let open: { readonly place: string | null; row: StagedRow } | undefined;
  for await (const lines of readLines(transaction, sqlOf(staging, query, count))) {
    const page: StagedRow[] = [];
    for (const line of lines) {
      const { place = null, side, conflict, cause } = line;
      if (open?.place !== place) {
        if (open) page.push(open.row);
        const number = cause === null ? undefined : Number(cause);
        open = { place, row: { conflict: conflict ?? undefined, cause: number } };
      }
      open.row = { ...open.row, [side as StagedSide]: valuesOf(line, readers) };
    }
    if (page.length > 0) yield page;
  }
  if (open) yield [open.row];
}

/** Reads the values of all inserted rows, which have no number any more. */
export async function* readInserted(
  transaction: Transaction,
  staging: ChosenStaging,
): AsyncGenerator<readonly Row[]> {
  const { data, readers } = staging.columns;
  const values = data.map(({ xml }, index) => `, ${exact(`r.c${index}`, xml)} AS c${index}`).join('');
  const sql = `SELECT '' AS empty${values} FROM ${staging.after} r WHERE r.place IS NULL`;
  for await (const lines of readLines(transaction, sql)) yield lines.map((line) => valuesOf(line, readers));
}

let cursors = 0;

/** The rows of a query whose columns are all texts for the driver. */
async function* readLines(transaction: Transaction, sql: string): AsyncGenerator<readonly Line[]> {
  const cursor = `restore_point_chosen_${(cursors += 1)}`;
  await transaction.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`);
  let size = firstPageLines;
  let failed = false;
  try {
    for (;;) {
      const lines = await transaction.fetch<Line>(cursor, size);
      if (lines.length > 0) yield lines;
      if (lines.length < size) break;
      size = Math.max(1, Math.min(pageLines, 2 * size, Math.floor((pageBytes * size) / bytesOf(lines))));
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    // After an error the transaction takes no statement, and nothing is left of the cursor.
    if (!failed) await transaction.run(`CLOSE ${cursor}`);
  }
}

function valuesOf(line: Line, readers: readonly ReadValue[]): Row {
  return readers.map((read, index) => {
    const text = line[`c${index}`] ?? null;
    return text === null ? null : read(text);
  });
}

function sqlOf(
  staging: ChosenStaging,
  { sides, where, conflict = 'NULL', columns }: Query,
  count: number,
): string {
  const data = staging.columns.data.slice(0, count);
  const values = data.map(({ xml }, index) => `, ${exact(`r.c${index}`, xml)} AS c${index}`).join('');
  const from: Readonly<Record<StagedSide, string>> = {
    seen: `${staging.rows} r WHERE NOT r.wanted`,
    wanted: `${staging.rows} r WHERE r.wanted`,
    before: `${staging.before} r`,
    after: `${staging.after} r`,
  };
  if (columns === 'all' && sides.some((side) => side === 'seen' || side === 'wanted'))
    throw new Error('Other columns of chosen rows are not known');
  const parts = sides.map((side) => `SELECT r.place, '${side}'::text AS side${values} FROM ${from[side]}`);
  const names = data.map((_, index) => `, v.c${index}`).join('');
  return `SELECT f.place::text AS place, v.side, (${conflict})::text AS conflict, f.cause::text AS cause${names}
            FROM ${staging.found} f JOIN (${parts.join(' UNION ALL ')}) v ON v.place ${is} f.place
           WHERE ${where} ORDER BY f.place, v.side`;
}

function bytesOf(lines: readonly Line[]): number {
  return lines.reduce(
    (sum, line) => sum + Object.values(line).reduce((length, text) => length + (text?.length ?? 4), 8),
    0,
  );
}
