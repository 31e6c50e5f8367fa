import { parseTableName, tableKey } from '../../../core/names.ts';
import type { Row, TextKind, Value } from '../../../core/values.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { unescapeText } from './copyText.ts';

/** Makes a typed value from what COPY writes for it, without its escapes. */
export type ReadValue = (text: string) => Value;

const builtIn: Readonly<Record<string, TextKind | 'boolean' | 'bytes'>> = {
  smallint: 'integer',
  integer: 'integer',
  bigint: 'integer',
  oid: 'integer',
  numeric: 'decimal',
  real: 'float',
  'double precision': 'float',
  boolean: 'boolean',
  bytea: 'bytes',
  date: 'date',
  'time without time zone': 'time',
  'time with time zone': 'time',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamp',
  json: 'json',
  jsonb: 'json',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  bpchar: 'text',
  name: 'text',
  '"char"': 'text',
  uuid: 'text',
  xml: 'text',
};

/** Says how values of a type are read, by its name as the server writes it without a search path. */
export class ValueTypes {
  readonly #domains = new Map<string, string>();
  readonly #enums = new Set<string>();
  readonly #known = new Map<string, ReadValue>();

  /** `objects`: the schema's statements, which say what its own types are made of. */
  constructor(objects: readonly SchemaObject[]) {
    for (const { kind, sql } of objects) {
      const made = madeType.exec(sql);
      if (!made) continue;
      const key = keyOf(made[1]!);
      if (kind === 'domain') this.#domains.set(key, made[2]!);
      else if (kind === 'type' && made[2]!.startsWith('ENUM ')) this.#enums.add(key);
    }
  }

  /** For columns of these types, in their order. */
  readers(types: readonly string[]): readonly ReadValue[] {
    return types.map((type) => this.#reader(type, 0));
  }

  #reader(type: string, depth: number): ReadValue {
    const known = this.#known.get(type);
    if (known) return known;
    const reader = this.#find(type, depth);
    this.#known.set(type, reader);
    return reader;
  }

  #find(type: string, depth: number): ReadValue {
    if (depth > maxDepth) return other;
    if (type.endsWith('[]')) {
      const item = this.#reader(type.slice(0, -2), depth + 1);
      // Types of users may separate their items by something else than a comma, as box does.
      const commas = item !== other || !/^box|\./.test(type);
      return commas ? arrayReader(item) : other;
    }
    const builtIn = kindReader(type);
    if (builtIn || !type.includes('.')) return builtIn ?? other;
    const key = keyOf(type);
    const domain = this.#domains.get(key);
    if (domain !== undefined) return this.#reader(baseTypeOf(domain), depth + 1);
    return this.#enums.has(key) ? textReader('text') : other;
  }
}

