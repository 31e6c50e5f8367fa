import { digitsOf, put32, put64, unknown } from './binaryParts.ts';
import { writeFloat8, writeNumeric } from './binaryNumbers.ts';
import { writeDate, writeTimestamp, writeTimestampWithTimeZone } from './binaryTimes.ts';

/**
 * Puts a value of COPY text, the bytes of `text` from `from` up to (and without) `to`, into `out` at `at` as
 * `COPY … (FORMAT binary)` takes it: as its type's receive function reads it. There is room for as many bytes as the
 * text has, and `extraBytes` more. `escaped`: there are backslashes in it. Gives back where it ends in `out`, or
 * `unknown` of a text that is not, or is seldom, what its type's output function writes with the settings that are
 * pinned (see `pinStatements`).
 */
export type WriteValue = (
  text: Buffer,
  from: number,
  to: number,
  out: Buffer,
  at: number,
  escaped: boolean,
) => number;

export const extraBytes = 16;

/** By the OIDs of their types, which are the same on every server. */
export const valueWriters: ReadonlyMap<number, WriteValue> = new Map<number, WriteValue>([
  [16, writeBoolean],
  [17, writeBytes],
  [20, writeInt8],
  [21, writeInt2],
  [23, writeInt4],
  [25, writeText], // text
  [114, writeText], // json
  [701, writeFloat8],
  [1042, writeText], // character(n)
  [1043, writeText], // character varying(n)
  [1082, writeDate],
  [1114, writeTimestamp],
  [1184, writeTimestampWithTimeZone],
  [1700, writeNumeric],
  [2950, writeUuid],
  [3802, writeJsonb],
]);

const [minus, backslash] = [0x2d, 0x5c];

/** Values of hexadecimal digits as PostgreSQL writes them, and 255. */
const hexDigits = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit += 1) hexDigits[digit.toString(16).charCodeAt(0)] = digit;

/** The letter that represents a character after a backslash, or 0. */
const meanings = new Uint8Array(256);
for (const pair of ['\\\\', 'b\b', 'f\f', 'n\n', 'r\r', 't\t', 'v\v']) {
  meanings[pair.charCodeAt(0)] = pair.charCodeAt(1);
}

/** From this length on a call of the system's own copying pays. */
const longBytes = 64;

export function writeText(
  text: Buffer,
  from: number,
  to: number,
  out: Buffer,
  at: number,
  escaped: boolean,
): number {
  if (escaped) return unescape(text, from, to, out, at);
  if (to - from >= longBytes) return at + text.copy(out, at, from, to);
  for (let index = from; index < to; index += 1) out[at++] = text[index]!;
  return at;
}

function unescape(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  for (let index = from; index < to; index += 1) {
    let byte = text[index]!;
    if (byte === backslash) {
      index += 1;
      byte = index < to ? meanings[text[index]!]! : 0;
      if (byte === 0) return unknown;
    }
    out[at++] = byte;
  }
  return at;
}

/** The text, after the version of this form. */
function writeJsonb(
  text: Buffer,
  from: number,
  to: number,
  out: Buffer,
  at: number,
  escaped: boolean,
): number {
  out[at] = 1;
  return writeText(text, from, to, out, at + 1, escaped);
}

/** `\\x00ff`, the first backslash for COPY. */
function writeBytes(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const hexadecimal =
    to - from >= 3 &&
    (to - from) % 2 === 1 &&
    text[from] === backslash &&
    text[from + 1] === backslash &&
    text[from + 2] === 0x78;
  if (!hexadecimal) return unknown;
  if (to - from < longBytes) return writeHex(text, from + 3, to, out, at);
  // It stops at what is no hexadecimal digit.
  const written = out.write(text.toString('latin1', from + 3, to), at, 'hex');
  return written === (to - from - 3) / 2 ? at + written : unknown;
}

function writeHex(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  for (let index = from; index < to; index += 2) {
    const [high, low] = [hexDigits[text[index]!]!, hexDigits[text[index + 1]!]!];
    if ((high | low) === 255) return unknown;
    out[at++] = (high << 4) | low;
  }
  return at;
}

/** `a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11` */
function writeUuid(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  if (to - from !== 36) return unknown;
  let start = from;
  for (const digits of [8, 4, 4, 4, 12]) {
    const end = start + digits;
    if (end < to && text[end] !== minus) return unknown;
    at = writeHex(text, start, end, out, at);
    if (at === unknown) return unknown;
    start = end + 1;
  }
  return at;
}

function writeBoolean(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const letter = text[from];
  if (to - from !== 1 || (letter !== 0x74 && letter !== 0x66)) return unknown;
  out[at] = letter === 0x74 ? 1 : 0;
  return at + 1;
}

function writeInt2(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const value = integer(text, from, to);
  return value >= -(2 ** 15) && value < 2 ** 15 ? out.writeInt16BE(value, at) : unknown;
}

function writeInt4(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const value = integer(text, from, to);
  return value >= -(2 ** 31) && value < 2 ** 31 ? put32(out, at, value) : unknown;
}

function writeInt8(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const value = integer(text, from, to);
  if (!Number.isNaN(value)) return put64(out, at, value);
  const digits = text.toString('latin1', from, to);
  if (!/^-?[0-9]{1,19}$/.test(digits)) return unknown;
  const large = BigInt(digits);
  return BigInt.asIntN(64, large) === large ? out.writeBigInt64BE(large, at) : unknown;
}

/** NaN if it is not a number, or has so many digits that it may not be exact. */
function integer(text: Buffer, from: number, to: number): number {
  const negative = text[from] === minus;
  const first = negative ? from + 1 : from;
  const value = to - first > 15 ? Number.NaN : digitsOf(text, first, to);
  return negative ? -value : value;
}
