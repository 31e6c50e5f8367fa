import { UnclearFile } from './pages.ts';

/** In the order in which SQLite sorts them; integers and reals are one class there. */
export const valueKind = { null: 0, integer: 1, real: 2, text: 3, blob: 4 } as const;

/** The position of a value in the records of a b-tree. */
export interface Place {
  /** Counted from 0. */
  readonly position: number;
  /** Integers represent reals: SQLite stores whole numbers of a REAL column like that, in a table or in its index. */
  readonly real: boolean;
  /** The value of a record that ends before it. */
  readonly absent: 'null' | 'unclear';
}

const float = new Float64Array(1);
const floatHalves = new Int32Array(float.buffer);
const [lowHalf, highHalf] = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** Some values of a record, read in place: they hold as long as its bytes do. */
export class RecordKey {
  bytes: Buffer = Buffer.alloc(0);
  readonly kinds: Uint8Array;
  /** A number's halves of 32 bits; of text and blobs, where they begin and how long they are. */
  readonly high: Int32Array;
  readonly low: Int32Array;
  readonly #places: readonly Place[];
  /** By position in the record, which of the values it is; -1 for none. */
  readonly #slots: Int16Array;

  /** No two places have the same position. */
  constructor(places: readonly Place[]) {
    this.#places = places;
    this.kinds = new Uint8Array(places.length);
    this.high = new Int32Array(places.length);
    this.low = new Int32Array(places.length);
    this.#slots = new Int16Array(1 + Math.max(-1, ...places.map(({ position }) => position))).fill(-1);
    for (const [slot, { position }] of places.entries()) this.#slots[position] = slot;
  }

  /**
   * Gives back whether the record ends with the last of the values. Throws `UnclearFile` where it does not lie in its page
   * as far as it is needed.
   */
  read(bytes: Buffer, at: number, end: number): boolean {
    this.bytes = bytes;
    const slots = this.#slots;
    let header = at;
    if (at >= end) throw new UnclearFile();
    let headerSize = bytes[header++]!;
    if (headerSize >= 0x80) {
      const byte = bytes[header++]!;
      headerSize = (headerSize & 0x7f) * 128 + byte;
      if (byte >= 0x80) throw new UnclearFile();
    }
    const headerEnd = at + headerSize;
    if (headerEnd > end) throw new UnclearFile();
    let body = headerEnd;
    for (let position = 0; position < slots.length; position += 1) {
      const slot = slots[position]!;
      if (header >= headerEnd) {
        if (slot >= 0) this.#absent(slot);
        continue;
      }
      let type = bytes[header++]!;
      if (type >= 0x80) {
        type &= 0x7f;
        for (let byte = 0x80; byte >= 0x80;) {
          if (header >= headerEnd || type > 0xffffff) throw new UnclearFile();
          byte = bytes[header++]!;
          type = type * 128 + (byte & 0x7f);
        }
      }
      const size = sizeOf(type);
      if (slot >= 0) {
        if (body + size > end) throw new UnclearFile();
        this.#take(slot, type, body, size);
      }
      body += size;
    }
    return header === headerEnd && body === end;
  }

  /** The value in a column that is the rowid is not in its record. */
  setInteger(slot: number, high: number, low: number): void {
    this.kinds[slot] = valueKind.integer;
    this.high[slot] = high;
    this.low[slot] = low;
  }

  #absent(slot: number): void {
    if (this.#places[slot]!.absent === 'unclear') throw new UnclearFile();
    this.kinds[slot] = valueKind.null;
  }

