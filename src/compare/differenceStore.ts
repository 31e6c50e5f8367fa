import { type Cell, cellLimit, cellOf } from '../core/cells.ts';
import type { ComparedTable, DifferenceCounts, RowDifference } from '../core/differences.ts';
import { throwIfCancelled } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import type { JsonValue } from '../core/jsonValue.ts';
import { SpilledRows } from '../core/spilledRows.ts';
import { type Row, valueText } from '../core/values.ts';
import type { ComparisonPart } from './compareSides.ts';
import type { Pairing } from './pairTables.ts';
import { valueAsJson, valueFromJson } from '../core/rowLines.ts';

export type DifferenceKind = RowDifference['kind'];

/** A finished comparison without its rows. */
export interface StoredComparison {
  readonly engine: EngineId;
  readonly pairing: Pairing;
  /** One for each table, in the order of the pairing; undefined if no rows were compared. */
  readonly results: readonly (TableResult | undefined)[];
}

export interface TableResult {
  readonly counts: DifferenceCounts;
  /** Positions of the columns that differ in any row, ascending. */
  readonly changedColumns: readonly number[];
}

/** Which differences of one table are wanted. */
export interface DifferenceQuery {
  readonly table: number;
  readonly kind: DifferenceKind;
  /** Only rows with a value, on either side, whose text contains this, in upper or lower case. */
  readonly filter?: string;
  /** How many of them to skip. */
  readonly after: number;
  readonly limit: number;
  /** Positions of the columns to show; all of them if absent. */
  readonly columns?: readonly number[];
}

export interface DifferenceRows {
  /** How many there are with this filter. */
  readonly total: number;
  /** How many of these are checked. */
  readonly checked: number;
  readonly rows: readonly ShownDifference[];
}

/** Differences to check, or to take the check from. */
export interface DifferenceChoice {
  readonly table: number;
  readonly kind: DifferenceKind;
  /** Their numbers; absent for all that the filter shows. */
  readonly numbers?: readonly number[];
  readonly filter?: string;
  readonly checked: boolean;
}

/** How many rows of a table are checked, of each kind. */
export type CheckedCounts = Readonly<Record<DifferenceKind, number>>;

/** One differing row, as text for people. */
export interface ShownDifference {
  /** Its number among the differences of its table and kind, from 0. */
  readonly number: number;
  readonly first?: readonly Cell[];
  readonly second?: readonly Cell[];
  /** Positions of the columns that differ; of a changed row. */
  readonly changed?: readonly number[];
  readonly checked: boolean;
}

/** Rows are put aside in groups, so that the places of millions of rows fit in memory. */
const groupRows = 64;
const groupCharacters = 256 * 1024;
/** How many bytes of rows stay in memory; more go to the temporary file. */
const rowsInMemory = 2 * 1024 * 1024;

/** What `JSON.stringify` makes of a row: the values of each side, and the columns that differ. */
type StoredRow = readonly [
  first: readonly JsonValue[] | 0,
  second: readonly JsonValue[] | 0,
  changed?: readonly number[],
];

/** The differing rows of one table and kind. */
interface Shelf {
  count: number;
  /** The number of the first row of each group, and where the rows put it. */
  readonly firsts: number[];
  readonly places: number[];
  waiting: string[];
  waitingCharacters: number;
  /** A bit for each row, and how many of them are set. */
  bits: Uint8Array;
  checked: number;
  /** The last filter, and the numbers of the rows that it shows. */
  filtered?: { readonly filter: string; readonly numbers: Uint32Array };
}

/**
 * The differences of a comparison, to page through: any number of them in bounded memory. What does not fit goes to a
 * temporary file that only this process can read.
 */
export class DifferenceStore {
  readonly #rows = new SpilledRows(rowsInMemory);
  readonly #shelves = new Map<string, Shelf>();
  #comparison: StoredComparison | undefined;

  private constructor() {}

