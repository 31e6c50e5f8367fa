import { RestorePointError } from './errors.ts';

/** A table's (or sequence's) name. `schema` is left out where the engine has none to speak of (SQLite's main). */
export interface TableName {
  readonly schema?: string;
  readonly name: string;
}

/** A map key: two names have the same key exactly when they name the same table. */
export function tableKey(table: TableName): string {
  return JSON.stringify([table.schema ?? null, table.name]);
}

export function sameTable(a: TableName, b: TableName): boolean {
  return a.name === b.name && a.schema === b.schema;
}

function needsQuotes(part: string): boolean {
  return !/^[\p{L}_][\p{L}\p{N}_$]*$/u.test(part);
}

function formatPart(part: string): string {
  return needsQuotes(part) ? `"${part.replaceAll('"', '""')}"` : part;
}

/** For people, and readable again by `parseTableName`: `public.orders`, `"my schema"."a.b"`. */
export function formatTableName(table: TableName): string {
  const name = formatPart(table.name);
  return table.schema === undefined ? name : `${formatPart(table.schema)}.${name}`;
}

/** A table, or with `wildcard` all tables whose names match, where `*` matches any characters. */
export interface TablePattern extends TableName {
  readonly wildcard?: boolean;
}

/**
 * Reads `orders`, `public.orders`, `"a.b"."c d"`, and with a star outside of quotes `audit_*`, `archive.*`.
 * Throws `usage` for anything else.
 */
export function parseTableName(text: string): TablePattern {
  const written = splitOutsideQuotes(text.trim(), '.');
  const parts = written.map(unquote);
  const wildcard = written.some((part) => isBare(part) && part.includes('*')) ? { wildcard: true } : {};
  const [first, second] = parts;
  if (parts.length === 1 && first) return { name: first, ...wildcard };
  if (parts.length === 2 && first && second) return { schema: first, name: second, ...wildcard };
  throw new RestorePointError('usage', `"${text}" is not a table name`, {
    next: 'Write table or schema.table, with double quotes around a part that contains a dot, a comma or a space.',
  });
}

/** Reads a comma-separated list of table names. */
export function parseTableNames(text: string): TablePattern[] {
  return splitOutsideQuotes(text, ',')
    .filter((part) => part.trim() !== '')
    .map(parseTableName);
}

/** Splits at every `separator` outside double quotes. */
export function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let part = '';
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (character === separator && !quoted) {
      parts.push(part);
      part = '';
    } else part += character;
  }
  return [...parts, part];
}

function isBare(part: string): boolean {
  const trimmed = part.trim();
  return trimmed.length < 2 || !trimmed.startsWith('"') || !trimmed.endsWith('"');
}

function unquote(part: string): string {
  const trimmed = part.trim();
  return isBare(part) ? trimmed : trimmed.slice(1, -1).replaceAll('""', '"');
}

/** Whether a name or pattern of the user matches this table; without a schema, it matches in every schema. */
export function nameMatches(wanted: TablePattern, table: TableName): boolean {
  const fits = wanted.wildcard ? starFits : (pattern: string, name: string) => pattern === name;
  return (
    fits(wanted.name, table.name) && (wanted.schema === undefined || fits(wanted.schema, table.schema ?? ''))
  );
}

/** Finds all that a name or pattern means (see `nameMatches`) among many. */
export function nameFinder<Named>(
  all: readonly Named[],
  nameOf: (named: Named) => TableName,
): (wanted: TablePattern) => readonly Named[] {
  const byName = Map.groupBy(all, (named) => nameOf(named).name);
  return (wanted) => {
    const candidates = wanted.wildcard ? all : (byName.get(wanted.name) ?? []);
    return candidates.filter((named) => nameMatches(wanted, nameOf(named)));
  };
}

/** Whether a name matches a pattern in which each `*` is any text. Looks for each part once, after the one before. */
function starFits(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts.shift()!;
  const last = parts.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last))
    return false;
  let place = first.length;
  const end = name.length - last.length;
  return parts.every((part) => {
    const found = name.indexOf(part, place);
    place = found + part.length;
    return found >= 0 && place <= end;
  });
}

/** For engines to which `Orders` and `orders` are the same name, and which fold only the letters A to Z. */
export function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
