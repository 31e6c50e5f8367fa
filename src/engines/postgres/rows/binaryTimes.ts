import { digitsOf, put32, put64, unknown } from './binaryParts.ts';

const [minus, plus, colon, point, space, zero] = [0x2d, 0x2b, 0x3a, 0x2e, 0x20, 0x30];

/** Days from 0000-03-01, with which years of 400 begin, to 2000-01-01, with which PostgreSQL's begin. */
const firstDay = 730_425;
/** 5874897-12-31. The numbers behind it mean infinity, or days before Christ. */
const lastDay = 2_145_031_948;
const microsecondsOfDay = 86_400_000_000;
/** A timestamp of more days, before or after 2000, may have more microseconds than a number holds exactly. */
const maxDays = 100_000;

/** `2026-11-24`: days since 2000-01-01. */
export function writeDate(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const days = daysOf(text, from, to);
  // Nor is it true of what is not a number.
  return days <= lastDay ? put32(out, at, days) : unknown;
}

/** `2026-11-24 03:34:37.000001`: microseconds since 2000-01-01. */
export function writeTimestamp(text: Buffer, from: number, to: number, out: Buffer, at: number): number {
  let dateEnd = from + 10;
  // A year can have more than four digits.
  while (dateEnd < to && text[dateEnd] !== space) dateEnd += 1;
  const days = daysOf(text, from, dateEnd);
  const time = timeOf(text, dateEnd + 1, to);
  // For NaN, neither is true.
  return Math.abs(days) <= maxDays && time >= 0 ? put64(out, at, days * microsecondsOfDay + time) : unknown;
}

/** `2026-11-24 03:34:37.000001+00` */
export function writeTimestampWithTimeZone(
  text: Buffer,
  from: number,
  to: number,
  out: Buffer,
  at: number,
): number {
  const end = to - 3;
  const utc = end > from && text[end] === plus && text[end + 1] === zero && text[end + 2] === zero;
  return utc ? writeTimestamp(text, from, end, out, at) : unknown;
}

/** NaN of what is no date after Christ. */
function daysOf(text: Buffer, from: number, to: number): number {
  const yearEnd = to - 6;
  const year = yearEnd - from < 4 || yearEnd - from > 7 ? Number.NaN : digitsOf(text, from, yearEnd);
  const month = digitsOf(text, to - 5, to - 3);
  const day = digitsOf(text, to - 2, to);
  const dashes = text[yearEnd] === minus && text[to - 3] === minus;
  if (!dashes || !(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return Number.NaN;
  return day <= daysOfMonth(year, month) ? daysFrom2000(year, month, day) : Number.NaN;
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Counted from March on, the day that a leap year has more comes last. */
function daysFrom2000(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const monthFromMarch = month > 2 ? month - 3 : month + 9;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  return shifted * 365 + leapDays + dayOfYear - firstDay;
}

/** Microseconds of `03:34:37` or `03:34:37.123`; NaN of anything else. */
function timeOf(text: Buffer, from: number, to: number): number {
  const secondsEnd = from + 8;
  if (secondsEnd > to || text[from + 2] !== colon || text[from + 5] !== colon) return Number.NaN;
  const hours = digitsOf(text, from, from + 2);
  const minutes = digitsOf(text, from + 3, from + 5);
  const seconds = digitsOf(text, from + 6, secondsEnd);
  if (!(hours < 24 && minutes < 60 && seconds < 60)) return Number.NaN;
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + microsecondsOf(text, secondsEnd, to);
}

function microsecondsOf(text: Buffer, from: number, to: number): number {
  if (from === to) return 0;
  const count = to - from - 1;
  if (text[from] !== point || count > 6) return Number.NaN;
  let value = digitsOf(text, from + 1, to);
  for (let missing = count; missing < 6; missing += 1) value *= 10;
  return value;
}
