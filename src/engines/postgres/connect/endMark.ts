import { type ErrorPlace, RestorePointError } from '../../../core/errors.ts';

const [backslash, dot] = [0x5c, 0x2e];
const mark = Buffer.from('\\.');

/**
 * The same bytes of COPY text. Before version 18 a server takes a backslash and a dot for the end of all rows, and drops
 * what follows: no backup has it. Throws `damaged-backup` if it occurs.
 */
export async function* withoutEndMark(
  source: AsyncIterable<Uint8Array>,
  place?: ErrorPlace,
): AsyncIterable<Uint8Array> {
  // Whether the bytes before end with a backslash that escapes what comes next.
  let escaping = false;
  for await (const bytes of source) {
    if (hasMark(bytes, escaping)) {
      throw new RestorePointError(
        'damaged-backup',
        'Its rows contain an end-of-data marker before their end',
        place ? { place } : {},
      );
    }
    escaping = escapesNext(bytes, escaping);
    yield bytes;
  }
}

function hasMark(bytes: Uint8Array, escaping: boolean): boolean {
  if (escaping && bytes[0] === dot) return true;
  const { buffer, byteOffset, byteLength } = bytes;
  const text = Buffer.from(buffer, byteOffset, byteLength);
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1))
    if (escapesNext(text.subarray(0, at + 1), escaping)) return true;
  return false;
}

/** Whether the bytes end with an odd number of backslashes. */
function escapesNext(bytes: Uint8Array, escaping: boolean): boolean {
  let start = bytes.length;
  while (start > 0 && bytes[start - 1] === backslash) start--;
  const odd = (bytes.length - start) % 2 === 1;
  return start === 0 && escaping ? !odd : odd;
}
