import { parseTableName, splitOutsideQuotes, tableKey } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';

/**
 * Maps texts that a type considers equal to one text, and all others to different ones. The texts are
 * COPY's, without its escapes.
 */
export type FormOf = (text: string) => string;

/** A domain can be of a domain of an array …; a backup from elsewhere could name itself. */
const maxDepth = 32;

const builtIn: Readonly<Record<string, FormOf>> = {
  numeric: decimals,
  real: floats,
  'double precision': floats,
  character: padded,
  bpchar: padded,
  interval: microseconds,
  jsonb: jsonForm,
  numrange: rangeForm(decimals),
  nummultirange: rangesForm(decimals),
};

/** The types whose values can be written in several ways. Their names are as the server writes them without a search path. */
export class KeyForms {
  readonly #domains = new Map<string, string>();
  readonly #composites = new Map<string, readonly string[]>();
  readonly #ranges = new Map<string, string>();
  readonly #multiranges = new Map<string, string>();

  /** `objects`: the schema's statements, which say what its own types are made of. */
  constructor(objects: readonly SchemaObject[]) {
    for (const { kind, sql } of objects) {
      const made = /^CREATE (?:DOMAIN|TYPE) ((?:[^" ]|"[^"]*")+) AS ([\s\S]*)$/.exec(sql);
      if (!made) continue;
      const [key, definition] = [keyOf(made[1]!), made[2]!];
      if (kind === 'domain') this.#domains.set(key, typeAtStart(definition));
      else if (kind === 'composite type') this.#composites.set(key, fieldTypes(definition));
      else if (kind === 'range type') this.#addRange(key, definition);
    }
  }

  /** Undefined where only one text means a value, as far as is known. */
  of(type: string, depth = 0): FormOf | undefined {
    if (depth > maxDepth) return undefined;
    if (type.endsWith('[]')) {
      const item = this.of(type.slice(0, -2), depth + 1);
      return item && arrayForm(item);
    }
    const name = type.replace(/\([\d,-]*\)/, '');
    if (Object.hasOwn(builtIn, name)) return builtIn[name];
    // Some say which fields they have: `interval day to second`.
    if (name.startsWith('interval ')) return microseconds;
    return type.includes('.') ? this.#ofUsers(keyOf(type), depth + 1) : undefined;
  }

  #ofUsers(key: string, depth: number): FormOf | undefined {
    const domain = this.#domains.get(key);
    if (domain !== undefined) return this.of(domain, depth);
    const [range, multirange] = [this.#ranges.get(key), this.#multiranges.get(key)];
    const bound = range ?? multirange;
    if (bound !== undefined) {
      const form = this.of(bound, depth);
      return form && (range === undefined ? rangesForm(form) : rangeForm(form));
    }
    const fields = this.#composites.get(key)?.map((type) => this.of(type, depth));
    return fields?.some((form) => form !== undefined) ? rowForm(fields) : undefined;
  }

  #addRange(key: string, definition: string): void {
    const subtype =
      /^RANGE \(SUBTYPE = (.*?)(?:, (?:MULTIRANGE_TYPE_NAME|SUBTYPE_OPCLASS|COLLATION|CANONICAL|SUBTYPE_DIFF) = |\)$)/s.exec(
        definition,
      )?.[1];
    const multirange = /, MULTIRANGE_TYPE_NAME = ((?:[^",) ]|"[^"]*")+)/.exec(definition)?.[1];
    if (subtype === undefined) return;
    this.#ranges.set(key, subtype);
    if (multirange !== undefined) this.#multiranges.set(keyOf(multirange), subtype);
  }
}

/** One name, whether it is in quotes or not. */
function keyOf(name: string): string {
  return tableKey(parseTableName(name));
}

function typeAtStart(definition: string): string {
  const end = /(?: COLLATE| DEFAULT| NOT NULL| CONSTRAINT| CHECK|;|$)/.exec(definition)!.index;
  return definition.slice(0, end).trim();
}

/** Reads `("a b" integer, c text COLLATE "C")`. */
function fieldTypes(definition: string): string[] {
  const list = definition.trim().replace(/^\(/, '').replace(/\);?$/, '');
  return splitOutsideQuotes(list.replace(/\((\d+),(-?\d+)\)/g, ''), ',').map((field) =>
    typeAtStart(field.trim().replace(/^(?:"(?:[^"]|"")*"|\S+) /, '')),
  );
}

/** `1.50` and `1.5`, `2.0` and `2`. */
function decimals(text: string): string {
  if (!text.includes('.')) return text;
  const end = endWithout(text, '0');
  return text.slice(0, text[end - 1] === '.' ? end - 1 : end);
}

function floats(text: string): string {
  return text === '-0' ? '0' : text;
}

function padded(text: string): string {
  return text.slice(0, endWithout(text, ' '));
}

function endWithout(text: string, last: string): number {
  let end = text.length;
  while (end > 0 && text[end - 1] === last) end -= 1;
  return end;
}

/** `1 year 2 mons -3 days +04:05:06.7`: a month is 30 days, and a day 24 hours, when two of them are compared. */
function microseconds(text: string): string {
  if (text.endsWith('infinity')) return text;
  let [days, time] = [0n, 0n];
  const words = text.split(' ');
  for (const [index, word] of words.entries()) {
    const count = words[index - 1] ?? '';
    if (word.startsWith('year')) days += BigInt(count) * 360n;
    else if (word.startsWith('mon')) days += BigInt(count) * 30n;
    else if (word.startsWith('day')) days += BigInt(count);
    else if (word.includes(':')) time = microsecondsOf(word);
  }
  return String(days * 86_400_000_000n + time);
}

/** `-04:05:06.7` */
function microsecondsOf(time: string): bigint {
  const [hours = '', minutes = '', seconds = ''] = time.replace(/^[-+]/, '').split(':');
  const [whole = '', fraction = ''] = seconds.split('.');
  const all = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(whole);
  const amount = all * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return time.startsWith('-') ? -amount : amount;
}

/** Its numbers are `numeric`. */
function jsonForm(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[\d.]+/g, (part) => (part.startsWith('"') ? part : decimals(part)));
}

function arrayForm(item: FormOf): FormOf {
  return (text) =>
    mapItems(text, (value, quoted) => (quoted || value !== 'NULL' ? JSON.stringify(item(value)) : value));
}

/** Whatever is not a separator or a bracket is an item, in quotes or without. */
function mapItems(text: string, form: (value: string, quoted: boolean) => string): string {
  const start = text.indexOf('{');
  return (
    text.slice(0, start) +
    text
      .slice(start)
      .replace(
        /"((?:[^"\\]|\\[\s\S])*)"|((?:[^"\\{},;]|\\[\s\S])+)/g,
        (_whole, quoted?: string, plain?: string) =>
          form((quoted ?? plain!).replace(/\\([\s\S])/g, '$1'), quoted !== undefined),
      )
  );
}

