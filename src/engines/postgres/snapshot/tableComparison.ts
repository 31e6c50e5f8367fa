import type { DifferenceCounts, RowDifference } from '../../../core/differences.ts';
import { RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import { SpilledRows } from '../../../core/spilledRows.ts';
import type { TableProgress } from '../rows/progress.ts';
import type { RowHashes } from '../rows/rowHashes.ts';
import { fieldsOf, type HashedRow, type RowLayout, type RowTaker } from '../rows/rowHashes.ts';
import { RowTable, slotState } from '../rows/rowTable.ts';
import { readRow } from '../rows/typedValues.ts';
import type { ComparedRows, KeyPlan } from './comparedRows.ts';

/** How many rows a page has at most, and of how many bytes. */
const pageRows = 1_000;
const pageBytes = 4 << 20;

export interface ComparisonWork {
  readonly hashes: RowHashes;
  readonly progress: TableProgress;
  readonly signal: AbortSignal | undefined;
  /** Bytes for the hashes of rows, and for rows that wait for those of the other side. */
  readonly memory: { readonly hashes: number; readonly rows: number };
  /** How many rows are wanted, and how long a value may be. */
  readonly rows: number;
  readonly longest: number | undefined;
  give(rows: readonly RowDifference[]): Promise<void>;
}

/** Two sides of a table. Rows of `held` are looked up, and so are read first: they are those of a backup, where there is one. */
export interface TableSides {
  readonly held: ComparedRows;
  readonly other: ComparedRows;
  /** The rows that are held are those of the first side. */
  readonly heldIsFirst: boolean;
  /** Absent where whole rows are compared. */
  readonly key?: readonly number[] | undefined;
  readonly plan: KeyPlan;
  /** See `ComparedTable`. */
  readonly partial: { readonly held: boolean; readonly other: boolean };
}

/** Rows that are compared at once: those of whose key's hash these bits have this value. */
interface Part {
  readonly count: number;
  readonly number: number;
}

/** A row that differs, as texts. */
interface Pair {
  readonly held?: Uint8Array;
  readonly other?: Uint8Array;
}

/**
 * Compares the rows of a table by hashes: reads one side into a table of them, and looks those of the other side up.
 * Values are taken from a second reading. Where the memory does not hold all hashes, it does so for a part of the keys at a
 * time.
 */
export class TableComparison {
  readonly #work: ComparisonWork;
  readonly #sides: TableSides;
  readonly #layout: RowLayout;
  readonly #keyed: boolean;
  readonly #parts: Part[];
  #table: RowTable;
  #part: Part;
  #counts = { onlyHeld: 0, onlyOther: 0, changed: 0, same: 0 };
  /** How many rows are still wanted. */
  #wanted: number;
  #page: RowDifference[] = [];
  #pageBytes = 0;
  /** Rows of the other side that have been read before they can be given. */
  #kept: SpilledRows;
  #keptChanged = 0;

  constructor(sides: TableSides, work: ComparisonWork) {
    this.#work = work;
    this.#sides = sides;
    this.#wanted = work.rows;
    this.#layout = layoutOf(sides);
    this.#keyed = this.#layout.key.length > 0;
    const capacity = RowTable.capacity(work.memory.hashes, this.#wantsRows);
    const least = sides.held.rows / capacity;
    const count = least <= 1 ? 1 : 2 ** Math.ceil(Math.log2(least * 1.05));
    this.#parts = Array.from({ length: count }, (_, number) => ({ count, number }));
    this.#part = this.#parts[0]!;
    this.#table = this.#newTable();
    this.#kept = new SpilledRows(work.memory.rows);
  }

  async run(): Promise<DifferenceCounts> {
    for (let part = this.#parts.shift(); part; part = this.#parts.shift()) {
      this.#part = part;
      this.#table = this.#newTable();
      this.#kept = new SpilledRows(this.#work.memory.rows);
      try {
        await this.#comparePart();
      } finally {
        await this.#kept.close();
      }
    }
    await this.#turnPage(0);
    const { onlyHeld, onlyOther, changed, same } = this.#counts;
    return this.#sides.heldIsFirst
      ? { onlyInFirst: onlyHeld, onlyInSecond: onlyOther, changed, same }
      : { onlyInFirst: onlyOther, onlyInSecond: onlyHeld, changed, same };
  }

  get #wantsRows(): boolean {
    return this.#wanted > 0;
  }

  #newTable(): RowTable {
    const { held } = this.#sides;
    return new RowTable(this.#work.memory.hashes, held.rows / this.#part.count, this.#wantsRows);
  }

  async #comparePart(): Promise<void> {
    const { held, other } = this.#sides;
    this.#keptChanged = 0;
    await this.#read(
      held,
      this.#rowTaker((row) => this.#hold(row)),
    );
    const added: number[] = [];
    await this.#read(
      other,
      this.#rowTaker((row) => this.#lookUp(row, added)),
    );
    // A row that is not in a part of the rows may have been there or not.
    const alone = this.#sides.partial.other ? 0 : this.#table.rowsAlone(!this.#keyed);
    this.#counts.onlyHeld += alone;
    const differing = alone + this.#keptChanged;
    if (this.#wantsRows && differing > 0) await this.#readDiffering(differing);
    // Those that only the other side has, where not all of them were wanted.
    for (const position of added.slice(0, this.#wanted)) {
      this.#add({ other: await this.#kept.read(position) });
      await this.#turnPage(pageRows);
    }
  }

  #hold(row: HashedRow): void {
    if (!this.#isOfPart(row)) return;
    if (!this.#keyed) return this.#holdCounted(row);
    for (;;) {
      const done = this.#table.add(row);
      if (done === 'known') throw this.#twice(this.#sides.held);
      if (done === 'added') return;
      this.#halve();
      if (!this.#isOfPart(row)) return;
    }
  }

  #holdCounted(row: HashedRow): void {
    for (;;) {
      const slot = this.#table.find(row);
      if (slot >= 0) return this.#table.setCount(slot, this.#table.count(slot) + 1);
      if (this.#table.add(row) === 'added') return this.#table.setCount(this.#table.find(row), 1);
      this.#halve();
      if (!this.#isOfPart(row)) return;
    }
  }

  /** The other half of the keys comes later. */
  #halve(): void {
    const { count, number } = this.#part;
    this.#part = { count: 2 * count, number };
    this.#parts.push({ count: 2 * count, number: number + count });
    this.#table.keep((word) => isIn(word, this.#part));
  }

  #lookUp(row: HashedRow, added: number[]): void {
    if (!this.#isOfPart(row)) return;
    const table = this.#table;
    const slot = table.find(row);
    const isThere = slot >= 0 && (this.#keyed || table.count(slot) > 0);
    if (!isThere) {
      if (this.#sides.partial.held) return;
      this.#counts.onlyOther += 1;
      if (this.#wanted === Infinity) this.#add({ other: row.text() });
      else if (added.length < this.#wanted) added.push(this.#kept.add(row.text()));
    } else if (!this.#keyed) {
      table.setCount(slot, table.count(slot) - 1);
      this.#counts.same += 1;
    } else if (table.state(slot) !== slotState.alone) throw this.#twice(this.#sides.other);
    else if (table.isSameRow(slot, row)) {
      table.setState(slot, slotState.same);
      this.#counts.same += 1;
    } else {
      table.setState(slot, slotState.changed);
      this.#counts.changed += 1;
      if (this.#keptChanged === this.#wanted) return;
      this.#keptChanged += 1;
      table.setPosition(slot, this.#kept.add(row.text()));
    }
  }

  /** Reads the side again whose rows were held: those that differ, until there are enough. */
  async #readDiffering(count: number): Promise<void> {
    let left = Math.min(count, this.#wanted);
    let pairs: { readonly held: Uint8Array; readonly position: number }[] = [];
    const enough = new Error('Enough rows were found');
    let ended = false;
    const take = (row: HashedRow): void => {
      if (left === 0 || !this.#isOfPart(row)) return;
      const slot = this.#table.find(row);
      const isMeant = this.#keyed ? this.#differs(slot) : this.#table.count(slot) > 0;
      if (!isMeant) return;
      if (!this.#keyed) this.#table.setCount(slot, this.#table.count(slot) - 1);
      pairs.push({ held: Buffer.from(row.text()), position: this.#table.position(slot) });
      left -= 1;
    };
    const settle = async (): Promise<void> => {
      const found = pairs;
      pairs = [];
      for (const { held, position } of found) {
        this.#add(position < 0 ? { held } : { held, other: await this.#kept.read(position) });
        await this.#turnPage(pageRows);
      }
      if (left > 0) return;
      ended = true;
      throw enough;
    };
    try {
      await this.#read(this.#sides.held, {
        take,
        settled: () => (pairs.length > 0 || left === 0 ? settle() : undefined),
      });
    } catch (error) {
      if (!ended) throw error;
    }
  }

  /** A changed row whose counterpart was not kept is one too many. */
  #differs(slot: number): boolean {
    const state = this.#table.state(slot);
    if (state === slotState.alone) return !this.#sides.partial.other;
    return state === slotState.changed && this.#table.position(slot) >= 0;
  }

  #rowTaker(take: (row: HashedRow) => void): RowTaker {
    return {
      take,
      settled: () => {
        const waiting = this.#kept.settled();
        if (!this.#isPageFull(pageRows)) return waiting;
        return Promise.resolve(waiting).then(() => this.#turnPage(pageRows));
      },
    };
  }

  async #read(side: ComparedRows, taker: RowTaker): Promise<void> {
    const { hashes, progress, signal } = this.#work;
    let [rows, reported] = [0, 0];
    const counting: RowTaker = {
      take(row) {
        rows += 1;
        taker.take(row);
      },
      settled: () => taker.settled(),
    };
    hashes.begin(this.#layout);
    await side.read(
      this.#sides.plan,
      (piece) => {
        throwIfCancelled(signal);
        const waiting = hashes.push(piece, counting);
        progress.add(rows - reported, piece.length);
        reported = rows;
        return waiting;
      },
      signal,
    );
    throwIfCancelled(signal);
    side.check(rows, hashes.whole);
  }

  #isOfPart({ words, at }: HashedRow): boolean {
    return this.#part.count === 1 || isIn(words[at + 1]!, this.#part);
  }

  #add({ held, other }: Pair): void {
    const { heldIsFirst } = this.#sides;
    const [heldRow, otherRow] = [
      held && this.#row(this.#sides.held, held),
      other && this.#row(this.#sides.other, other),
    ];
    const [first, second] = heldIsFirst ? [heldRow, otherRow] : [otherRow, heldRow];
    if (first && second) {
      this.#page.push({ kind: 'changed', first, second, columns: differingFields(held!, other!) });
    } else if (first) this.#page.push({ kind: 'onlyInFirst', first });
    else this.#page.push({ kind: 'onlyInSecond', second: second! });
    this.#pageBytes += (held?.length ?? 0) + (other?.length ?? 0);
    this.#wanted -= 1;
  }

  #row({ readers }: ComparedRows, text: Uint8Array): ReturnType<typeof readRow> {
    return readRow(text, readers, this.#work.longest);
  }

  #isPageFull(rows: number): boolean {
    return this.#page.length > 0 && (this.#page.length >= rows || this.#pageBytes >= pageBytes);
  }

  /** Passes the page on when it is full. */
  async #turnPage(rows: number): Promise<void> {
    if (!this.#isPageFull(rows)) return;
    const page = this.#page;
    this.#page = [];
    this.#pageBytes = 0;
    for (let start = 0; start < page.length; start += pageRows) {
      await this.#work.give(page.slice(start, start + pageRows));
    }
  }

  #twice({ table }: ComparedRows): RestorePointError {
    return new RestorePointError(
      'database',
      'Two of its rows have the same key, which should be impossible',
      {
        place: { table: formatTableName(table.name) },
        next: 'The index of the key is damaged: find the duplicate rows in the database, then run REINDEX TABLE.',
      },
    );
  }
}

function layoutOf({ held, key = [], plan: { forms, judge } }: TableSides): RowLayout {
  const columns = held.columns.length;
  const formed = new Set([...forms.map(({ place }) => place), ...(judge?.places ?? [])]);
  const added = forms.length + (judge ? 1 : 0);
  return {
    columns,
    values: Math.max(1, columns) + added,
    key: [
      ...[...key].sort((a, b) => a - b).filter((place) => !formed.has(place)),
      ...Array.from({ length: added }, (_, index) => columns + index),
    ],
  };
}

function isIn(word: number, { count, number }: Part): boolean {
  return (word & (count - 1)) === number;
}

/** The positions of the values in which two lines differ. */
function differingFields(first: Uint8Array, second: Uint8Array): number[] {
  const others = fieldsOf(second);
  return fieldsOf(first).flatMap((value, index) =>
    Buffer.compare(value, others[index]!) === 0 ? [] : [index],
  );
}
