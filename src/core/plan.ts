import type { TableName } from './names.ts';
import type { BackedUpTable } from './manifest.ts';
import type { SchemaObject, Sequence } from './schema.ts';

/**
 * What becomes of a table:
 * - `replace`: it becomes what the backup holds;
 * - `merge`: rows of the backup are inserted or updated, others stay;
 * - `insert-missing`: only rows whose key is absent are inserted.
 */
export type RestoreMode = 'replace' | 'merge' | 'insert-missing';

export const restoreModes: readonly RestoreMode[] = ['replace', 'merge', 'insert-missing'];

/** A foreign key from a table that is not restored to one that is. */
export interface InboundForeignKey {
  readonly from: TableName;
  readonly name: string;
}

export interface TablePlan {
  readonly backup: BackedUpTable;
  /** The table in the target. */
  readonly target: TableName;
  /** It is missing in the target and is created. */
  readonly create: boolean;
  /** The columns to write, in the order of the payload. */
  readonly columns: readonly string[];
  /** What tells rows apart; absent only where the mode needs none. */
  readonly key?: readonly string[];
  /** Rows in the target before; 0 when it is created. */
  readonly rowsNow: number;
  readonly inbound: readonly InboundForeignKey[];
  /** Differences between the table then and now that the restore can live with, as sentences. */
  readonly drift: readonly string[];
}

/** What a restore will do, computed before anything is written. */
export interface RestorePlan {
  readonly mode: RestoreMode;
  /** All of a complete backup, and with it what belongs to no table. */
  readonly whole: boolean;
  /** In an order in which referenced tables come first where there is one (cycles are the engine's to handle). */
  readonly tables: readonly TablePlan[];
  /** Statements for what is missing, in order. */
  readonly create: readonly SchemaObject[];
  readonly sequences: readonly Sequence[];
  /** Things the user should know that do not stop it. */
  readonly warnings: readonly string[];
}

/** What was done to one table. */
export interface TableChange {
  readonly table: TableName;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  /** Rows that were not there by their key; in mode `replace`, all that were loaded. */
  readonly inserted: number;
  /** Rows that were there and differed; always 0 in `replace` and `insert-missing`. */
  readonly updated: number;
}
