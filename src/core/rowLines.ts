import type { ComparedTable, RowDifference } from './differences.ts';
import { excessOf } from './jsonLimits.ts';
import type { JsonRow, JsonValue } from './jsonValue.ts';
import { messageOf, RestorePointError } from './errors.ts';
import type { TableName } from './names.ts';
import type { Row, TextKind, Value } from './values.ts';

export type { JsonValue } from './jsonValue.ts';

/** A row that differs, by the names of its columns on the first side. */
export interface RowLine {
  readonly table: TableName;
  readonly kind: RowDifference['kind'];
  /** Absent if no key identifies the rows of the table. */
  readonly key?: NamedValues;
  readonly first?: NamedValues;
  readonly second?: NamedValues;
}

/** A column can have any name, also one that means something to JavaScript. */
export type NamedValues = ReadonlyMap<string, Value>;

/** A table whose rows are lines; `key` are places in `columns`. */
export interface LinedTable {
  readonly name: TableName;
  readonly columns: readonly string[];
  readonly key?: readonly number[];
}

export function rowLine({ first: table, columns, key }: ComparedTable, difference: RowDifference): RowLine {
  const lined = { name: table.name, columns: columns.map(({ first }) => first), ...(key ? { key } : {}) };
  return rowLineOf(lined, {
    ...(difference.kind === 'onlyInSecond' ? {} : { first: difference.first }),
    ...(difference.kind === 'onlyInFirst' ? {} : { second: difference.second }),
  });
}

/** The line of a row with one or both of its states. */
export function rowLineOf(
  { name, columns, key }: LinedTable,
  { first, second }: { readonly first?: Row; readonly second?: Row },
): RowLine {
  const named = (row: Row): NamedValues => new Map(columns.map((column, place) => [column, row[place]!]));
  const one = (first ?? second)!;
  return {
    table: name,
    kind: !first ? 'onlyInSecond' : second ? 'changed' : 'onlyInFirst',
    ...(key ? { key: new Map(key.map((place) => [columns[place]!, one[place]!])) } : {}),
    ...(first ? { first: named(first) } : {}),
    ...(second ? { second: named(second) } : {}),
  };
}

/** A value that `JSON.stringify` accepts. */
export function rowLineAsJson({ table, kind, key, first, second }: RowLine): object {
  return {
    ...(table.schema === undefined ? {} : { schema: table.schema }),
    table: table.name,
    kind,
    ...(key ? { key: namedAsJson(key) } : {}),
    ...(first ? { first: namedAsJson(first) } : {}),
    ...(second ? { second: namedAsJson(second) } : {}),
  };
}

function namedAsJson(values: NamedValues): JsonRow {
  return namedRow([...values.keys()], [...values.values()]);
}

/** Values by the names of their columns, as JSON has them. A column can have any name. */
export function namedRow(names: readonly string[], row: Row): JsonRow {
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [place, name] of names.entries()) object[name] = valueAsJson(row[place]!);
  return object;
}

/** Exact: `valueFromJson` gives the same value back. */
export function valueAsJson(value: Value): JsonValue {
  if (value === null) return null;
  if ('cutFrom' in value) throw new Error('A truncated value cannot be written');
  switch (value.kind) {
    case 'boolean':
      return value.value;
    case 'text':
      return value.text;
    case 'integer': {
      const number = Number(value.text);
      return Number.isSafeInteger(number) && String(number) === value.text ? number : { integer: value.text };
    }
    case 'bytes': {
      const hex = Buffer.from(value.bytes).toString('hex').toUpperCase();
      return value.invalidText ? { invalidText: hex } : { bytes: hex };
    }
    case 'array': {
      const array = value.items.map(valueAsJson);
      return value.bounds === undefined ? { array } : { array, bounds: value.bounds };
    }
    default:
      return { [value.kind]: value.text };
  }
}

const texts: ReadonlySet<string> = new Set<TextKind>([
  'integer',
  'decimal',
  'float',
  'text',
  'date',
  'time',
  'timestamp',
  'json',
  'other',
]);

/** Throws an error that says what is wrong. */
export function valueFromJson(json: unknown): Value {
  if (json === null) return null;
  if (typeof json === 'boolean') return { kind: 'boolean', value: json };
  if (typeof json === 'string') return { kind: 'text', text: json };
  if (typeof json === 'number') {
    if (Number.isSafeInteger(json)) return { kind: 'integer', text: String(json) };
    throw new Error(`${json} is not exact as a JSON number: write {"integer": "…"} or {"float": "…"}`);
  }
  const [[kind = '', value] = [], ...others] = Object.entries(json as object);
  if (kind === 'array' && Array.isArray(value)) return arrayFromJson(value, others);
  if (typeof value !== 'string' || others.length > 0) throw new Error('an object is not a column value');
  if (kind === 'bytes' || kind === 'invalidText') {
    const bytes = Buffer.from(value, 'hex');
    if (bytes.length * 2 !== value.length) throw new Error('bytes are not hexadecimal');
    return { kind: 'bytes', bytes, ...(kind === 'invalidText' ? { invalidText: true } : {}) };
  }
  if (!texts.has(kind)) throw new Error(`unknown kind of value ${JSON.stringify(kind)}`);
  if (kind === 'integer' && !/^-?\d+$/.test(value))
    throw new Error(`${JSON.stringify(value)} is not an integer`);
  return { kind: kind as TextKind, text: value };
}

