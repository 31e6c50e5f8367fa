import type { JsonRow } from './jsonValue.ts';

/**
 * Why a chosen row cannot be written as it was chosen. The first three compare the row with what was seen; as in SQLite's
 * session extension.
 */
export type ConflictKind =
  /** The row has other values than those that were seen. */
  | 'changed'
  /** The row that was seen is not there any more, and shall not be deleted. */
  | 'gone'
  /** No row was seen, and one with its key is there now, with other values. */
  | 'there'
  /** A constraint of the table refuses it: another row has its unique value, a CHECK fails. */
  | 'constraint'
  /** The row that it references is missing, or another row references it (also one that would be deleted or changed with it). */
  | 'foreign-key';

/** A row that cannot be written as it was chosen, as data. */
export interface DescribedConflict {
  readonly schema?: string;
  readonly table: string;
  readonly kind: ConflictKind;
  /** The values of the key; all values if the table has none. */
  readonly key: JsonRow;
  /** What the row was to become, was when it was chosen, and is now; each is absent where there is none. */
  readonly wanted?: JsonRow;
  readonly seen?: JsonRow;
  readonly now?: JsonRow;
  /** The columns that have changed since it was chosen. */
  readonly columns?: readonly string[];
  /** What the database says, as a sentence without its end. */
  readonly reason?: string;
  /** The row that it references, and that is missing. */
  readonly needs?: { readonly schema?: string; readonly table: string; readonly key: JsonRow };
  /** Absent where nothing was written. */
  readonly done?: 'skipped' | 'overwritten';
}
