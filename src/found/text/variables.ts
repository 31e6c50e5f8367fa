import { hole } from './holes.ts';

/** A variable of a `.env` file. */
export interface Variable {
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

interface Assignment {
  readonly name: string;
  readonly text: string;
  readonly line: number;
  /** Text in single quotes is taken as it is. */
  readonly literal: boolean;
}

const longestValue = 65_536;

/**
 * Reads a `.env` file as the usual tools do: `export`, comments, three kinds of quotes (values in them may have several
 * lines), `${NAME}`, `${NAME:-default}` and `$NAME`. `outside` knows the variables of other files.
 */
export function parseVariables(
  text: string,
  outside: (name: string) => string | undefined = () => undefined,
): Map<string, Variable> {
  const found = new Map<string, Variable>();
  for (const { name, text: raw, line, literal } of assignmentsIn(text)) {
    const lookUp = (other: string): string | undefined => found.get(other)?.value ?? outside(other);
    const value = literal ? raw : expand(raw, lookUp);
    // Values that double each other could fill the memory.
    found.set(name, { value: value.length > longestValue ? hole() : value, line });
  }
  return found;
}

/** Replaces `${NAME}` with its forms for defaults, and `$NAME`. `$$` and `\$` are a dollar sign. */
export function expand(text: string, lookUp: (name: string) => string | undefined, depth = 0): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const next = nextReference(text, at);
    parts.push(text.slice(at, next));
    if (next === text.length) break;
    const braced = text.startsWith('${', next) ? endOfBraces(text, next + 2) : -1;
    const plain = /^\$([A-Za-z_]\w*)/.exec(text.slice(next, next + longestName))?.[1];
    const escaped = text.startsWith('$$', next) || text.startsWith('\\$', next);
    if (escaped) parts.push('$');
    else if (braced >= 0) parts.push(referred(text.slice(next + 2, braced), lookUp, depth));
    else if (plain !== undefined) parts.push(lookUp(plain) ?? hole(plain));
    else parts.push(text[next]!);
    at = escaped ? next + 2 : braced >= 0 ? braced + 1 : next + 1 + (plain?.length ?? 0);
  }
  return parts.join('');
}

const longestName = 100;
const longestReference = 300;
const mostDepth = 5;

function nextReference(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '$' || (text[at] === '\\' && text[at + 1] === '$')) return at;
  }
  return text.length;
}

/** Defaults may have references of their own. */
function endOfBraces(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length && at < from + longestReference; at++) {
    if (text.startsWith('${', at)) open++;
    else if (text[at] === '}' && --open === 0) return at;
  }
  return -1;
}

/** What is in the braces: a name, and what counts if it is not set. */
function referred(inner: string, lookUp: (name: string) => string | undefined, depth: number): string {
  const [, name, operator, word = ''] = /^([A-Za-z_]\w*)(?:(:?[-+?])(.*))?$/s.exec(inner) ?? [];
  if (name === undefined) return `\${${inner}}`;
  const value = lookUp(name);
  const isSet = value !== undefined && (value !== '' || !operator?.startsWith(':'));
  if (operator?.endsWith('+')) return isSet ? word : '';
  if (isSet) return value;
  return operator?.endsWith('-') && depth < mostDepth ? expand(word, lookUp, depth + 1) : hole(name);
}

function assignmentsIn(text: string): Assignment[] {
  const lines = text.split(/\r\n|\n|\r/);
  const found: Assignment[] = [];
  for (let index = 0; index < lines.length; index++) {
    const parts = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)[ \t]*[=:](.*)$/s.exec(lines[index]!);
    if (!parts) continue;
    const [, name = '', right = ''] = parts;
    const line = index + 1;
    const rest = right.trimStart();
    const quote = /^["'`]/.exec(rest)?.[0];
    const quoted = quote === undefined ? undefined : readQuoted(rest, quote, lines, index);
    if (quoted) {
      found.push({ name, text: quoted.text, line, literal: quote === "'" });
      index = quoted.lastLine;
    } else {
      found.push({ name, text: withoutComment(rest), line, literal: false });
    }
  }
  return found;
}

/** The longest value that is looked for over several lines. */
const mostLines = 100;

function readQuoted(
  first: string,
  quote: string,
  lines: readonly string[],
  index: number,
): { text: string; lastLine: number } | undefined {
  const parts: string[] = [];
  for (let at = index; at < lines.length && at < index + mostLines; at++) {
    const line = at === index ? first.slice(1) : lines[at]!;
    const end = endOfQuote(line, quote);
    if (end >= 0) {
      parts.push(line.slice(0, end));
      const text = parts.join('\n');
      return { text: quote === '"' ? unescaped(text) : text, lastLine: at };
    }
    parts.push(line);
  }
  return undefined;
}

function endOfQuote(line: string, quote: string): number {
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\' && quote === '"') at++;
    else if (line[at] === quote) return at;
  }
  return -1;
}

/** `\$` stays, for `expand`. */
function unescaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\([nrt"\\])/g, (_, sign: string) => signs[sign] ?? sign);
}

function withoutComment(text: string): string {
  if (text.startsWith('#')) return '';
  const comment = text.search(/\s#/);
  return (comment < 0 ? text : text.slice(0, comment)).trimEnd();
}
