/** A column value as JSON: null, true, a string (a text), a number (a safe integer), or else an object of one kind. */
export type JsonValue =
  null | boolean | string | number | { readonly [kind: string]: string | readonly JsonValue[] };

/** Values by the names of their columns. */
export type JsonRow = Readonly<Record<string, JsonValue>>;
