import { crc32 } from 'node:zlib';
import { directory, endOf, localHeader, type ZipEntry } from '../../src/archive/zip.ts';
import { runsAll, seedOfRun } from './sample.ts';

/** A part of a backup file, as somebody who writes one by hand would have it. */
export interface Part {
  readonly name: string;
  readonly data: Buffer;
}

/** One way of damaging a file. */
export interface Damage {
  /** The kind, for the table of what was tried. */
  readonly kind: string;
  readonly what: string;
  readonly bytes: Buffer;
  /** The entry that the refusal has to name, where that is certain. */
  readonly entry?: string;
}

/** The parts of a sound file. */
export function partsOf(file: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; file.readUInt32LE(at) === 0x04034b50;) {
    const [size, nameLength] = [file.readUInt32LE(at + 18), file.readUInt16LE(at + 26)];
    const start = at + 30 + nameLength;
    parts.push({ name: file.toString('utf8', at + 30, start), data: file.subarray(start, start + size) });
    at = start + size;
  }
  return parts;
}

/** A file of these parts, with all checksums of the container as they should be. */
export function fileOf(parts: readonly Part[]): Buffer {
  const entries: ZipEntry[] = [];
  const pieces: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of parts) {
    const entry = { name, offset, size: data.length, crc32: crc32(data) };
    pieces.push(localHeader(entry), data);
    entries.push(entry);
    offset = endOf(entry);
  }
  return Buffer.concat([...pieces, directory(entries, offset)]);
}

/**
 * Flips one bit of every byte; cuts the file at, puts a byte in at, and removes the byte at every fifth place, and at each
 * place with `DAMAGES=all`. A sample has fewer places.
 */
export function* byteDamages(sound: Buffer): Generator<Damage> {
  const step = process.env['DAMAGES'] === 'all' ? 1 : runsAll ? 5 : 97;
  const flips = runsAll ? 1 : 19;
  for (let at = seedOfRun() % flips; at < sound.length; at += flips) {
    const bytes = Buffer.from(sound);
    bytes[at]! ^= 1 << (at % 8);
    const entry = entryAt(sound, at);
    yield { kind: 'bytes flipped', what: `byte ${at} flipped`, bytes, ...(entry ? { entry } : {}) };
  }
  for (let length = 0; length < sound.length; length += step)
    yield { kind: 'files cut', what: `cut after ${length} bytes`, bytes: sound.subarray(0, length) };
  for (let at = 0; at <= sound.length; at += step) {
    const bytes = Buffer.concat([sound.subarray(0, at), Buffer.from([(at * 7) % 256]), sound.subarray(at)]);
    yield { kind: 'bytes inserted', what: `a byte inserted at ${at}`, bytes };
  }
  for (let at = 0; at < sound.length; at += step) {
    const bytes = Buffer.concat([sound.subarray(0, at), sound.subarray(at + 1)]);
    yield { kind: 'bytes removed', what: `byte ${at} removed`, bytes };
  }
}

/** Whole entries at other places, missing, twice, and with each other's content; the container is always in order. */
export function* entryDamages(sound: Buffer): Generator<Damage> {
  const parts = partsOf(sound);
  for (const [index, { name, data }] of parts.entries()) {
    const without = parts.filter((_, other) => other !== index);
    yield { kind: 'entries removed', what: `${name} removed`, bytes: fileOf(without) };
    for (let place = 0; place <= parts.length; place++) {
      const twice = [...parts.slice(0, place), { name, data }, ...parts.slice(place)];
      yield { kind: 'entries duplicated', what: `${name} again at ${place}`, bytes: fileOf(twice) };
    }
    const renamed = parts.with(index, { name: `${name}x`, data });
    yield { kind: 'entries renamed', what: `${name} renamed`, bytes: fileOf(renamed) };
    for (let other = index + 1; other < parts.length; other++) {
      const { name: otherName, data: otherData } = parts[other]!;
      const swapped = parts.with(index, parts[other]!).with(other, parts[index]!);
      const what = `${name} and ${otherName}`;
      if (!name.startsWith('data/') || !otherName.startsWith('data/'))
        yield { kind: 'entries swapped', what: `${what} swapped`, bytes: fileOf(swapped) };
      const exchanged = parts.with(index, { name, data: otherData }).with(other, { name: otherName, data });
      yield { kind: 'contents exchanged', what: `the contents of ${what}`, bytes: fileOf(exchanged) };
    }
  }
}

/** Every byte of the chunks changed by somebody who also writes the checksums of the container anew. */
export function* forgedDamages(sound: Buffer): Generator<Damage> {
  const parts = partsOf(sound);
  for (const [index, { name, data }] of parts.entries()) {
    if (!name.startsWith('data/')) continue;
    for (let at = 0; at < data.length; at++) {
      const changed = Buffer.from(data);
      changed[at]! ^= 1 << (at % 8);
      const bytes = fileOf(parts.with(index, { name, data: changed }));
      yield { kind: 'chunks forged', what: `byte ${at} of ${name} forged`, bytes, entry: name };
    }
    const shorter = fileOf(parts.with(index, { name, data: data.subarray(0, -1) }));
    yield { kind: 'chunks forged', what: `${name} cut`, bytes: shorter };
  }
}

/** The entry that a byte of a sound file belongs to, if it is in the data of one. */
function entryAt(sound: Buffer, at: number): string | undefined {
  let offset = 0;
  for (const { name, data } of partsOf(sound)) {
    const start = offset + 30 + Buffer.byteLength(name);
    offset = start + data.length;
    if (at >= start && at < offset) return name;
  }
  return undefined;
}
