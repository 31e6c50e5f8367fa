import type { ReportProgress } from './progress.ts';
import { type Row, type Value, valueText } from './values.ts';

/** How to cancel a call, and where to report its progress. */
export interface ArrangeOptions {
  readonly signal?: AbortSignal;
  readonly report?: ReportProgress;
}

/** A text to look for in rows, in upper or lower case: in the text of a value (see `valueText`; of NULL it is `NULL`). */
export interface TextSearch {
  readonly text: string;
  /** In this column only. */
  readonly column?: string;
}

/**
 * The order of rows by one column. Numbers are ordered by their value, texts by code points, bytes by their value, times
 * by the moment, arrays by their items. A value of another kind is ordered by its text. NULLs are last in both directions,
 * and rows with equal values stay in the order of the backup.
 */
export interface RowOrder {
  readonly column: string;
  readonly descending: boolean;
}

/** Which rows of a table are shown, and in which order. */
export interface Arrangement {
  readonly filter?: TextSearch;
  readonly sort?: RowOrder;
}

/** Some rows of an arrangement. */
export interface ArrangedPage {
  /** The place of each row in the backup, from 0. */
  readonly numbers: readonly number[];
  readonly rows: readonly Row[];
}

export interface ArrangedQuery {
  /** How many rows to skip. */
  readonly after: number;
  readonly limit: number;
  /** See `RowQuery`. */
  readonly longest: number;
}

/** Rows of a table in another order, or some of them. One call at a time. */
export interface ArrangedRows {
  readonly count: number;
  page(query: ArrangedQuery, options: ArrangeOptions): Promise<ArrangedPage>;
  /** Looks for rows of the arrangement. What was found before is forgotten. */
  find(search: TextSearch, options: ArrangeOptions): Promise<FoundRows>;
  /** Never throws. */
  close(): Promise<void>;
}

/** Rows of an arrangement that contain a text. */
export interface FoundRows {
  readonly count: number;
  /** The first one at a place of the arrangement or after it, or the last one at or before it. */
  near(place: number, backwards: boolean): Promise<FoundRow | undefined>;
}

export interface FoundRow {
  /** Which of the found rows it is, from 0. */
  readonly index: number;
  /** Its place in the arrangement, from 0. */
  readonly place: number;
}

/** Says whether a value contains a text. */
export function containing(text: string): (value: Value) => boolean {
  const wanted = text.toLowerCase();
  return (value) => (valueText(value) ?? 'NULL').toLowerCase().includes(wanted);
}
