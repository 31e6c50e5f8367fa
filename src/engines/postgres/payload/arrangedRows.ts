import {
  type ArrangedPage,
  type ArrangedQuery,
  type ArrangedRows,
  type Arrangement,
  containing,
  type FoundRows,
  type ArrangeOptions,
  type TextSearch,
} from '../../../core/arrangement.ts';
import { throwIfCancelled } from '../../../core/errors.ts';
import { NumberList } from '../../../core/numberList.ts';
import { NumberSorter } from '../../../core/numberSorter.ts';
import { sortKey } from '../../../core/sortKey.ts';
import type { Row } from '../../../core/values.ts';
import type { RowsOfChunks } from './rowsOfChunks.ts';

/** How many rows are read without a pause in which a cancel is noticed. */
const rowsAtOnce = 1_000;

/** The rows are read once, in the order of the backup; the numbers of those that are wanted are kept, in their order. */
export class PostgresArrangedRows implements ArrangedRows {
  readonly #rows: RowsOfChunks;
  /** Absent where all rows are in the order of the backup. */
  readonly #numbers: NumberList | undefined;
  #found: NumberList | undefined;

  private constructor(rows: RowsOfChunks, numbers: NumberList | undefined) {
    this.#rows = rows;
    this.#numbers = numbers;
  }

  /** Throws `usage`, `damaged-backup`, `file` and `cancelled`. */
  static async arrange(
    rows: RowsOfChunks,
    arrangement: Arrangement,
    options: ArrangeOptions,
  ): Promise<PostgresArrangedRows> {
    const { filter, sort } = arrangement;
    if (!sort) {
      const numbers = filter && (await matching(rows, filter, options));
      return new PostgresArrangedRows(rows, numbers);
    }
    const sorter = new NumberSorter(sort);
    try {
      const matches = filter && matcher(rows, filter);
      const [value] = rows.values([sort.column]);
      await readAll(rows, options, async (row, number) => {
        if (!matches || matches(row)) await sorter.add(sortKey(value!(row)), number);
      });
      return new PostgresArrangedRows(rows, await sorter.sorted(options.signal));
    } finally {
      await sorter.close();
    }
  }

  get count(): number {
    return this.#numbers?.length ?? this.#rows.count;
  }

  async page({ after, limit, longest }: ArrangedQuery, { signal }: ArrangeOptions): Promise<ArrangedPage> {
    const end = Math.min(this.count, after + limit);
    const numbers =
      (await this.#numbers?.slice(after, end)) ??
      Array.from({ length: Math.max(0, end - after) }, (_, index) => after + index);
    const rows = new Map<number, Row>();
    for (const number of [...numbers].sort((one, other) => one - other)) {
      throwIfCancelled(signal);
      rows.set(number, await this.#rows.row(number, longest));
    }
    return { numbers, rows: numbers.map((number) => rows.get(number)!) };
  }

  async find(search: TextSearch, options: ArrangeOptions): Promise<FoundRows> {
    await this.#found?.close();
    const hits = await matching(this.#rows, search, options);
    const places = this.#numbers ? await placesOf(hits, this.#numbers, this.#rows.count, options) : hits;
    if (places !== hits) await hits.close();
    this.#found = places;
    return {
      count: places.length,
      async near(place, backwards) {
        const after = await places.placeOf(backwards ? place + 1 : place);
        const index = backwards ? after - 1 : after;
        const [found] = index < 0 ? [] : await places.slice(index, index + 1);
        return found === undefined ? undefined : { index, place: found };
      },
    };
  }

  async close(): Promise<void> {
    await this.#numbers?.close();
    await this.#found?.close();
  }
}

/** The numbers of the rows that contain a text. */
async function matching(
  rows: RowsOfChunks,
  search: TextSearch,
  options: ArrangeOptions,
): Promise<NumberList> {
  const matches = matcher(rows, search);
  const numbers = new NumberList();
  try {
    await readAll(rows, options, (row, number) => (matches(row) ? numbers.add(number) : undefined));
    return numbers;
  } catch (error) {
    await numbers.close();
    throw error;
  }
}

/** Where these rows, of a bit each, are in an arrangement. */
async function placesOf(
  hits: NumberList,
  arranged: NumberList,
  count: number,
  { signal }: ArrangeOptions,
): Promise<NumberList> {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for await (const numbers of hits.all())
    for (const number of numbers) bits[number >> 3]! |= 1 << (number & 7);
  const places = new NumberList();
  let place = 0;
  for await (const numbers of arranged.all()) {
    throwIfCancelled(signal);
    for (const number of numbers) {
      if (((bits[number >> 3]! >> (number & 7)) & 1) === 1) await places.add(place);
      place += 1;
    }
  }
  return places;
}

function matcher(rows: RowsOfChunks, { text, column }: TextSearch): (row: Uint8Array) => boolean {
  const values = rows.values(column === undefined ? undefined : [column]);
  const matches = containing(text);
  return (row) => values.some((value) => matches(value(row)));
}

/** Calls `use` for every row, with its number. */
async function readAll(
  rows: RowsOfChunks,
  { signal, report }: ArrangeOptions,
  use: (row: Uint8Array, number: number) => Promise<void> | undefined,
): Promise<void> {
  let number = 0;
  for await (const row of rows.all()) {
    await use(row, number);
    number += 1;
    if (number % rowsAtOnce > 0) continue;
    report?.({ phase: 'read', rows: number, totalRows: rows.count });
    await new Promise(setImmediate);
    throwIfCancelled(signal);
  }
}
