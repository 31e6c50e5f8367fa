import type { Table } from '../../../core/schema.ts';
import type { Row, Value } from '../../../core/values.ts';
import type { RowText } from '../../engine.ts';
import { quoteList, quoteLiteral, quoteName } from '../connect/identifiers.ts';

/** Text that `COPY … (FORMAT csv)` and psql take. */
export const rowText: RowText = {
  field: textOf,
  head: "SET client_encoding = 'UTF8';\nBEGIN;\n",
  end: 'COMMIT;\n',
  insert,
};

/** A value as the input function of its type reads it; undefined for NULL. */
function textOf(value: Value): string | undefined {
  if (value === null) return undefined;
  switch (value.kind) {
    case 'boolean':
      return value.value ? 't' : 'f';
    case 'bytes':
      return `\\x${Buffer.from(value.bytes).toString('hex')}`;
    case 'array':
      return `${value.bounds === undefined ? '' : `${value.bounds}=`}${listOf(value.items)}`;
    default:
      return value.text;
  }
}

function listOf(items: readonly Value[]): string {
  return `{${items.map(itemOf).join(',')}}`;
}

function itemOf(item: Value): string {
  if (item !== null && item.kind === 'array') return listOf(item.items);
  const text = textOf(item);
  if (text === undefined) return 'NULL';
  return /^$|^null$|[{}",\\\s]/i.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;
}

function insert(table: Table, columns: readonly string[], rows: readonly Row[]): string {
  const into = `INSERT INTO ${quoteName(table.name)}`;
  // A table may have no column at all; such rows go one by one.
  if (columns.length === 0) return `${into} DEFAULT VALUES;\n`.repeat(rows.length);
  const overriding = table.columns.some(({ identity }) => identity) ? ' OVERRIDING SYSTEM VALUE' : '';
  const values = rows.map((row) => `(${row.map(literalOf).join(', ')})`);
  return `${into} (${quoteList(columns)})${overriding} VALUES\n${values.join(',\n')};\n`;
}

function literalOf(value: Value): string {
  const text = textOf(value);
  if (text === undefined) return 'NULL';
  // As a number -0 would lose its sign. All else gets its type from the column.
  if (isNumber(value) && /^-?(?!0(?:\D|$))\d[\d.]*$|^0(?:\.\d+)?$/.test(text)) return text;
  // Whatever the setting standard_conforming_strings is.
  return text.includes('\\') ? `E${quoteLiteral(text.replaceAll('\\', '\\\\'))}` : quoteLiteral(text);
}

function isNumber(value: Value): boolean {
  return value?.kind === 'integer' || value?.kind === 'decimal' || value?.kind === 'float';
}