/** The statement that makes a type, up to the first text in it. */
const madeType = /^CREATE (?:DOMAIN|TYPE) ((?:[^" ]|"[^"]*")+) AS ([^']*)/;

/** One name, whether it is in quotes or not. */
function keyOf(name: string): string {
  return tableKey(parseTableName(name));
}

/** A domain can be of a domain of an array …; a backup from elsewhere could name itself. */
const maxDepth = 32;

function kindReader(type: string): ReadValue | undefined {
  const name = type.replace(/\([\d,-]*\)/, '');
  const kind = Object.hasOwn(builtIn, name) ? builtIn[name]! : undefined;
  if (kind === undefined) return undefined;
  if (kind === 'boolean') return (text) => ({ kind, value: text === 't' });
  if (kind === 'bytes') return readBytes;
  if (kind === 'timestamp') return (text) => ({ kind, text: isoTime(text.replace(' ', 'T'), text) });
  if (kind === 'time') return (text) => ({ kind, text: isoTime(text, text) });
  return textReader(kind);
}

/** The type at the beginning of what follows `AS` in CREATE DOMAIN. */
function baseTypeOf(definition: string): string {
  const end = /(?: COLLATE| DEFAULT| NOT NULL| CONSTRAINT| CHECK|;|$)/.exec(definition)!.index;
  return definition.slice(0, end).trim();
}

function textReader(kind: TextKind): ReadValue {
  return (text) => ({ kind, text });
}

const other = textReader('other');

function readBytes(text: string): Value {
  return text.startsWith(String.raw`\x`)
    ? { kind: 'bytes', bytes: Buffer.from(text.slice(2), 'hex') }
    : { kind: 'other', text };
}

/** With a zone as ISO 8601 writes it; `unchanged` where it has no such form (years before 1 or past 9999, infinity). */
function isoTime(text: string, unchanged: string): string {
  const zone = /^(?:\d{4}-\d\d-\d\dT)?[\d:.]+([+-]\d\d)?((?::\d\d){0,2})$/.exec(text);
  if (!zone) return unchanged;
  const [, hours, rest] = zone;
  if (hours === undefined) return text;
  const time = text.slice(0, text.length - hours.length - rest!.length);
  if (hours === '+00' && rest === '') return `${time}Z`;
  return `${time}${hours}${rest === '' ? ':00' : rest!}`;
}

/** Reads an array as `array_out` writes it. */
function arrayReader(readItem: ReadValue): ReadValue {
  return (text) => {
    const bounds = /^((?:\[-?\d+:-?\d+\])+)=\{/.exec(text)?.[1];
    const start = bounds === undefined ? 0 : bounds.length + 1;
    if (text[start] !== '{') return { kind: 'other', text };
    const { items, end } = readItems(text, start + 1, readItem);
    if (end !== text.length) return { kind: 'other', text };
    return { kind: 'array', items, ...(bounds === undefined ? {} : { bounds }) };
  };
}

/** From after the brace that opens a list to after the one that closes it. */
function readItems(text: string, from: number, readItem: ReadValue): { items: Value[]; end: number } {
  const open: Value[][] = [[]];
  let at = from;
  while (at < text.length) {
    const items = open.at(-1)!;
    const character = text[at];
    if (character === '{') {
      open.push([]);
      at += 1;
    } else if (character === '}') {
      open.pop();
      at += 1;
      const outer = open.at(-1);
      if (!outer) return { items, end: at };
      outer.push({ kind: 'array', items });
    } else if (character === ',') at += 1;
    else if (character === '"') {
      const quoted = readQuoted(text, at + 1);
      items.push(readItem(quoted.text));
      at = quoted.end;
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '}') end += 1;
      const item = text.slice(at, end);
      items.push(item === 'NULL' ? null : readItem(item.replace(/\\([\s\S])/g, '$1')));
      at = end;
    }
  }
  return { items: open[0]!, end: -1 };
}

function readQuoted(text: string, from: number): { text: string; end: number } {
  let read = '';
  let at = from;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') at += 1;
    read += text[at] ?? '';
    at += 1;
  }
  return { text: read, end: at + 1 };
}

/**
 * The values of one row of COPY text, without the line feed that ends it. `longest`: values of more bytes are cut, and
 * are then texts.
 */
export function readRow(row: Uint8Array, readers: readonly ReadValue[], longest = Infinity): Row {
  const values: Value[] = [];
  let start = 0;
  for (const read of readers) {
    const tab = row.indexOf(0x09, start);
    const end = tab < 0 ? row.length : tab;
    values.push(readField(row.subarray(start, end), read, longest));
    start = end + 1;
  }
  return values;
}

/** The value of one column of such a row. */
export function readColumn(row: Uint8Array, column: number, read: ReadValue): Value {
  let start = 0;
  for (let passed = 0; passed < column; passed++) start = row.indexOf(0x09, start) + 1;
  const tab = row.indexOf(0x09, start);
  return readField(row.subarray(start, tab < 0 ? row.length : tab), read, Infinity);
}

/** Enough bytes for a character, escaped. */
const bytesOfCharacter = 8;

function readField(field: Uint8Array, read: ReadValue, longest: number): Value {
  if (field.length <= longest) {
    const text = decoder.decode(field);
    return text === String.raw`\N` ? null : read(unescapeText(text));
  }
  const start = unescapeText(decoder.decode(field.subarray(0, bytesOfCharacter * longest)));
  if (field.length <= bytesOfCharacter * longest && start.length <= longest) return read(start);
  return { kind: 'other', text: start.slice(0, longest), cutFrom: field.length };
}

/** A mark of byte order at the beginning is a character of the value. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
