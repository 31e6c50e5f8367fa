import type { ComparedTable, RowDifference } from '../core/differences.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { TableName } from '../core/names.ts';
import type { Row, TextKind, Value } from '../core/values.ts';

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

/** The JSON form: null, true, a string (a text), a number (a safe integer), or else an object of one kind. */
export type JsonValue =
  null | boolean | string | number | { readonly [kind: string]: string | readonly JsonValue[] };

export function rowLine({ first: table, columns, key }: ComparedTable, difference: RowDifference): RowLine {
  const named = (row: Row): NamedValues => new Map(columns.map(({ first }, place) => [first, row[place]!]));
  const one = difference.kind === 'onlyInSecond' ? difference.second : difference.first;
  return {
    table: table.name,
    kind: difference.kind,
    ...(key ? { key: new Map(key.map((place) => [columns[place]!.first, one[place]!])) } : {}),
    ...(difference.kind === 'onlyInSecond' ? {} : { first: named(difference.first) }),
    ...(difference.kind === 'onlyInFirst' ? {} : { second: named(difference.second) }),
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

function namedAsJson(values: NamedValues): object {
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [name, value] of values) object[name] = valueAsJson(value);
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
    if ((row.first !== undefined) !== (kind !== 'onlyInSecond'))
      throw new Error(`"first" does not match ${kind}`);
    if ((row.second !== undefined) !== (kind !== 'onlyInFirst'))
      throw new Error(`"second" does not match ${kind}`);
    return row;
  } catch (error) {
    throw new RestorePointError('usage', `Line ${line} is not a row of a comparison: ${messageOf(error)}`, {
      next: 'Create the file with restore-point compare --rows all --json.',
      cause: error,
    });
  }
}

function namedFromJson(json: unknown, name: string): NamedValues {
  if (!isObject(json)) throw new Error(`"${name}" is not an object`);
  return new Map(Object.entries(json).map(([column, value]) => [column, valueFromJson(value)]));
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
