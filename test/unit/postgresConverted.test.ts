import assert from 'node:assert/strict';
import { BinaryRows } from '../../src/engines/postgres/rows/binaryRows.ts';
import { valueWriters } from '../../src/engines/postgres/rows/binaryValues.ts';

/** OIDs of types. */
const types = {
  ...{ boolean: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, float8: 701, date: 1082 },
  ...{ timestamp: 1114, timestamptz: 1184, numeric: 1700, uuid: 2950, jsonb: 3802 },
};
type Type = keyof typeof types;

/** Texts that the type's own output function does not write, or that have no place among the numbers of the binary form. */
const left: Readonly<Record<Type, readonly string[]>> = {
  boolean: ['', 'true', '1', 'T'],
  bytea: [
    '',
    'abc',
    '\\x00',
    '\\\\x0',
    '\\\\x0g',
    '\\\\xAB',
    `\\\\x${'00'.repeat(50)}0g`,
    `\\\\x${'00'.repeat(50)}0`,
  ],
  int8: ['', '-', '+1', ' 1', '1 ', '1.0', '1e3', '0x10', '9223372036854775808', '-9223372036854775809'],
  int2: ['', '32768', '-32769', '1_000'],
  int4: ['', '2147483648', '-2147483649', '--1'],
  text: [
    '\\',
    'a\rb',
    '\r',
    'x'.repeat(1024 * 1024 + 1),
    'a\\',
    '\\q',
    '\\.',
    '\\101',
    '\\x41',
    `${'long '.repeat(20)}\\q`,
  ],
  float8: ['', 'NaN', 'Infinity', '-Infinity', '1e999', '1e-999', '0x10', ' 1', '1.', '.5', '1_0'],
  date: [
    '',
    'infinity',
    '2024-13-01',
    '2024-02-30',
    '2023-02-29',
    '1900-02-29',
    '2024-00-01',
    '0000-01-01',
    '2024-1-01',
  ],
  timestamp: [
    ...[
      '',
      'infinity',
      '-infinity',
      '2024-01-01',
      '2024-01-01 24:00:00',
      '2024-01-01 00:60:00',
      '2024-01-01 00:00:60',
    ],
    ...[
      '0044-03-15 00:00:00 BC',
      '2024-01-01 00:00:00.1234567',
      '2024-01-01 00:00:00.',
      '2024-01-01T00:00:00',
    ],
    ...[
      '2024-02-30 00:00:00',
      '294276-12-31 23:59:59.999999',
      '2024-01-01 00:00:00+00',
      '2024-01-01 0:00:00',
    ],
  ],
  timestamptz: [
    '',
    '2024-01-01 00:00:00',
    '2024-01-01 00:00:00+01',
    '2024-01-01 00:00:00-00',
    '+00',
    'infinity',
  ],
  numeric: ['', '-', 'NaN', 'Infinity', '1.', '.5', '1e5', '1.2.3', '1 000', '9'.repeat(1001)],
  uuid: [
    '',
    '00000000-0000-0000-0000-00000000000',
    'a0eebc999c0b4ef8bb6d6bb9bd380a11a0ee',
    'A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  ],
  jsonb: ['\\', '"\\q"'],
};

/** As the send functions write them: in hexadecimal. */
const converted: readonly (readonly [Type, string, string])[] = [
  ['boolean', 't', '01'],
  ['bytea', '\\\\x', ''],
  ['bytea', '\\\\x00ff', '00ff'],
  ['int8', '-9223372036854775808', '8000000000000000'],
  ['int8', '9007199254740993', '0020000000000001'],
  ['int8', '-1', 'ffffffffffffffff'],
  ['int8', '-4294967296', 'ffffffff00000000'],
  ['int2', '-32768', '8000'],
  ['int4', '2147483647', '7fffffff'],
  ['text', 'a\\tb\\\\', '6109625c'],
  ['float8', '-0', '8000000000000000'],
  ['float8', '5e-324', '0000000000000001'],
  ['date', '2000-01-01', '00000000'],
  ['date', '1999-12-31', 'ffffffff'],
  ['date', '5874897-12-31', '7fda970c'],
  ['timestamp', '2000-01-01 00:00:00.000001', '0000000000000001'],
  ['timestamptz', '1999-12-31 23:59:59.999999+00', 'ffffffffffffffff'],
  ['numeric', '-12345.678', '0003000140000003000109291a7c'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'],
  ['jsonb', '{}', '017b7d'],
];

describe('postgres: rows that are converted', () => {
  const rowsOf = (...columns: readonly Type[]): BinaryRows =>
    new BinaryRows(columns.map((type) => valueWriters.get(types[type])!));
  const convert = (text: string, ...columns: readonly Type[]): { hex: string; end: number } => {
    const { bytes, end } = rowsOf(...columns).convert(Buffer.from(text), 0);
    return { hex: Buffer.from(bytes).toString('hex'), end };
  };

  it('are left to the server where they are not as it writes them', () => {
    for (const [type, texts] of Object.entries(left) as [Type, readonly string[]][]) {
      for (const text of texts)
        assert.deepEqual(convert(`${text}\n`, type), { hex: '', end: 0 }, `${type} ${text}`);
    }
  });

  it('have the bytes that it sends', () => {
    for (const [type, text, value] of converted) {
      const length = (value.length / 2).toString(16).padStart(8, '0');
      assert.deepEqual(
        convert(`${text}\n`, type),
        { hex: `0001${length}${value}`, end: text.length + 1 },
        `${type} ${text}`,
      );
    }
    assert.equal(convert('\\N\n', 'uuid').hex, '0001ffffffff');
    assert.equal(
      convert('t\t\\N\n\\N\t7\n', 'boolean', 'int2').hex,
      '00020000000101ffffffff0002ffffffff000000020007',
    );
  });

  it('have as many values as there are columns, and end', () => {
    for (const row of [
      'a\n',
      'a\tb\tc\n',
      'a\tb',
      '',
      '\n',
      `${'long '.repeat(30)}\n`,
      `a\t${'long '.repeat(30)}\tc\n`,
    ]) {
      assert.equal(convert(row, 'text', 'text').end, 0, row);
    }
  });

  it('come in pieces, up to the one that is left, whatever was converted before', () => {
    const rows = rowsOf('int4', 'text', 'bytea');
    const row = (n: number): string => `${n}\t${'text '.repeat(n % 50)}\t\\\\x${'0a'.repeat(n % 90)}\n`;
    const all = Buffer.from(Array.from({ length: 20_000 }, (_, n) => row(n)).join(''));
    const bad = Buffer.concat([all, Buffer.from('x\ty\tz\n'), all]);
    const pieces = (text: Buffer, from: number): { hex: string[]; end: number } => {
      const hex: string[] = [];
      for (let start = from; ;) {
        const { bytes, end } = rows.convert(text, start);
        if (end === start) return { hex, end };
        assert.ok(bytes.length < 300 * 1024);
        hex.push(Buffer.from(bytes).toString('hex'));
        start = end;
      }
    };
    const expected = pieces(all, 0);
    assert.equal(expected.end, all.length);
    assert.ok(expected.hex.length > 3);
    const first = pieces(bad, 0);
    assert.equal(first.end, all.length);
    assert.equal(first.hex.join(''), expected.hex.join(''));
    // Of the same text, further on and from the beginning once more.
    assert.equal(pieces(bad, all.length + 6).hex.join(''), expected.hex.join(''));
    assert.equal(pieces(bad, 0).hex.join(''), expected.hex.join(''));
  });

  it('may have long values', () => {
    const long = 'x'.repeat(1024 * 1024);
    const { hex, end } = convert(`${long}\t1\n`, 'text', 'int4');
    assert.equal(end, long.length + 3);
    assert.equal(hex, `000200100000${'78'.repeat(long.length)}0000000400000001`);
  });
});
