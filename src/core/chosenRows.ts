import type { ConflictKind } from './rowConflicts.ts';
import type { TableName } from './names.ts';
import type { Table } from './schema.ts';
import type { Row } from './values.ts';

/**
 * A row that a restore brings to a state: deleted rows come back (only `wanted`), changed ones return (both), added ones are
 * deleted (only `seen`). Values are in the order of `ChosenTable.columns`.
 */
export interface ChosenRow {
  /** What the database held when the row was chosen; absent where it held none. */
  readonly seen?: Row;
  /** What it shall hold; absent where it shall hold none. */
  readonly wanted?: Row;
}

/** The chosen rows of one table. */
export interface ChosenTable {
  /** As the database has it now. */
  readonly table: Table;
  /** By their names in the database. None of them is generated. */
  readonly columns: readonly string[];
  /**
   * All others that are not generated: nothing is chosen for them. Rows that come back get their defaults there, and changed
   * ones keep what they have.
   */
  readonly otherColumns: readonly string[];
  /**
   * Positions in `columns` of a key that identifies a row: those of `seen` and `wanted` match. Without a key a row is
   * identified by all of its values, and only comes or goes.
   */
  readonly key?: readonly number[];
  /** A condition in the database's SQL: of these rows, only those for which it holds of `wanted` (else of `seen`). */
  readonly where?: string;
  readonly rows: AsyncIterable<readonly ChosenRow[]>;
}

export type { ConflictKind } from './rowConflicts.ts';

export interface RowConflict {
  readonly kind: ConflictKind;
  /** The place of the table in the list. */
  readonly table: number;
  readonly row: ChosenRow;
  /** What the database holds in its place now. */
  readonly now?: Row;
  /** The database's message about a constraint or foreign key, without its final period and without values of other rows. */
  readonly reason?: string;
  /** The missing row that a foreign key references. */
  readonly needs?: NeededRow;
}

export interface NeededRow {
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly values: Row;
}

/**
 * What a database does with rows with conflicts. `overwrite` writes rows that were changed, are gone or are there again; those
 * that a constraint or foreign key refuses are skipped and listed, as with `skip`, because no row but the chosen ones may
 * change.
 */
export type WriteAnswer = 'skip' | 'overwrite';

/** As a person answers: with `stop`, any conflict ends the restore, and nothing is changed. */
export type ConflictAnswer = WriteAnswer | 'stop';

/**
 * A row that was written, with its values before and after in the order of `columns` and then `otherColumns`, so that it can
 * be taken back exactly; one is absent where the row was not there.
 */
export interface WrittenRow {
  readonly before?: Row;
  readonly after?: Row;
}
