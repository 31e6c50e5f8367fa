import type { ChosenRow, ConflictKind, RowConflict, WriteAnswer, WrittenRow } from '../core/chosenRows.ts';
import type { RestoreOutcome } from '../core/outcome.ts';

/**
 * A restore of chosen rows, in one transaction: nothing is changed yet. Errors of its steps are `usage` (a condition, a
 * column), `database`, `verification` or `cancelled`; then only `rollback` is left.
 */
export interface OpenedRows {
  /**
   * Reads the chosen rows, locks the tables and compares each row with what is there now. Rows that are as wanted already
   * are neither conflicts nor written.
   */
  check(): Promise<CheckedRows>;
  /** See `OpenedRestore`. */
  rollback(): Promise<RestoreOutcome>;
}

/** It is known which rows are still as they were seen. */
export interface CheckedRows {
  readonly conflicts: FoundConflicts;
  /** How many chosen rows of each table are as wanted already. */
  readonly unchanged: readonly number[];
  /** The chosen rows of tables with a condition for which it holds, as they were given, as pages of bounded size. */
  matching(): AsyncIterable<{ readonly table: number; readonly rows: readonly ChosenRow[] }>;
  /** Writes deletes first and then parents before children; no trigger of the user runs, and no other row changes. */
  write(answer: WriteAnswer): Promise<WrittenRows>;
}

/** All rows are written, and counters are past their values. */
export interface WrittenRows {
  /** Those that were found while writing; their rows were skipped. */
  readonly conflicts: FoundConflicts;
  /** What could not be done and the rows do not need, as sentences. */
  readonly warnings: readonly string[];
  /** Every row that was written, in the order of the tables, as pages of bounded size. */
  rows(): AsyncIterable<{ readonly table: number; readonly rows: readonly WrittenRow[] }>;
  /** Reads every written row back and compares its values byte by byte. Throws `verification`. */
  verify(): Promise<void>;
  /** See `FinishedRestore`. */
  commit(): Promise<void>;
}

/** Conflicts by row: all are counted, and as many listed as a person reads. */
export interface FoundConflicts {
  readonly counts: Readonly<Partial<Record<ConflictKind, number>>>;
  readonly listed: readonly RowConflict[];
}

/** How many conflicts are listed. */
export const listedConflicts = 1000;
