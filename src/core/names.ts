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

/** Reads `orders`, `public.orders`, `"a.b"."c d"`. Throws `usage` for anything else. */
export function parseTableName(text: string): TableName {
  const parts = splitOutsideQuotes(text.trim(), '.').map(unquote);
  const [first, second] = parts;
  if (parts.length === 1 && first) return { name: first };
  if (parts.length === 2 && first && second) return { schema: first, name: second };
  throw new RestorePointError('usage', `"${text}" is no table name`, {
    next: 'Write table or schema.table, with double quotes around a part that holds a dot, a comma or a space.',
  });
}

/** Reads a comma-separated list of table names. */
export function parseTableNames(text: string): TableName[] {
  return splitOutsideQuotes(text, ',')
    .filter((part) => part.trim() !== '')
    .map(parseTableName);
}

/** Splits at `separator` wherever it does not stand between double quotes. */
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

function unquote(part: string): string {
  const trimmed = part.trim();
  const quoted = trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"');
  return quoted ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed;
}

/** Whether a name as the user wrote it means this table: without a schema it means any schema. */
export function nameMatches(wanted: TableName, table: TableName): boolean {
  return wanted.name === table.name && (wanted.schema === undefined || wanted.schema === table.schema);
}
