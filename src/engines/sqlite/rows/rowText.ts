import type { Table } from '../../../core/schema.ts';
import { type Row, type Value, valueText } from '../../../core/values.ts';
import type { RowText } from '../../engine.ts';
import { quote, quoteText } from '../connect/identifiers.ts';

/** Text that the program `sqlite3` takes. */
export const rowText: RowText = {
  field: (value) => (value?.kind === 'bytes' ? `\\x${hexOf(value.bytes)}` : valueText(value)),
  head: 'BEGIN;\n',
  end: 'COMMIT;\n',
  insert,
};

/** SQLite refuses a list of values that is longer, where an older version reads the file. */
const mostRows = 500;

function insert(table: Table, columns: readonly string[], rows: readonly Row[]): string {
  const into = `INSERT INTO ${quote(table.name.name)} (${columns.map(quote).join(', ')}) VALUES\n`;
  const statements: string[] = [];
  for (let start = 0; start < rows.length; start += mostRows) {
    const values = rows.slice(start, start + mostRows).map((row) => `(${row.map(literalOf).join(', ')})`);
    statements.push(`${into}${values.join(',\n')};\n`);
  }
  return statements.join('');
}

function literalOf(value: Value): string {
  if (value === null) return 'NULL';
  switch (value.kind) {
    case 'bytes': {
      const bytes = `x'${hexOf(value.bytes)}'`;
      return value.invalidText ? `CAST(${bytes} AS TEXT)` : bytes;
    }
    case 'integer':
      return value.text;
    case 'float':
      return value.text.replace('Infinity', '9e999');
    default:
      return textLiteral(valueText(value) ?? '');
  }
}

/** The program ends a statement at NUL, and drops a carriage return before a line feed. */
function textLiteral(text: string): string {
  let literal = quoteText(text);
  for (const [code, character] of [
    [0, '\0'],
    [13, '\r'],
  ] as const) {
    if (!text.includes(character)) continue;
    const mark = unusedMark(code, literal);
    literal = `replace(${literal.replaceAll(character, mark)}, '${mark}', char(${code}))`;
  }
  return literal;
}

/** Something that is nowhere in the text, to be replaced when it is read. */
function unusedMark(code: number, text: string): string {
  for (let number = 0; ; number += 1) {
    const mark = `{${code}${number === 0 ? '' : `-${number}`}}`;
    if (!text.includes(mark)) return mark;
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
