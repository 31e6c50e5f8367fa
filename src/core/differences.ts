import type { Table } from './schema.ts';
import type { Row } from './values.ts';

/** A table that both sides of a comparison have. */
export interface ComparedTable {
  readonly first: Table;
  readonly second: Table;
  /** The columns whose values are compared, as the first side names them: both sides have them, and neither generates them. */
  readonly columns: readonly ComparedColumn[];
  /**
   * Positions in `columns` of a key that identifies every row on both sides. Without one, whole rows are
   * compared and counted: none is `changed`.
   */
  readonly key?: readonly number[];
  /**
   * Sides that hold only some of the rows which the table had: whether they had a row that only the other side has, nobody
   * knows. Such rows are neither given nor counted.
   */
  readonly partial?: readonly ('first' | 'second')[];
}

/** One column, as each side writes its name: a database may not tell `Id` from `id`. */
export interface ComparedColumn {
  readonly first: string;
  readonly second: string;
}

/**
 * How many rows of a table differ. `onlyInFirst + changed + same` is all rows of the first side, unless the second is
 * `partial`.
 */
export interface DifferenceCounts {
  readonly onlyInFirst: number;
  readonly onlyInSecond: number;
  readonly changed: number;
  readonly same: number;
}

/** A row that is not the same on both sides; its values are in the order of `ComparedTable.columns`. */
export type RowDifference =
  | { readonly kind: 'onlyInFirst'; readonly first: Row }
  | { readonly kind: 'onlyInSecond'; readonly second: Row }
  | {
      readonly kind: 'changed';
      readonly first: Row;
      readonly second: Row;
      /** Positions of the columns whose values differ, ascending. */
      readonly columns: readonly number[];
    };

/** A piece of a comparison. Each table has one or more, in the order of the tables; its last one has the counts. */
export interface ComparisonPage {
  /** The place of the table in the list that was compared. */
  readonly table: number;
  readonly rows: readonly RowDifference[];
  readonly counts?: DifferenceCounts;
}
