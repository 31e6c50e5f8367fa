import { crc32 } from 'node:zlib';

/**
 * The one form of ZIP that a backup is written in (FORMAT.md, "Container"): entries are stored as they are, one after
 * another, with every other field fixed. So the bytes between the entries follow from the list of entries, and a
 * reader can compare them instead of believing them: not one byte of a backup can change unseen.
 */
export interface ZipEntry {
  readonly name: string;
  /** The start of its local header. */
  readonly offset: number;
  /** Size of the data in bytes; it is stored without compression. */
  readonly size: number;
  readonly crc32: number;
}

/** A larger entry would need sizes of 64 bits in its local header, which no chunk can reach. */
export const maxEntryBytes = 0xffff_fffe;

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const zip64EndSignature = 0x06064b50;
const zip64LocatorSignature = 0x07064b50;
const endSignature = 0x06054b50;

const versionPlain = 20;
const versionZip64 = 45;
const madeByUnix = (3 << 8) | versionZip64;
const utf8Names = 0x0800;
/** 1980-01-01, the earliest that ZIP knows: the manifest says when a backup was taken. */
const fixedDate = 0x0021;
const regularFile = (0o100600 << 16) >>> 0;
const limit16 = 0xffff;
const limit32 = 0xffff_ffff;

export const endBytes = 22;
export const zip64TailBytes = 56 + 20;

export function entryOf(name: string, offset: number, data: Uint8Array): ZipEntry {
  return { name, offset, size: data.length, crc32: crc32(data) };
}

/** The header before the data of an entry. */
export function localHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.name, 'utf8');
  const header = Buffer.alloc(30);
  header.writeUInt32LE(localSignature, 0);
  writeCommonFields(header, 4, entry, name.length, versionPlain);
  return Buffer.concat([header, name]);
}

/** The entry whose header `bytes` begins with; undefined if it begins with no such header. */
export function parseLocalHeader(bytes: Buffer, offset: number): ZipEntry | undefined {
  if (bytes.length < 30 || bytes.readUInt32LE(0) !== localSignature) return undefined;
  const end = 30 + bytes.readUInt16LE(26);
  if (end > bytes.length) return undefined;
  const entry = {
    name: bytes.toString('utf8', 30, end),
    offset,
    size: bytes.readUInt32LE(18),
    crc32: bytes.readUInt32LE(14),
  };
  return localHeader(entry).equals(bytes.subarray(0, end)) ? entry : undefined;
}

/** Whether the list of entries begins here. */
export function startsDirectory(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32LE(0) === centralSignature;
}

/** The start of the next entry. */
export function endOf(entry: ZipEntry): number {
  return entry.offset + 30 + Buffer.byteLength(entry.name, 'utf8') + entry.size;
}

function centralHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.name, 'utf8');
  const far = entry.offset >= limit32;
  const header = Buffer.alloc(46);
  header.writeUInt32LE(centralSignature, 0);
  header.writeUInt16LE(madeByUnix, 4);
  writeCommonFields(header, 6, entry, name.length, far ? versionZip64 : versionPlain);
  header.writeUInt16LE(far ? 12 : 0, 30);
  header.writeUInt32LE(regularFile, 38);
  header.writeUInt32LE(far ? limit32 : entry.offset, 42);
  if (!far) return Buffer.concat([header, name]);
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(entry.offset), 4);
  return Buffer.concat([header, name, extra]);
}

function writeCommonFields(
  header: Buffer,
  at: number,
  entry: ZipEntry,
  nameLength: number,
  version: number,
): void {
  header.writeUInt16LE(version, at);
  header.writeUInt16LE(utf8Names, at + 2);
  header.writeUInt16LE(fixedDate, at + 8);
  header.writeUInt32LE(entry.crc32, at + 10);
  header.writeUInt32LE(entry.size, at + 14);
  header.writeUInt32LE(entry.size, at + 18);
  header.writeUInt16LE(nameLength, at + 22);
}

/** All that follows the last entry: the list of entries and its end records. `offset` is where it begins. */
export function directory(entries: readonly ZipEntry[], offset: number): Buffer {
  const list = Buffer.concat(entries.map(centralHeader));
  const far = entries.length >= limit16 || offset >= limit32 || list.length >= limit32;
  return Buffer.concat([
    list,
    far ? zip64Tail(entries.length, list.length, offset) : Buffer.alloc(0),
    endRecord(entries.length, list.length, offset),
  ]);
}

function zip64Tail(count: number, size: number, offset: number): Buffer {
  const tail = Buffer.alloc(zip64TailBytes);
  tail.writeUInt32LE(zip64EndSignature, 0);
  tail.writeBigUInt64LE(44n, 4);
  tail.writeUInt16LE(madeByUnix, 12);
  tail.writeUInt16LE(versionZip64, 14);
  tail.writeBigUInt64LE(BigInt(count), 24);
  tail.writeBigUInt64LE(BigInt(count), 32);
  tail.writeBigUInt64LE(BigInt(size), 40);
  tail.writeBigUInt64LE(BigInt(offset), 48);
  tail.writeUInt32LE(zip64LocatorSignature, 56);
  tail.writeBigUInt64LE(BigInt(offset + size), 64);
  tail.writeUInt32LE(1, 72);
  return tail;
}

function endRecord(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(endBytes);
  end.writeUInt32LE(endSignature, 0);
  end.writeUInt16LE(Math.min(count, limit16), 8);
  end.writeUInt16LE(Math.min(count, limit16), 10);
  end.writeUInt32LE(Math.min(size, limit32), 12);
  end.writeUInt32LE(Math.min(offset, limit32), 16);
  return end;
}

/** The position of the list of entries; undefined if `tail`, the last bytes of the file, is not the end of such a file. */
export function findDirectory(tail: Buffer): { offset: number; size: number } | undefined {
  const end = tail.length - endBytes;
  if (end < 0 || tail.readUInt32LE(end) !== endSignature) return undefined;
  const offset = tail.readUInt32LE(end + 16);
  const size = tail.readUInt32LE(end + 12);
  const far = end - zip64TailBytes;
  if (far < 0 || tail.readUInt32LE(far) !== zip64EndSignature) return { offset, size };
  return { offset: Number(tail.readBigUInt64LE(far + 48)), size: Number(tail.readBigUInt64LE(far + 40)) };
}

/** Reads the list of entries without believing more of it than names, sizes, offsets and checksums. */
export function parseDirectory(list: Buffer): ZipEntry[] | undefined {
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at < list.length) {
    if (at + 46 > list.length || list.readUInt32LE(at) !== centralSignature) return undefined;
    const nameLength = list.readUInt16LE(at + 28);
    const extraLength = list.readUInt16LE(at + 30);
    const next = at + 46 + nameLength + extraLength;
    if (next > list.length || (extraLength !== 0 && extraLength !== 12)) return undefined;
    const extra = next - extraLength;
    entries.push({
      name: list.toString('utf8', at + 46, at + 46 + nameLength),
      crc32: list.readUInt32LE(at + 16),
      size: list.readUInt32LE(at + 24),
      offset: extraLength === 0 ? list.readUInt32LE(at + 42) : Number(list.readBigUInt64LE(extra + 4)),
    });
    at = next;
  }
  return entries;
}
