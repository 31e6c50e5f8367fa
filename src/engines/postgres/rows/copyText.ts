/** The escapes of `COPY … (FORMAT text)` for characters that would end a value or a row. */
const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A value of COPY text without its escapes. */
export function unescapeText(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\([\s\S])/g, (_whole, character: string) => escapes[character] ?? character);
}
