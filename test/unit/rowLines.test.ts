import assert from 'node:assert/strict';
import { parseRowLine, rowLine, rowLineAsJson, valueAsJson, valueFromJson } from '../../src/core/rowLines.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import type { Table } from '../../src/core/schema.ts';
import type { TextKind, Value } from '../../src/core/values.ts';

const of = (kind: TextKind, text: string): Value => ({ kind, text });
const bytes = (hex: string, invalidText = false): Value => ({
  kind: 'bytes',
  bytes: Buffer.from(hex, 'hex'),
  ...(invalidText ? { invalidText } : {}),
});

const forms: readonly (readonly [Value, unknown])[] = [
  [null, null],
  [{ kind: 'boolean', value: true }, true],
  [of('text', 'null'), 'null'],
  [of('text', ''), ''],
  [of('integer', '12'), 12],
  [of('integer', '-9007199254740991'), -9007199254740991],
  [of('integer', '9007199254740992'), { integer: '9007199254740992' }],
  [of('integer', '007'), { integer: '007' }],
  [of('integer', '-0'), { integer: '-0' }],
  [of('float', '1.0'), { float: '1.0' }],
  [of('float', '-0.0'), { float: '-0.0' }],
  [of('float', 'NaN'), { float: 'NaN' }],
  [of('decimal', '1.00'), { decimal: '1.00' }],
  [of('date', '2024-02-29'), { date: '2024-02-29' }],
  [of('timestamp', 'infinity'), { timestamp: 'infinity' }],
  [of('json', '{"a": 1, "a": 2}'), { json: '{"a": 1, "a": 2}' }],
  [of('other', '1 day'), { other: '1 day' }],
  [bytes(''), { bytes: '' }],
  [bytes('0aff'), { bytes: '0AFF' }],
  [bytes('61ff', true), { invalidText: '61FF' }],
  [{ kind: 'array', items: [null, of('integer', '1')] }, { array: [null, 1] }],
  [
    { kind: 'array', bounds: '[0:1]', items: [{ kind: 'array', items: [of('text', 'a')] }] },
    { array: [{ array: ['a'] }], bounds: '[0:1]' },
  ],
];

describe('rows of a comparison as lines', () => {
  for (const [value, json] of forms) {
    it(`writes ${JSON.stringify(json)}, and reads it back`, () => {
      assert.deepEqual(valueAsJson(value), json);
      assert.deepEqual(valueFromJson(JSON.parse(JSON.stringify(json))), value);
    });
  }

  const wrongValues: readonly unknown[] = [
    1.5,
    2 ** 53,
    {},
    [],
    { integer: 12 },
    { integer: '1.0' },
    { bytes: 'zz' },
    { bytes: '0' },
    { text: 'a', float: '1' },
    { nothing: '1' },
    { __proto__: null, toString: 'x' },
    { array: 'x' },
    { array: [], limits: 'x' },
  ];
  for (const json of wrongValues) {
    it(`refuses the value ${JSON.stringify(json)}`, () => assert.throws(() => valueFromJson(json)));
  }

  it('keeps columns of any name', () => {
    const names = ['__proto__', 'constructor', '', 'a"b', '1'];
    const column = (name: string): Table['columns'][number] => ({ name, type: '', notNull: false });
    const table: Table = {
      name: { schema: 'public', name: 't' },
      columns: names.map(column),
      uniqueKeys: [],
      foreignKeys: [],
      triggers: [],
      holdsRows: true,
    };
    const columns = names.map((name) => ({ first: name, second: name }));
    const row = (start: number): Value[] => names.map((_, at) => of('integer', String(start + at)));
    const compared = { first: table, second: table, columns, key: [0, 3] };
    const difference = { kind: 'changed' as const, first: row(1), second: row(10), columns: [0, 1, 2, 3, 4] };
    const line = rowLine(compared, difference);
    const text = JSON.stringify(rowLineAsJson(line));
    const read = parseRowLine(text, 1);
    // The order of names that are numbers is JavaScript's.
    const sorted = (values: ReadonlyMap<string, Value> | undefined): unknown => [...values!].sort();
    assert.deepEqual([read.table, read.kind], [line.table, line.kind]);
    for (const part of ['key', 'first', 'second'] as const)
      assert.deepEqual(sorted(read[part]), sorted(line[part]));
    assert.deepEqual(sorted(read.key), [
      ['__proto__', of('integer', '1')],
      ['a"b', of('integer', '4')],
    ]);
  });

  const wrongLines: readonly string[] = [
    '',
    '1',
    '[]',
    '{"kind": "changed"}',
    '{"table": "t", "kind": "else"}',
    '{"table": "t", "schema": 1, "kind": "changed", "first": {}, "second": {}}',
    '{"table": "t", "kind": "changed", "first": {}}',
    '{"table": "t", "kind": "onlyInFirst", "first": {}, "second": {}}',
    '{"table": "t", "kind": "onlyInSecond", "first": {}}',
    '{"table": "t", "kind": "onlyInFirst", "first": {"a": 1.5}}',
    '{"table": "t", "kind": "onlyInFirst", "first": {}, "key": []}',
    '{"table": "t", "kind": "onlyInFirst", "first": {"a": 1}, "key": {"a": 2}}',
    '{"table": "t", "kind": "onlyInFirst", "first": {"a": 1}, "key": {"a": "1"}}',
    '{"table": "t", "kind": "onlyInSecond", "second": {"a": 1}, "key": {"b": 1}}',
    '{"table": "t", "kind": "changed", "first": {"a": 1}, "second": {"a": 2}, "key": {"a": 2}}',
  ];
  for (const text of wrongLines) {
    it(`refuses the line ${text}, and says which it is`, () =>
      assert.throws(
        () => parseRowLine(text, 7),
        (error) => RestorePointError.is(error, 'usage') && error.message.startsWith('Line 7 is not a row'),
      ));
  }
});