/** The fields of `(1,"a ""b""",)`; undefined is NULL. */
function rowForm(forms: readonly (FormOf | undefined)[]): FormOf {
  return (text) =>
    JSON.stringify(
      splitQuoted(text.slice(1, -1)).map((field, index) =>
        field === undefined ? null : (forms[index]?.(field) ?? field),
      ),
    );
}

function rangeForm(bound: FormOf): FormOf {
  return (text) => {
    const whole = /^([[(])([\s\S]*)([\])])$/.exec(text);
    if (!whole) return text;
    const bounds = splitQuoted(whole[2]!).map((value) => (value === undefined ? null : bound(value)));
    return `${whole[1]!}${JSON.stringify(bounds)}${whole[3]!}`;
  };
}

function rangesForm(bound: FormOf): FormOf {
  const range = rangeForm(bound);
  return (text) => rangesOf(text).map(range).join();
}

/** The ranges of `{[1,2),("a","]")}`. */
function rangesOf(text: string): string[] {
  const ranges: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '[' || character === '(') start = at;
    else if (character === ']' || character === ')') ranges.push(text.slice(start, at + 1));
  }
  return ranges;
}

/** Splits at commas; in quotes, a quote is written twice or behind a backslash. Nothing at all is undefined. */
function splitQuoted(text: string): (string | undefined)[] {
  const items: (string | undefined)[] = [];
  let item: string | undefined;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '\\') item = (item ?? '') + (text[(at += 1)] ?? '');
    else if (character === '"') {
      if (quoted && text[at + 1] === '"') item += text[(at += 1)]!;
      else quoted = !quoted;
      item ??= '';
    } else if (character === ',' && !quoted) {
      items.push(item);
      item = undefined;
    } else item = (item ?? '') + character;
  }
  items.push(item);
  return items;
}
