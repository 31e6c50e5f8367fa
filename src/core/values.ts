import { RestorePointError } from './errors.ts';
import { formatTableName } from './names.ts';

/**
 * A value of a row, exactly, in words that no engine owns. `null` is SQL's NULL.
 *
 * Numbers are text, because a JavaScript number would round them. A text in the form of no other kind is `other`: as the
 * database writes it (an interval, a range, an address).
 */
export type Value = null | TextValue | BooleanValue | BytesValue | ArrayValue;

export interface TextValue {
  readonly kind: TextKind;
  readonly text: string;
  /** The value was cut to `text`, as the query asked: how long it is, in characters or more. */
  readonly cutFrom?: number;
}

/**
 * - `integer`: digits, of any length;
 * - `decimal`: digits with a point, or `NaN`, `Infinity`, `-Infinity`;
 * - `float`: the shortest digits that mean this number and no other of its type, or one of the same three words;
 * - `date`, `time`, `timestamp`: ISO 8601 (`2024-02-29`, `23:59:60.5Z`, `2024-02-29T12:00:00.000001Z`); what that cannot
 *   express is as the database writes it (`infinity`, `0044-03-15 BC`);
 * - `json`: the JSON text as it is stored.
 */
export type TextKind =
  'integer' | 'decimal' | 'float' | 'text' | 'date' | 'time' | 'timestamp' | 'json' | 'other';

export interface BooleanValue {
  readonly kind: 'boolean';
  readonly value: boolean;
}

export interface BytesValue {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
  /** The value was cut to `bytes`, as the query asked: how many there are. */
  readonly cutFrom?: number;
  /** They are stored as a text, but are not valid in the database's encoding. */
  readonly invalidText?: boolean;
}

export interface ArrayValue {
  readonly kind: 'array';
  readonly items: readonly Value[];
  /** The bounds of each dimension, as the database writes them (`[0:2]`); absent if all indexes begin at 1. */
  readonly bounds?: string;
}

/** The values of one row, in the order of the columns that were asked for. */
export type Row = readonly Value[];

/** Which rows of a table are read. */
export interface RowQuery {
  /** Their order is that of the values; left out, all columns whose values travel. */
  readonly columns?: readonly string[];
  /** Only rows in which each of these columns has this text (see `valueText`). */
  readonly where?: readonly ColumnText[];
  /** How many rows to skip. The order is that of the key in a database, and that of the file in a backup. */
  readonly after?: number;
  readonly limit?: number;
  /** Longer values are cut to about so many characters or bytes, for people. */
  readonly longest?: number;
}

export interface ColumnText {
  readonly column: string;
  readonly text: string;
}

/** The columns of a query, of those that there are. Throws `usage` for another one. */
export function queriedColumns(query: RowQuery, columns: readonly string[]): readonly string[] {
  const asked = [...(query.columns ?? []), ...(query.where ?? []).map(({ column }) => column)];
  const unknown = asked.find((name) => !columns.includes(name));
  if (unknown === undefined) return query.columns ?? columns;
  throw new RestorePointError('usage', `There is no column ${formatTableName({ name: unknown })}`, {
    next: `The columns are ${columns.map((name) => formatTableName({ name })).join(', ')}.`,
  });
}

/** A value as text for people, and for `RowQuery.where`; undefined is SQL's NULL. Bytes are `x'0A'`. */
export function valueText(value: Value): string | undefined {
  if (value === null) return undefined;
  switch (value.kind) {
    case 'boolean':
      return String(value.value);
    case 'bytes':
      return `x'${Buffer.from(value.bytes).toString('hex').toUpperCase()}'`;
    case 'array':
      return `${value.bounds === undefined ? '' : `${value.bounds}=`}{${value.items.map(itemText).join(',')}}`;
    default:
      return value.text;
  }
}

function itemText(item: Value): string {
  const text = valueText(item);
  if (text === undefined) return 'NULL';
  if (item !== null && item.kind === 'array') return text;
  return /^$|^null$|[{}",\\\s]/i.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;
}
