import { hole } from './holes.ts';

/** A value that code names without being run. Texts may have holes. */
export type Value =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'object'; readonly entries: Entries }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'truth'; readonly truth: boolean }
  /** null, undefined, None */
  | { readonly kind: 'none' };

export type Entries = ReadonlyMap<string, Entry>;

export interface Entry {
  readonly value: Value;
  readonly line: number;
}

export const none: Value = { kind: 'none' };

/** What only running the code would tell. */
export const unknown: Value = { kind: 'text', text: hole() };

/** Texts that double each other could fill the memory. */
const longestText = 8192;

export function textValue(text: string): Value {
  return { kind: 'text', text: text.length > longestText ? hole() : text };
}

/** The text of a value: undefined for a missing one, a hole for anything that is not a text. */
export function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || value.kind === 'none') return undefined;
  return value.kind === 'text' ? value.text : hole();
}

/** The entries of an object; undefined for anything else. */
export function entriesOf(value: Value | undefined): Entries | undefined {
  return value?.kind === 'object' ? value.entries : undefined;
}
