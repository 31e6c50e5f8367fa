import { unescapeText } from './copyText.ts';
import type { FormOf } from './keyForms.ts';

/** A value of a row's key that can be written in several ways. */
export interface KeyEdit {
  /** Its place in the row. */
  readonly place: number;
  readonly form: FormOf | undefined;
}

/** The key forms that this side's server computes for the other side's rows. */
export interface AskedKeys {
  readonly places: readonly number[];
  of(keys: readonly (readonly (string | null)[])[]): Promise<string[]>;
}

/** Makes what is added to rows for their keys: what the server says, and then the forms of values. */
export function addedKeys(
  edits: readonly KeyEdit[],
  asked: AskedKeys | undefined,
): (rows: readonly (readonly Uint8Array[])[]) => Uint8Array[][] | Promise<Uint8Array[][]> {
  const formed = (rows: readonly (readonly Uint8Array[])[]): Uint8Array[][] =>
    rows.map((row) => edits.map(({ place, form }) => formOf(row[place]!, form)));
  if (!asked) return formed;
  return async (rows) => {
    const keys = rows.map((row) => asked.places.map((place) => textOf(row[place]!)));
    const answers = await asked.of(keys);
    return formed(rows).map((forms, index) => [Buffer.from(answers[index]!), ...forms]);
  };
}

function formOf(value: Uint8Array, form: FormOf | undefined): Uint8Array {
  // One byte, one character: what matters to a form is ASCII.
  const text = unescapeText(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'));
  return Buffer.from(JSON.stringify(form ? form(text) : text), 'latin1');
}

function textOf(value: Uint8Array): string | null {
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString();
  return text === String.raw`\N` ? null : unescapeText(text);
}
