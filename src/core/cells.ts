import { type Value, valueText } from './values.ts';

/** A value as text, for people. `null` is SQL's NULL; an object is the start of a value with `length` characters. */
export type Cell = string | null | { readonly start: string; readonly length: number };

/** The approximate limit of characters in one page of rows, and the limit for one value. */
const pageCharacters = 4_000_000;
const cellCharacters = 2_000;

/** How many characters of each value a page of rows can show. */
export function cellLimit(rows: number, columns: number): number {
  const cells = Math.max(1, rows * columns);
  return Math.min(cellCharacters, Math.max(40, Math.floor(pageCharacters / cells)));
}

export function cellOf(value: Value, limit: number): Cell {
  const text = valueText(value);
  if (text === undefined) return null;
  const length = value !== null && 'cutFrom' in value ? value.cutFrom : undefined;
  if (length === undefined && text.length <= limit) return text;
  return { start: cutText(text, limit), length: length ?? text.length };
}

/** The start of a text, never cut inside a character. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return /[\uD800-\uDBFF]$/.test(text.slice(0, limit)) ? text.slice(0, limit - 1) : text.slice(0, limit);
}
