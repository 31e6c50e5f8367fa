import type { ExtrasPlan } from './extras.ts';
import type { TableName } from './names.ts';
import type { BackedUpTable, BackupPart } from './manifest.ts';
import type { RelatedReason } from './related.ts';
import type { SchemaObject, Sequence } from './schema.ts';

/**
 * The ways to restore a table:
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

/** The changes to the rows of a table. Its key identifies a row; without one, rows are only inserted and deleted. */
export interface RowChanges {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** The numbers of inserted and deleted rows are lower bounds. */
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
  /** The changes to its rows, if they were counted. */
  readonly changes?: RowChanges;
  /** The reasons why it is included although it was not chosen. */
  readonly related?: readonly RelatedReason[];
}

/** A table that is made or replaced as a whole (see `Table.opaque`). */
export interface OpaquePlan {
  readonly target: TableName;
  /** It is missing in the target and is created. */
  readonly create: boolean;
}

/** Tables that are created in another schema than in the backup. */
export interface SchemaMove {
  readonly from: string;
  readonly to: string;
  /** All that are created, with their names in the backup, also those without rows of their own. */
  readonly tables: readonly TableName[];
}

/** A statement that a restore runs. */
export interface PlannedObject extends SchemaObject {
  /** It comes from the database, not from the file. */
  readonly live?: boolean;
}

/** The plan of a restore, made before anything is written. */
export interface RestorePlan {
  readonly mode: RestoreMode;
  /** Everything in a complete backup, including objects that belong to no table. */
  readonly whole: boolean;
  /** Only missing objects are created and no rows written, or only rows are written and nothing is created. */
  readonly only?: BackupPart;
  /** The targets of the tables are in its `to`, and all of them are created. */
  readonly intoSchema?: SchemaMove;
  /** Referenced tables come first. Where references form a cycle, there is no such order: the engine handles that. */
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

/** The changes that were made to one table. */
export interface TableChange {
  readonly table: TableName;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  /** Rows whose key was new; in the mode `replace`, all rows that were loaded. */
  readonly inserted: number;
  /** Rows whose key existed with other values; always 0 in `replace` and `insert-missing`. */
  readonly updated: number;
  /**
   * In `replace`: how many of the loaded rows were already the same. Absent if that was not counted.
   */
  readonly kept?: number;
  /** Rows that only the database had; present together with `kept`. */
  readonly removed?: number;
  /** See `TablePlan`. */
  readonly changes?: RowChanges;
}
