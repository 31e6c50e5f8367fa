import type { ChosenRow, ChosenTable } from '../../../core/chosenRows.ts';
import type { Row, Value } from '../../../core/values.ts';
import type { Connection } from '../connect/connection.ts';
import { freeRowidName, quote } from '../connect/identifiers.ts';
import { quoteList } from '../rows/copyRows.ts';
import { RowBatch } from '../rows/rowBatch.ts';

/** Rows in a temporary table, whose columns have the names of the user's table and no types: values stay what they are. */
export interface StagedTable {
  /** Quoted, with its schema. */
  readonly name: string;
  /** The quoted name of the column that numbers the rows from 1. */
  readonly place: string;
}

/** The chosen rows of one table, by their places. */
export interface StagedRows {
  readonly number: number;
  readonly count: number;
  /** Which sides of a row are there, and about how many bytes they have: `has_seen`, `has_wanted`, `bytes`. */
  readonly sides: StagedTable;
  /** What was seen, else what is wanted: it has the key. */
  readonly seen: StagedTable;
  /** What is wanted, else what was seen. */
  readonly wanted: StagedTable;
}

/** Brings rows over as pages come, each into its place. `encoding`: how the database stores text. */
export async function stageRows(
  connection: Connection,
  chosen: ChosenTable,
  { number, encoding }: Pick<StagedRows, 'number'> & { readonly encoding: string },
  signal?: AbortSignal,
): Promise<StagedRows> {
  const { columns } = chosen;
  const sides = await createStaged(connection, `sides_${number}`, ['has_seen', 'has_wanted', 'bytes']);
  const seen = await createStaged(connection, `seen_${number}`, columns);
  const wanted = await createStaged(connection, `wanted_${number}`, columns);
  const batches = [
    new RowBatch(seen.name, columns, encoding),
    new RowBatch(wanted.name, columns, encoding),
    new RowBatch(sides.name, ['has_seen', 'has_wanted', 'bytes'], encoding),
  ] as const;
  const flush = async (): Promise<void> => {
    for (const batch of batches) await batch.flush(connection, signal);
  };
  let count = 0;
  for await (const page of chosen.rows) {
    for (const row of page) {
      if (batches.some((batch) => batch.isFull)) await flush();
      const bytes = batches[0].add(given(row, 'seen')) + batches[1].add(given(row, 'wanted'));
      batches[2].add([flag(row.seen), flag(row.wanted), integer(bytes)]);
      count += 1;
    }
  }
  await flush();
  return { number, count, sides, seen, wanted };
}

/** A row with only one side is staged as both. */
function given({ seen, wanted }: ChosenRow, side: 'seen' | 'wanted'): Row {
  return (side === 'seen' ? (seen ?? wanted) : (wanted ?? seen)) ?? [];
}

function flag(row: Row | undefined): Value {
  return integer(row ? 1 : 0);
}

function integer(number: number): Value {
  return { kind: 'integer', text: String(number) };
}

export async function createStaged(
  connection: Connection,
  name: string,
  columns: readonly string[],
): Promise<StagedTable> {
  const table = { name: `temp.${quote(`restore_point_${name}`)}`, place: quote('restore_point_place') };
  const free = freeRowidName(columns);
  const place = free === undefined ? `${table.place} INTEGER PRIMARY KEY, ` : '';
  await connection.run(`CREATE TABLE ${table.name} (${place}${quoteList(columns)})`);
  return free === undefined ? table : { ...table, place: free };
}
