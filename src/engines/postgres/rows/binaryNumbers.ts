import { digitsOf, put16, unknown } from './binaryParts.ts';

const [minus, point] = [0x2d, 0x2e];

/** Longer ones are seldom, and cost the server little beside what follows from them. */
const maxNumericBytes = 1000;
const negativeSign = 0x4000;

/**
 * `-1234.50`: the number of digits to the base of 10,000, the power of it that the first one counts, the sign, how many
 * decimals are shown, and the digits. Zeros before and behind do not matter.
 */
export function writeNumeric(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const negative = text[from] === minus;
  const first = negative ? from + 1 : from;
  let end = first;
  while (end < to && text[end] !== point) end += 1;
  const decimals = Math.max(0, to - end - 1);
  // `5.` and `.5` are not written so.
  if (end === first || end === to - 1 || to - first > maxNumericBytes) return unknown;
  let place = at + 8;
  // Digits are counted from the point: the first one can be of fewer than four decimal ones, and so can the last.
  for (let start = first, stop = first + 1 + ((end - first - 1) % 4); start < end; start = stop, stop += 4) {
    place = putDigit(text, start, stop, out, place);
    if (place === unknown) return unknown;
  }
  const weight = (place - at - 8) / 2 - 1;
  for (let start = end + 1; start < to; start += 4) {
    place = putDigit(text, start, Math.min(to, start + 4), out, place, start + 4 - to);
    if (place === unknown) return unknown;
  }
  put16(out, at, (place - at - 8) / 2);
  put16(out, at + 2, weight);
  put16(out, at + 4, negative ? negativeSign : 0);
  put16(out, at + 6, decimals);
  return place;
}

/** `missing`: how many decimal digits it has less than four, at its end. */
function putDigit(text: Buffer, from: number, to: number, out: Buffer, at: number, missing = 0): number {
  let value = digitsOf(text, from, to);
  for (let zeros = missing; zeros > 0; zeros -= 1) value *= 10;
  return Number.isNaN(value) ? unknown : put16(out, at, value);
}

/** `0.1`, `1e-05`: the shortest text that means just this number, in JavaScript too. */
export function writeFloat8(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const digits = text.toString('latin1', from, to);
  if (!/^-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?$/.test(digits)) return unknown;
  const value = Number(digits);
  // Too large or too small for one.
  if (!Number.isFinite(value) || (value === 0 && !/^-?0$/.test(digits))) return unknown;
  return out.writeDoubleBE(value, at);
}
