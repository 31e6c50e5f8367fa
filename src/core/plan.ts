import type { ExtrasPlan } from './extras.ts';
import type { TableName } from './names.ts';
import type { BackedUpTable, BackupPart } from './manifest.ts';
import type { RelatedReason } from './related.ts';
import type { SchemaObject, Sequence } from './schema.ts';

/**
 * What a restore does to a table:
 * - `replace`: it becomes what the backup holds;
 * - `merge`: adds and updates rows from the backup; keeps all other rows;
 * - `insert-missing`: adds back deleted rows; leaves existing rows alone.
 */
export type RestoreMode = 'replace' | 'merge' | 'insert-missing';

export const restoreModes: readonly RestoreMode[] = ['replace', 'merge', 'insert-missing'];

/** A foreign key from a table that is not restored to one that is. */
export interface InboundForeignKey {
  readonly from: TableName;
  /** Not every engine names them: it is shown by its columns. */
  readonly name: string;
  readonly columns: readonly string[];
}

/** What a restore does to the rows of a table. The table's key identifies a row; without one, rows are only inserted and deleted. */
export interface RowChanges {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** Not counted: at least so many rows are inserted and deleted. */
  readonly atLeast?: true;
}

export interface TablePlan {
  readonly backup: BackedUpTable;
  /** The table in the target. */
  readonly target: TableName;
  /** It is missing in the target and is created. */
  readonly create: boolean;
  /** The columns to write, in the order of the payload. */
  readonly columns: readonly string[];
  /** The columns that identify rows; absent only if the mode needs none. */
  readonly key?: readonly string[];
  /** Rows in the target before; 0 when it is created. */
  readonly rowsNow: number;
  readonly inbound: readonly InboundForeignKey[];
  /** Differences between the table then and now that the restore can live with, as sentences. */
  readonly drift: readonly string[];
  /** What becomes of its rows, where that was asked for. */
  readonly changes?: RowChanges;
  /** Why it came, where it was not chosen itself. */
  readonly related?: readonly RelatedReason[];
}

/** A table that is made or replaced as a whole (see `Table.opaque`). */
export interface OpaquePlan {
  readonly target: TableName;
  /** It is missing in the target and is created. */
  readonly create: boolean;
}

/** Tables that are made in another schema than the one that the backup has them in. */
export interface SchemaMove {
  readonly from: string;
  readonly to: string;
  /** All that are made, also those that hold no rows themselves, as the backup names them. */
  readonly tables: readonly TableName[];
}

/** A statement that a restore runs. */
export interface PlannedObject extends SchemaObject {
  /** It is the database's own, and not one of the file. */
  readonly live?: boolean;
}

/** What a restore will do, computed before anything is written. */
export interface RestorePlan {
  readonly mode: RestoreMode;
  /** All of a complete backup, and with it what belongs to no table. */
  readonly whole: boolean;
  /** Only missing objects are created and no rows written, or only rows are written and nothing is created. */
  readonly only?: BackupPart;
  /** The targets of the tables are in its `to`, and all of them are created. */
  readonly intoSchema?: SchemaMove;
  /** In an order in which referenced tables come first where there is one (cycles are the engine's to handle). */
  readonly tables: readonly TablePlan[];
  /** Statements for what is missing, in order. */
  readonly create: readonly PlannedObject[];
  /** The sequences that are set to their position in the backup. */
  readonly sequences: readonly Sequence[];
  /** Absent where there are none. */
  readonly opaque?: readonly OpaquePlan[];
  /** Absent where the backup holds none, or tables of it were chosen. */
  readonly extras?: ExtrasPlan;
  /** The name of the database that the backup was taken from, where it is known to be another one. */
  readonly otherSource?: string;
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
  /**
   * In `replace`, of those that were loaded: how many were there just as in the backup. Absent where that was not found
   * out.
   */
  readonly kept?: number;
  /** Where `kept` is there: rows that only the database had. */
  readonly removed?: number;
  /** See `TablePlan`. */
  readonly changes?: RowChanges;
}
