import type { WrittenRow } from '../../core/chosenRows.ts';
import type { TableName } from '../../core/names.ts';
import type { RelatedReason } from '../../core/related.ts';
import type { JsonRow } from '../../core/jsonValue.ts';
import type { DescribedConflict } from '../../core/rowConflicts.ts';
import { namedRow } from '../../core/rowLines.ts';
import type { RowsOfTable } from './chosenRows.ts';
import type { WrittenRowsOfTable } from './safetyRows.ts';

/** What a restore of chosen rows did, or in a rehearsal would have done. */
export interface RowsReport {
  readonly file: string;
  /** The file holds the rows that a restore wrote, and this one took them back. */
  readonly undo: boolean;
  readonly dryRun: boolean;
  readonly tables: readonly WrittenTableReport[];
  /** Rows that came with the chosen ones. */
  readonly related: readonly RelatedRowReport[];
  /** Rows that were not as they were seen, or that the database refuses: as many as a person reads. */
  readonly conflicts: readonly DescribedConflict[];
  readonly skipped: number;
  readonly overwritten: number;
  /** Sentences. */
  readonly notes: readonly string[];
  /** See `RestorePlan`. */
  readonly otherSource?: string;
  /** The file that takes exactly these rows back; absent where nothing was written, or none was wanted. */
  readonly safetyBackup?: string;
  readonly milliseconds: number;
}

export interface WrittenTableReport {
  readonly table: TableName;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Chosen rows that were as wanted already. */
  readonly unchanged: number;
  /** Rows that only the database has, and that were not to be deleted. */
  readonly leftAlone: number;
  /** The rows that were written. */
  readonly rows: readonly WrittenKey[];
  /** How many rows more were written, of a very large number. */
  readonly notListed: number;
}

export interface WrittenKey {
  readonly done: 'inserted' | 'updated' | 'deleted';
  /** The values of the key; all values if the table has none. */
  readonly key: JsonRow;
}

export interface RelatedRowReport {
  readonly table: TableName;
  readonly key: JsonRow;
  readonly reason: RelatedReason;
}

/** How many written rows are listed, of all tables together: the safety backup has every one. */
const mostListed = 100_000;

/** Counts and lists the rows that are written. */
export class WrittenReport {
  readonly #tables: readonly RowsOfTable[];
  readonly #counts: Record<WrittenKey['done'], number>[];
  readonly #rows: WrittenKey[][];
  #listed = 0;

  constructor(tables: readonly RowsOfTable[]) {
    this.#tables = tables;
    this.#counts = tables.map(() => ({ inserted: 0, updated: 0, deleted: 0 }));
    this.#rows = tables.map(() => []);
  }

  add(place: number, { before, after }: WrittenRow): void {
    const done = !before ? 'inserted' : after ? 'updated' : 'deleted';
    this.#counts[place]![done]++;
    if (this.#listed >= mostListed) return;
    this.#listed++;
    this.#rows[place]!.push({ done, key: keyOf(this.#tables[place]!, (after ?? before)!) });
  }

  /** The tables with written rows. */
  written(): WrittenRowsOfTable[] {
    const all = this.#tables.map((table, place) => ({ ...table, ...this.#counts[place]! }));
    return all.filter(({ inserted, updated, deleted }) => inserted + updated + deleted > 0);
  }

  report(unchanged: readonly number[]): WrittenTableReport[] {
    return this.#tables.map(({ target, leftAlone }, place) => {
      const counts = this.#counts[place]!;
      const rows = this.#rows[place]!;
      const notListed = counts.inserted + counts.updated + counts.deleted - rows.length;
      return { table: target, ...counts, unchanged: unchanged[place] ?? 0, leftAlone, rows, notListed };
    });
  }
}

/** What identifies a row, by the names of its columns in the database. */
export function keyOf(
  { columns, key }: Pick<RowsOfTable, 'columns' | 'key'>,
  row: Parameters<typeof namedRow>[1],
): JsonRow {
  const places = key ?? columns.map((_, place) => place);
  return namedRow(
    places.map((place) => columns[place]!.second),
    places.map((place) => row[place]!),
  );
}