  /** Takes in a whole comparison. Throws what it throws, and `file`. */
  static async fill(parts: AsyncIterable<ComparisonPart>): Promise<DifferenceStore> {
    const store = new DifferenceStore();
    try {
      await store.#fill(parts);
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get comparison(): StoredComparison {
    return this.#comparison!;
  }

  /** Throws `cancelled`. */
  async read(query: DifferenceQuery, signal?: AbortSignal): Promise<DifferenceRows> {
    const { table, kind, after, limit, columns } = query;
    const shelf = this.#shelves.get(shelfKey(table, kind));
    if (!shelf) return { total: 0, checked: 0, rows: [] };
    const numbers = query.filter ? await this.#filter(shelf, query.filter, signal) : undefined;
    const total = numbers?.length ?? shelf.count;
    const wanted = Array.from(
      { length: Math.max(0, Math.min(limit, total - after)) },
      (_, index) => numbers?.[after + index] ?? after + index,
    );
    const stored: StoredRow[] = [];
    let group: { readonly index: number; readonly rows: readonly StoredRow[] } | undefined;
    for (const number of wanted) {
      throwIfCancelled(signal);
      const index = groupOf(shelf, number);
      if (group?.index !== index) group = { index, rows: await this.#group(shelf, index) };
      stored.push(group.rows[number - shelf.firsts[index]!]!);
    }
    const width = columns?.length ?? this.comparison.pairing.tables[table]?.compared?.columns.length ?? 0;
    const cut = cellLimit(stored.length * (kind === 'changed' ? 2 : 1), width);
    const checked = numbers ? countChecked(shelf, numbers) : shelf.checked;
    const rows = stored.map((row, index) => {
      const number = wanted[index]!;
      return { ...shownRow(row, number, columns, cut), checked: isChecked(shelf, number) };
    });
    return { total, checked, rows };
  }

  /** Throws `cancelled`. */
  async check(choice: DifferenceChoice, signal?: AbortSignal): Promise<readonly CheckedCounts[]> {
    const { table, kind, filter, checked } = choice;
    const shelf = this.#shelves.get(shelfKey(table, kind));
    if (shelf) {
      const numbers = choice.numbers ?? (filter ? await this.#filter(shelf, filter, signal) : undefined);
      if (numbers) for (const number of numbers) setChecked(shelf, number, checked);
      else {
        shelf.bits = new Uint8Array(Math.ceil(shelf.count / 8)).fill(checked ? 0xff : 0);
        shelf.checked = checked ? shelf.count : 0;
      }
    }
    return this.checkedCounts();
  }

  /** Of each table. */
  checkedCounts(): readonly CheckedCounts[] {
    return this.comparison.pairing.tables.map((_, table) => {
      const of = (kind: DifferenceKind): number => this.#shelves.get(shelfKey(table, kind))?.checked ?? 0;
      return { changed: of('changed'), onlyInFirst: of('onlyInFirst'), onlyInSecond: of('onlyInSecond') };
    });
  }

  /** The checked rows, as lines of `compare --rows all --json`. */
  async *checkedLines(): AsyncGenerator<Uint8Array> {
    for (const [table, paired] of this.comparison.pairing.tables.entries()) {
      for (const kind of kinds) {
        const shelf = this.#shelves.get(shelfKey(table, kind));
        if (!shelf || !paired.compared || shelf.checked === 0) continue;
        for (const [index, first] of shelf.firsts.entries()) {
          const rows = await this.#group(shelf, index);
          const wanted = rows.filter((_, place) => isChecked(shelf, first + place));
          const lines = wanted.map((row) => JSON.stringify(lineOf(paired.compared!, kind, row)));
          if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
        }
      }
    }
  }

  /** One whole value, up to `longest` characters; undefined if there is none. */
  async value(
    { table, kind }: Pick<DifferenceQuery, 'table' | 'kind'>,
    { number, side, column }: { number: number; side: 'first' | 'second'; column: number },
    longest: number,
  ): Promise<Cell | undefined> {
    const shelf = this.#shelves.get(shelfKey(table, kind));
    if (!shelf || number >= shelf.count) return undefined;
    const index = groupOf(shelf, number);
    const row = (await this.#group(shelf, index))[number - shelf.firsts[index]!]!;
    const value = (row[side === 'first' ? 0 : 1] || [])[column];
    return value === undefined ? undefined : cellOf(valueFromJson(value), longest);
  }

  /** Forgets all rows. Never throws. */
  async close(): Promise<void> {
    this.#shelves.clear();
    await this.#rows.close();
  }

  async #fill(parts: AsyncIterable<ComparisonPart>): Promise<void> {
    let overview: { engine: EngineId; pairing: Pairing } | undefined;
    const counts = new Map<number, DifferenceCounts>();
    const changed = new Map<number, Set<number>>();
    for await (const part of parts) {
      if (part.part === 'overview') {
        const { part: _, engine, ...pairing } = part;
        overview = { engine, pairing };
      } else if (part.part === 'counts') counts.set(part.table, part.counts);
      else {
        const columns = changed.get(part.table) ?? new Set();
        changed.set(part.table, columns);
        for (const row of part.rows) {
          if (row.kind === 'changed') for (const column of row.columns) columns.add(column);
          await this.#add(part.table, row);
        }
      }
    }
    for (const shelf of this.#shelves.values()) {
      await this.#flush(shelf);
      shelf.bits = new Uint8Array(Math.ceil(shelf.count / 8));
    }
    const results = overview!.pairing.tables.map((_, table) => {
      const ofTable = counts.get(table);
      const changedColumns = [...(changed.get(table) ?? [])].sort((a, b) => a - b);
      return ofTable && { counts: ofTable, changedColumns };
    });
    this.#comparison = { ...overview!, results };
  }

  async #add(table: number, difference: RowDifference): Promise<void> {
    const key = shelfKey(table, difference.kind);
    const shelf = this.#shelves.get(key) ?? {
      ...{ count: 0, firsts: [], places: [], waiting: [], waitingCharacters: 0 },
      ...{ bits: new Uint8Array(), checked: 0 },
    };
    this.#shelves.set(key, shelf);
    const text = JSON.stringify(storedRow(difference));
    shelf.waiting.push(text);
    shelf.waitingCharacters += text.length;
    shelf.count += 1;
    if (shelf.waiting.length >= groupRows || shelf.waitingCharacters >= groupCharacters)
      await this.#flush(shelf);
  }

  async #flush(shelf: Shelf): Promise<void> {
    if (shelf.waiting.length === 0) return;
    shelf.firsts.push(shelf.count - shelf.waiting.length);
    shelf.places.push(this.#rows.add(Buffer.from(`[${shelf.waiting.join(',')}]`)));
    shelf.waiting = [];
    shelf.waitingCharacters = 0;
    await this.#rows.settled();
  }

  async #group(shelf: Shelf, index: number): Promise<readonly StoredRow[]> {
    return JSON.parse((await this.#rows.read(shelf.places[index]!)).toString()) as StoredRow[];
  }

  async #filter(shelf: Shelf, filter: string, signal?: AbortSignal): Promise<Uint32Array> {
    if (shelf.filtered?.filter === filter) return shelf.filtered.numbers;
    const wanted = filter.toLowerCase();
    // Two filters of a million rows need no more memory than one.
    shelf.filtered = undefined;
    const shown = new Uint32Array(shelf.count);
    let count = 0;
    for (const [index, first] of shelf.firsts.entries()) {
      throwIfCancelled(signal);
      for (const [place, row] of (await this.#group(shelf, index)).entries()) {
        if (contains(row, wanted)) shown[count++] = first + place;
      }
      // Other questions have their turn.
      if (index % 100 === 99) await new Promise(setImmediate);
    }
    const numbers = shown.slice(0, count);
    shelf.filtered = { filter, numbers };
    return numbers;
  }
}

const kinds: readonly DifferenceKind[] = ['onlyInFirst', 'changed', 'onlyInSecond'];

function isChecked({ bits }: Shelf, number: number): boolean {
  return ((bits[number >> 3]! >> (number & 7)) & 1) === 1;
}

function countChecked(shelf: Shelf, numbers: Uint32Array): number {
  return numbers.reduce((count, number) => count + (isChecked(shelf, number) ? 1 : 0), 0);
}

function setChecked(shelf: Shelf, number: number, checked: boolean): void {
  if (number >= shelf.count || isChecked(shelf, number) === checked) return;
  shelf.bits[number >> 3]! ^= 1 << (number & 7);
  shelf.checked += checked ? 1 : -1;
}

/** See `rowLineAsJson`. */
function lineOf(
  { first: { name }, columns, key }: ComparedTable,
  kind: DifferenceKind,
  [first, second]: StoredRow,
): object {
  const named = (values: readonly JsonValue[], places: Iterable<number>): object => {
    const object = Object.create(null) as Record<string, JsonValue>;
    for (const place of places) object[columns[place]!.first] = values[place]!;
    return object;
  };
  const one = first === 0 ? second : first;
  return {
    ...(name.schema === undefined ? {} : { schema: name.schema }),
    table: name.name,
    kind,
    ...(key && one !== 0 ? { key: named(one, key) } : {}),
    ...(first === 0 ? {} : { first: named(first, columns.keys()) }),
    ...(second === 0 ? {} : { second: named(second, columns.keys()) }),
  };
}

function shelfKey(table: number, kind: DifferenceKind): string {
  return `${table} ${kind}`;
}

/** The last group that begins at or before a row. */
function groupOf({ firsts }: Shelf, number: number): number {
  let [low, high] = [0, firsts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (firsts[middle]! <= number) low = middle;
    else high = middle - 1;
  }
  return low;
}

function storedRow(difference: RowDifference): StoredRow {
  const values = (row: Row): JsonValue[] => row.map(valueAsJson);
  switch (difference.kind) {
    case 'onlyInFirst':
      return [values(difference.first), 0];
    case 'onlyInSecond':
      return [0, values(difference.second)];
    case 'changed':
      return [values(difference.first), values(difference.second), difference.columns];
  }
}

function shownRow(
  [first, second, changed]: StoredRow,
  number: number,
  columns: readonly number[] | undefined,
  limit: number,
): Omit<ShownDifference, 'checked'> {
  const cells = (values: readonly JsonValue[], others: readonly JsonValue[] | 0): Cell[] =>
    (columns ?? [...values.keys()]).map((column) => {
      const cell = cellOf(valueFromJson(values[column]!), limit);
      if (others === 0 || !changed?.includes(column)) return cell;
      const other = cellOf(valueFromJson(others[column]!), limit);
      // Values of two kinds can have one text: the number 1 and the text 1.
      return typeof cell === 'string' && cell === other ? JSON.stringify(values[column]) : cell;
    });
  return {
    number,
    ...(first === 0 ? {} : { first: cells(first, second) }),
    ...(second === 0 ? {} : { second: cells(second, first) }),
    ...(changed ? { changed } : {}),
  };
}

function contains([first, second, changed]: StoredRow, wanted: string): boolean {
  const matches = (json: JsonValue): boolean =>
    (valueText(valueFromJson(json)) ?? 'NULL').toLowerCase().includes(wanted);
  if (first !== 0 && first.some(matches)) return true;
  if (second === 0) return false;
  return changed && first !== 0 ? changed.some((column) => matches(second[column]!)) : second.some(matches);
}
