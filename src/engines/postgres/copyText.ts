/** What `COPY … (FORMAT text)` writes for characters that would end a value or a row. */
const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A value longer than this is cut: it is shown to a person. */
const shownCharacters = 10_000;
/** Enough bytes for that many characters, each of them escaped. */
const decodedBytes = 8 * shownCharacters;

/**
 * The values of one row of COPY text, without the line feed that ends it, for people: long ones are cut, and say so.
 * `null` is SQL's NULL. A row without columns looks like one with an empty text: `columns` tells them apart.
 */
export function parseRow(row: Uint8Array, columns: number): (string | null)[] {
  if (columns === 0) return [];
  const values: (string | null)[] = [];
  for (let start = 0; ;) {
    const tab = row.indexOf(0x09, start);
    const end = tab < 0 ? row.length : tab;
    values.push(parseValue(row.subarray(start, end)));
    if (tab < 0) return values;
    start = tab + 1;
  }
}

function parseValue(bytes: Uint8Array): string | null {
  const text = new TextDecoder().decode(bytes.subarray(0, decodedBytes));
  if (text === String.raw`\N`) return null;
  const value = unescape(text);
  const cut = value.length > shownCharacters || bytes.length > decodedBytes;
  return cut ? `${value.slice(0, shownCharacters)}… (${bytes.length} bytes in all)` : value;
}

function unescape(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\([\s\S])/g, (_whole, character: string) => escapes[character] ?? character);
}
