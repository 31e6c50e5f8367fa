import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { takeBackup } from '../../src/backup/takeBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Compression } from '../../src/core/manifest.ts';
import { fileOf, partsOf } from './damage.ts';
import type { RandomSource } from './randomSource.ts';
import type { TestDatabase } from './testDatabases.ts';

/** JSON that anything may be done to. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** A backup as somebody sees it who writes one by hand. */
export interface Forgery {
  readonly manifest: JsonObject;
  /** The stored bytes of each chunk, by its entry. */
  readonly chunks: Map<string, Buffer>;
}

/** The bytes of a backup of all of a database, which `file` is used for and does not outlast. */
export async function soundBackup(
  source: TestDatabase,
  file: string,
  compression: Compression,
): Promise<Buffer> {
  const session = await source.connect({ readOnly: true });
  try {
    await takeBackup(session, { file, logger: silentLogger, compression });
  } finally {
    await session.close();
  }
  const bytes = await readFile(file);
  await rm(file);
  return bytes;
}

/** A file with everything changed that was wanted, and every checksum that it has made anew. */
export function forge(sound: Buffer, change: (forgery: Forgery) => void): Buffer {
  const parts = partsOf(sound);
  const manifest = JSON.parse(parts.at(-1)!.data.toString()) as JsonObject;
  const chunks = new Map(parts.slice(0, -2).map(({ name, data }) => [name, data]));
  const before = new Map(chunks);
  change({ manifest, chunks });
  for (const chunk of chunksOf(manifest)) {
    const entry = chunk['entry'];
    const data = typeof entry === 'string' ? chunks.get(entry) : undefined;
    if (!data || data === before.get(entry as string)) continue;
    chunk['sha256'] = createHash('sha256').update(data).digest('hex');
    chunk['storedBytes'] = data.length;
  }
  return fileWith(sound, JSON.stringify(manifest), chunks);
}

/** The same with a manifest that is no JSON that JavaScript could write. */
export function fileWith(sound: Buffer, manifest: string, chunks?: ReadonlyMap<string, Buffer>): Buffer {
  const parts = partsOf(sound);
  const data = chunks ? [...chunks].map(([name, bytes]) => ({ name, data: bytes })) : parts.slice(0, -2);
  return fileOf([...data, parts.at(-2)!, { name: 'manifest.json', data: Buffer.from(manifest) }]);
}

export function chunksOf(manifest: JsonObject): JsonObject[] {
  return objectsAt(manifest['payloads']).flatMap((payload) => objectsAt(payload['chunks']));
}

export function objectsAt(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Texts that have done harm somewhere. */
const hardTexts: readonly string[] = [
  '',
  '..',
  '../../../../tmp/restore-point-escaped',
  '/tmp/restore-point-escaped',
  'C:\\Windows\\x',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  `x'; DROP TABLE secret; --`,
  `x"; DROP TABLE secret; --`,
  'x`; DROP TABLE secret; --',
  'secret',
  'COMMIT',
  'COMMIT; DROP TABLE secret',
  'ROLLBACK',
  `ATTACH 'escaped.db' AS escaped`,
  `COPY secret TO PROGRAM 'touch /tmp/restore-point-escaped'`,
  `SELECT load_extension('x')`,
  '\\! touch /tmp/restore-point-escaped',
  '${process.exit(1)}',
  '\u0000',
  '\u001b[2J\u001b]0;x\u0007',
  '\u202egnp.exe',
  '\ud800',
  'a\nb',
  'x'.repeat(100_000),
  '🂡',
  '9223372036854775808',
  '-9223372036854775809',
];

const hardNumbers: readonly number[] = [0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, -1e308, 1, 3, 2 ** 40];

type Place = { readonly holder: Json[] | JsonObject; readonly key: string | number };

/** Changes one thing in a manifest, wherever it is. Resolves to what, for the message of a test that fails. */
export function mutate(manifest: JsonObject, random: RandomSource): string {
  const places = [...placesOf(manifest)];
  const { holder, key } = random.pick(places);
  const container = holder as JsonObject;
  const before = container[key];
  switch (random.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete container[key];
      break;
    case 1:
      container[key] = random.pick(hardTexts);
      break;
    case 2:
      container[key] = random.pick(hardNumbers);
      break;
    case 3: {
      const other = random.pick(places);
      container[key] = structuredClone((other.holder as JsonObject)[other.key] ?? null);
      break;
    }
    case 4:
      if (Array.isArray(holder)) holder.push(structuredClone(before ?? null));
      else container[random.pick(hardTexts)] = structuredClone(before ?? null);
      break;
    case 5:
      container[key] = random.pick([null, true, false, [], {}]);
      break;
    default:
      container[key] = typeof before === 'string' ? spoil(before, random) : random.pick(hardTexts);
  }
  return `${String(key)}: ${JSON.stringify(before)?.slice(0, 80)} became ${JSON.stringify(container[key])?.slice(0, 80)}`;
}

/** A text with something hostile in the middle, or a part of it twice or missing. */
function spoil(text: string, random: RandomSource): string {
  const at = random.below(text.length + 1);
  const rest = text.slice(random.pick([at, Math.max(0, at - 3), at + 1]));
  return text.slice(0, at) + random.pick([...hardTexts, ';', '"', "'", ' ', '']) + rest;
}

function* placesOf(value: Json): Generator<Place> {
  if (typeof value !== 'object' || value === null) return;
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const key of keys) {
    yield { holder: value, key };
    yield* placesOf((value as JsonObject)[key] ?? null);
  }
}

/** Bytes with some of them changed, taken out or put in. */
export function mutateBytes(bytes: Buffer, random: RandomSource): Buffer {
  const at = random.below(bytes.length + 1);
  const piece = random.pick([
    random.bytes(1 + random.below(8)),
    Buffer.from('\\.\n'),
    Buffer.from('\\N\t'),
    Buffer.alloc(3, 0xff),
  ]);
  const skipped = random.pick([0, piece.length, random.below(20)]);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + skipped)]);
}