function arrayFromJson(items: readonly unknown[], others: readonly (readonly unknown[])[]): Value {
  const [[name, bounds] = []] = others;
  const array = { kind: 'array' as const, items: items.map(valueFromJson) };
  if (others.length === 0) return array;
  if (others.length === 1 && name === 'bounds' && typeof bounds === 'string') return { ...array, bounds };
  throw new Error('an array has a property other than its bounds');
}

const rowKinds: readonly string[] = ['onlyInFirst', 'onlyInSecond', 'changed'];

/** Reads one line of `compare --rows all --json`. Throws `usage`; `line` counts from 1. */
export function parseRowLine(text: string, line: number): RowLine {
  try {
    const json: unknown = JSON.parse(text);
    if (!isObject(json)) throw new Error('it is not an object');
    const { schema, table, kind } = json;
    if (typeof table !== 'string') throw new Error('it has no table');
    if (schema !== undefined && typeof schema !== 'string') throw new Error('its schema is not a string');
    if (typeof kind !== 'string' || !rowKinds.includes(kind)) throw new Error('it has no kind of difference');
    const values = (name: 'key' | 'first' | 'second'): Partial<RowLine> =>
      json[name] === undefined ? {} : { [name]: namedFromJson(json[name], name) };
    const row: RowLine = {
      table: { ...(schema === undefined ? {} : { schema }), name: table },
      kind: kind as RowLine['kind'],
      ...values('key'),
      ...values('first'),
      ...values('second'),
    };
    checkStates(row);
    return row;
  } catch (error) {
    throw new RestorePointError('usage', `Line ${line} is not a row of a comparison: ${messageOf(error)}`, {
      next: 'Create the file with restore-point compare --rows all --json.',
      cause: error,
    });
  }
}

/** Throws an error that says what does not fit. */
function checkStates({ kind, key, first, second }: RowLine): void {
  const needed = statesOf[kind];
  for (const [name, state] of [
    ['first', first],
    ['second', second],
  ] as const) {
    if (needed.includes(name) === (state !== undefined)) continue;
    throw new Error(`a line of kind ${kind} must ${state === undefined ? '' : 'not '}have "${name}"`);
  }
  const [name, state] = first ? ['first', first] : ['second', second];
  for (const [column, value] of key ?? []) {
    const own = state?.get(column);
    if (own !== undefined && isSame(own, value)) continue;
    throw new Error(`"key" and "${name}" do not have the same value of ${JSON.stringify(column)}`);
  }
}

const statesOf: Readonly<Record<RowLine['kind'], readonly string[]>> = {
  onlyInFirst: ['first'],
  onlyInSecond: ['second'],
  changed: ['first', 'second'],
};

function isSame(one: Value, other: Value): boolean {
  return JSON.stringify(valueAsJson(one)) === JSON.stringify(valueAsJson(other));
}

/** A row and the line that it is in. */
export interface NumberedRow {
  readonly number: number;
  readonly row: RowLine;
}

/** Shorter lines cannot fill the memory. */
const longLine = 64 * 1024;

/** As `parseRowLine`, of bytes that anybody may have written. */
export function parseRowLineBytes(bytes: Uint8Array, line: number): RowLine {
  const refuse = (what: string): RestorePointError =>
    new RestorePointError('usage', `Line ${line} is not a row of a comparison: ${what}`, {
      next: 'Create the file with restore-point compare --rows all --json.',
    });
  const excess = bytes.length > longLine ? excessOf(bytes) : undefined;
  if (excess !== undefined) throw refuse(excess);
  if (line === 1 && bytes[0] === 0xff && bytes[1] === 0xfe)
    throw refuse('the file is in UTF-16, as Windows PowerShell writes it: save it as UTF-8');
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw refuse('it is not valid UTF-8');
  }
  return parseRowLine(text, line);
}

/** Passes over the mark that some editors put at the beginning of a file. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function namedFromJson(json: unknown, name: string): NamedValues {
  if (!isObject(json)) throw new Error(`"${name}" is not an object`);
  return new Map(Object.entries(json).map(([column, value]) => [column, valueFromJson(value)]));
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
