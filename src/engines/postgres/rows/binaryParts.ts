/** Returned by a writer of values instead of a position: the server has to read this text itself. */
export const unknown = -1;

const zero = 0x30;
const word = 2 ** 32;

/**
 * The number that the digits of `text` from `from` up to `to` form; NaN if there are none, or if something else is among
 * them. Exact up to 15 of them.
 */
export function digitsOf(text: Buffer, from: number, to: number): number {
  if (from >= to) return Number.NaN;
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = text[index]! - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Two bytes. Gives back where they end, as all of these do. */
export function put16(out: Buffer, at: number, value: number): number {
  out[at] = value >> 8;
  out[at + 1] = value;
  return at + 2;
}

/** Four bytes, of the value modulo 2^32. */
export function put32(out: Buffer, at: number, value: number): number {
  const bits = value | 0;
  out[at] = bits >> 24;
  out[at + 1] = bits >> 16;
  out[at + 2] = bits >> 8;
  out[at + 3] = bits;
  return at + 4;
}

/** Eight bytes of an integer up to 2^53. */
export function put64(out: Buffer, at: number, value: number): number {
  put32(out, at, Math.floor(value / word));
  return put32(out, at + 4, value);
}
