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

/** An expression for exactly this value. */
export function literalOf(value: Value): string {
  if (value === null) return 'NULL';
  switch (value.kind) {
    case 'bytes': {
      const bytes = `x'${hexOf(value.bytes)}'`;
      return value.invalidText ? `CAST(${bytes} AS TEXT)` : bytes;
    }
    case 'integer':
      return value.text;
    case 'float':
      return floatLiteral(value.text);
    default:
      return textLiteral(valueText(value) ?? '');
  }
}

/** Every version of SQLite reads numbers of so few digits, in this range, exactly. */
const surelyRead = { digits: 15, from: 1e-7, to: 1e22 };

/** SQLite before 3.43 reads some numbers of many digits as one beside: they are made of whole numbers and powers of two. */
function floatLiteral(text: string): string {
  const value = Number(text);
  if (!Number.isFinite(value)) return text.replace('Infinity', '9e999');
  const [written = ''] = text.split('e');
  const digits = written.replace(/^-?0*\.?0*|\./g, '').length;
  const size = Math.abs(value);
  const isSure = digits <= surelyRead.digits && size >= surelyRead.from && size < surelyRead.to;
  if (value === 0 || isSure) return text;
  return exactLiteral(value);
}

/** A power of two that every version reads exactly, and its exponent. */
const [power, exponentOfPower] = ['9007199254740992.0', 53];

/** An odd number, multiplied or divided by powers of two: no step of that rounds. */
function exactLiteral(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  let whole = (bits & 0xfffffffffffffn) | (biased === 0 ? 0n : 1n << 52n);
  let exponent = Math.max(biased, 1) - 1075;
  for (; (whole & 1n) === 0n; whole >>= 1n) exponent += 1;
  const sign = exponent < 0 ? '/' : '*';
  const times = Math.abs(exponent);
  const steps = `${sign}${power}`.repeat(Math.floor(times / exponentOfPower));
  return `(${value < 0 ? '-' : ''}${whole}${steps}${sign}${2 ** (times % exponentOfPower)}.0)`;
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
