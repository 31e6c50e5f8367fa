import type { Value } from './values.ts';

/**
 * Bytes that have the order of the values of one column: see `RowOrder`. Undefined for NULL. No key is the beginning of
 * another one.
 */
export function sortKey(value: Value): Buffer | undefined {
  if (value === null) return undefined;
  switch (value.kind) {
    case 'integer':
    case 'decimal':
    case 'float':
      return numberKey(value.text) ?? textKey(value.text);
    case 'boolean':
      return Buffer.from([kinds.boolean, value.value ? 1 : 0]);
    case 'date':
    case 'timestamp':
      return momentKey(value.text) ?? textKey(value.text);
    case 'time':
      return timeKey(value.text) ?? textKey(value.text);
    case 'bytes':
      return Buffer.concat([Buffer.from([kinds.bytes]), ended(value.bytes)]);
    case 'array':
      return arrayKey(value.items);
    default:
      return textKey(value.text);
  }
}

/** The order of kinds that one column has. */
const kinds = { number: 1, boolean: 2, moment: 3, time: 4, array: 5, text: 6, bytes: 7 } as const;

function textKey(text: string): Buffer {
  return Buffer.concat([Buffer.from([kinds.text]), ended(Buffer.from(text))]);
}

/** With an end that comes before every other byte. */
function ended(bytes: Uint8Array): Buffer {
  const escaped: number[] = [];
  if (!bytes.includes(0)) return Buffer.concat([bytes, endOfBytes]);
  for (const byte of bytes) escaped.push(...(byte === 0 ? [0, 0xff] : [byte]));
  return Buffer.concat([Buffer.from(escaped), endOfBytes]);
}

const endOfBytes = Buffer.from([0, 0]);

/** Below zero, zero, above zero, and the three words. */
const signs = { lowest: 0, negative: 1, zero: 2, positive: 3, highest: 4, nan: 5 } as const;

const words: Readonly<Record<string, number>> = {
  '-Infinity': signs.lowest,
  Infinity: signs.highest,
  NaN: signs.nan,
};

/** A number of any size, exactly: its sign, the place of its point, its digits. */
function numberKey(text: string): Buffer | undefined {
  const word = Object.hasOwn(words, text) ? words[text] : undefined;
  if (word !== undefined) return Buffer.from([kinds.number, word]);
  const parts = /^(-?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text);
  if (!parts || !/\d/.test(text)) return undefined;
  const [, minus, whole = '', fraction = '', exponent = '0'] = parts;
  const all = whole + fraction;
  const [leading, end] = significant(all);
  const digits = all.slice(leading, end);
  if (digits === '') return Buffer.from([kinds.number, signs.zero]);
  const point = whole.length - leading + Number(exponent);
  const key = Buffer.alloc(2 + exponentBytes(point) + digits.length + 1);
  key[0] = kinds.number;
  key[1] = minus ? signs.negative : signs.positive;
  key.write(digits, writeExponent(key, point, 2), 'latin1');
  if (minus) for (let index = 2; index < key.length; index++) key[index]! ^= 0xff;
  return key;
}

/** Most exponents take one byte, so that few bytes of a key tell most numbers apart. */
const [smallest, largest] = [-100, 100];

function exponentBytes(exponent: number): number {
  return exponent < smallest || exponent > largest ? 5 : 1;
}

/** Gives back where it ends. */
function writeExponent(key: Buffer, exponent: number, at: number): number {
  if (exponentBytes(exponent) === 1) return key.writeUInt8(exponent + 0x80, at);
  key[at] = exponent < smallest ? 0 : 0xff;
  return key.writeUInt32BE(exponent + 0x8000_0000, at + 1);
}

/** Where the digits begin and end that are not zeros before or after the others. */
function significant(digits: string): [start: number, end: number] {
  let [start, end] = [0, digits.length];
  while (start < end && digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  return [start, end];
}

const day = /^(\d{4,})-(\d\d)-(\d\d)(?:[T ]([\d:.]+))?(Z|[+-]\d\d(?::?\d\d){0,2})?( BC)?$/;

/** The moment of a date or a timestamp, in a calendar without gaps. */
function momentKey(text: string): Buffer | undefined {
  if (text === '-infinity') return Buffer.from([kinds.moment, 0]);
  if (text === 'infinity') return Buffer.from([kinds.moment, 2]);
  const found = day.exec(text);
  if (!found) return undefined;
  const [, year, month, date, time = '00:00:00', zone, before] = found;
  const years = before ? 1 - Number(year) : Number(year);
  const moment = BigInt(daysOf(years, Number(month), Number(date))) * dayMicroseconds + timeOf(time, zone);
  return Buffer.concat([Buffer.from([kinds.moment, 1]), numberKey(String(moment))!]);
}

const dayMicroseconds = 86_400_000_000n;

/** Days since some day, in the Gregorian calendar of any year. */
function daysOf(year: number, month: number, date: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + date - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra;
}

/** In microseconds, at the zone of UTC. */
function timeOf(time: string, zone = 'Z'): bigint {
  const [hours = '0', minutes = '0', seconds = '0'] = time.split(':');
  const [whole, fraction = ''] = seconds.split('.');
  const inSeconds = Number(hours) * 3600 + Number(minutes) * 60 + Number(whole);
  const [, sign, ...parts] = /^([+-]?)(\d\d)?:?(\d\d)?:?(\d\d)?$/.exec(zone === 'Z' ? '' : zone) ?? [];
  const [away = 0, awayMinutes = 0, awaySeconds = 0] = parts.map((part) => Number(part ?? 0));
  const offset = (away * 3600 + awayMinutes * 60 + awaySeconds) * (sign === '-' ? -1 : 1);
  return BigInt(inSeconds - offset) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** Of equal moments in several zones, the one that is furthest to the east is first, as in PostgreSQL. */
function timeKey(text: string): Buffer | undefined {
  const found = /^(\d\d:\d\d:[\d.]+)(Z|[+-]\d\d(?::?\d\d){0,2})?$/.exec(text);
  if (!found) return undefined;
  const [, time, zone] = found;
  const moment = timeOf(time!, zone);
  const offset = timeOf(time!) - moment;
  const parts = [moment, -offset].map((number) => numberKey(String(number))!);
  return Buffer.concat([Buffer.from([kinds.time]), ...parts]);
}

/** Item by item; an array that ends earlier is first. NULL is the last item, as in PostgreSQL. */
function arrayKey(items: readonly Value[]): Buffer {
  const parts = items.map((item) => {
    const key = sortKey(item);
    return key ? Buffer.concat([Buffer.from([1]), key]) : Buffer.from([2]);
  });
  return Buffer.concat([Buffer.from([kinds.array]), ...parts, Buffer.from([0])]);
}
