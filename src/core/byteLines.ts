import { RestorePointError } from './errors.ts';

/** Longer than any line that Restore Point writes. */
export const maxLineBytes = 256 * 1024 * 1024;

/** About how many bytes of lines are in one page. */
const pageBytes = 256 * 1024;

/** A line without its end. Lines count from 1. */
export interface ByteLine {
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * The lines of a text that comes in pieces, as pages of bounded size; lines without any content are passed over. Throws
 * `usage` for a line that is too long, with its number.
 */
export async function* byteLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<readonly ByteLine[]> {
  let number = 1;
  let page: ByteLine[] = [];
  let held: Uint8Array[] = [];
  let [heldBytes, bytesOfPage] = [0, 0];
  const hold = (bytes: Uint8Array): void => {
    heldBytes += bytes.length;
    if (heldBytes > maxLineBytes) throw tooLong(number);
    if (bytes.length > 0) held.push(bytes);
  };
  const end = (): void => {
    const bytes = withoutReturn(Buffer.concat(held));
    if (bytes.length > 0) page.push({ number, bytes });
    bytesOfPage += bytes.length;
    number++;
    held = [];
    heldBytes = 0;
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, start)) {
      hold(piece.subarray(start, at));
      end();
      start = at + 1;
      if (bytesOfPage < pageBytes) continue;
      yield page;
      page = [];
      bytesOfPage = 0;
    }
    // What is held must not be overwritten by the next piece.
    hold(Buffer.from(piece.subarray(start)));
  }
  end();
  if (page.length > 0) yield page;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
}

function tooLong(number: number): RestorePointError {
  return new RestorePointError(
    'usage',
    `Line ${number} is longer than ${maxLineBytes / 1024 / 1024} MB, more than a row can have`,
  );
}
