/**
 * Limits the cost of reading JSON. A real manifest has some twenty bytes for each of its values, and ten thousand tables of a
 * hundred columns have about five million; a hostile one could have a value in two bytes, and fill the memory with them.
 */
const maxValues = 10_000_000;
/** A real one is nested eight deep. */
const maxDepth = 64;
/** More than any real one needs: ten thousand tables of a hundred columns take about 100 MB, a million chunks too. */
export const maxManifestBytes = 256 * 1024 * 1024;

const [quote, backslash, comma, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\,{}[]');

/** Says what makes JSON too much to be read, before it is; undefined for what is not. */
export function excessOf(json: Uint8Array): string | undefined {
  if (json.length > maxManifestBytes) return `it has more than ${maxManifestBytes} bytes`;
  let [values, depth] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) {
      for (at++; at < json.length && json[at] !== quote; at++) if (json[at] === backslash) at++;
    } else if (byte === comma) values++;
    else if (byte === openBrace || byte === openBracket) {
      values++;
      if (++depth > maxDepth) return `it is nested more than ${maxDepth} levels deep`;
    } else if (byte === closeBrace || byte === closeBracket) depth--;
    if (values > maxValues) return `it has more than ${maxValues} values`;
  }
  return undefined;
}