  #take(slot: number, type: number, at: number, size: number): void {
    if (type >= 12) {
      this.kinds[slot] = type & 1 ? valueKind.text : valueKind.blob;
      this.high[slot] = at;
      this.low[slot] = size;
      return;
    }
    const { bytes } = this;
    let high = 0;
    let low: number;
    switch (type) {
      case 0:
        this.kinds[slot] = valueKind.null;
        return;
      case 1:
        low = (bytes[at]! << 24) >> 24;
        break;
      case 2:
        low = ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
        break;
      case 3:
        low = ((bytes[at]! << 24) >> 8) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
        break;
      case 4:
        low = word(bytes, at);
        break;
      case 5:
        high = ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
        low = word(bytes, at + 2);
        break;
      case 6:
      case 7:
        high = word(bytes, at);
        low = word(bytes, at + 4);
        break;
      case 8:
      case 9:
        low = type - 8;
        break;
      default:
        throw new UnclearFile();
    }
    if (type < 5 || type > 7) high = low >> 31;
    this.kinds[slot] = type === 7 ? valueKind.real : valueKind.integer;
    this.high[slot] = high;
    this.low[slot] = low;
    // SQLite takes it for NULL, and writes none.
    if (type === 7 && Number.isNaN(realOf(high, low))) throw new UnclearFile();
    if (type !== 7 && this.#places[slot]!.real) this.#makeReal(slot);
  }

  #makeReal(slot: number): void {
    float[0] = numberAt(this, slot);
    this.kinds[slot] = valueKind.real;
    this.high[slot] = floatHalves[highHalf]!;
    this.low[slot] = floatHalves[lowHalf]!;
  }
}

function sizeOf(type: number): number {
  if (type >= 12) return (type - 12) >>> 1;
  if (type <= 4) return type;
  if (type === 5) return 6;
  return type <= 7 ? 8 : 0;
}

function word(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/**
 * How the first values of two keys are sorted, text by its bytes: negative when `a` comes first. `descending` tells of
 * each whether it is sorted the other way round. Throws `UnclearFile` for a large integer beside a real.
 */
export function compareKeys(a: RecordKey, b: RecordKey, descending: readonly boolean[]): number {
  for (let slot = 0; slot < descending.length; slot += 1) {
    const kind = a.kinds[slot]!;
    const other = b.kinds[slot]!;
    let order: number;
    if (kind === other) order = kind === valueKind.null ? 0 : compareValues(a, b, slot, kind);
    else if (isNumber(kind) && isNumber(other)) order = compareReals(numberAt(a, slot), numberAt(b, slot));
    else order = kind - other;
    if (order !== 0) return descending[slot]! ? -order : order;
  }
  return 0;
}

function isNumber(kind: number): boolean {
  return kind === valueKind.integer || kind === valueKind.real;
}

/** Negative when the integer of `a` is less. */
export function compareIntegers(a: RecordKey, b: RecordKey, slot: number): number {
  return a.high[slot]! - b.high[slot]! || (a.low[slot]! >>> 0) - (b.low[slot]! >>> 0);
}

function compareValues(a: RecordKey, b: RecordKey, slot: number, kind: number): number {
  if (kind === valueKind.integer) return compareIntegers(a, b, slot);
  const high = a.high[slot]!;
  const low = a.low[slot]!;
  const otherHigh = b.high[slot]!;
  const otherLow = b.low[slot]!;
  if (kind === valueKind.real) return compareReals(realOf(high, low), realOf(otherHigh, otherLow));
  return a.bytes.compare(b.bytes, otherHigh, otherHigh + otherLow, high, high + low);
}

/** By subtraction, infinity would be next to itself. */
function compareReals(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** An integer that a real represents exactly, or a real. */
function numberAt({ kinds, high, low }: RecordKey, slot: number): number {
  if (kinds[slot] === valueKind.real) return realOf(high[slot]!, low[slot]!);
  const value = high[slot]! * 2 ** 32 + (low[slot]! >>> 0);
  if (!Number.isSafeInteger(value)) throw new UnclearFile();
  return value;
}

function realOf(high: number, low: number): number {
  floatHalves[highHalf] = high;
  floatHalves[lowHalf] = low;
  return float[0]!;
}
