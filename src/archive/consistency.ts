import type { Compression, Manifest } from '../core/manifest.ts';
import type { ManifestRules } from '../core/manifestRules.ts';
import { formatTableName, type TableName } from '../core/names.ts';
import type { Chunk, Payload } from '../core/payload.ts';
import { wrongNames } from './wrongNames.ts';

/** No database sends a row of more than 1 GiB; a chunk is a few MiB and the rest of its last row. */
export const maxChunkBytes = 1024 * 1024 * 1024 + 64 * 1024 * 1024;

/** How many bytes a codec can make of one at most: more is a lie, and found out without decompressing it. */
const maxRatio: Readonly<Record<Compression, number>> = { zstd: 32_768, gzip: 1_040, none: 1 };

const suffixes: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz', none: '' };

/** Checks what a schema cannot: that the parts of a manifest fit together. Returns a sentence, or undefined if they do. */
export function inconsistency(manifest: Manifest, rules: ManifestRules): string | undefined {
  return (
    wrongDate(manifest) ??
    wrongNames(manifest, rules) ??
    wrongPayloads(manifest) ??
    wrongWrittenRows(manifest) ??
    wrongRows(manifest, rules) ??
    wrongNumbers(manifest)
  );
}

function wrongDate({ createdAt }: Manifest): string | undefined {
  return Number.isNaN(Date.parse(createdAt))
    ? `its manifest contains an invalid time: ${createdAt}`
    : undefined;
}

function wrongPayloads({ payloads, compression }: Manifest): string | undefined {
  const names = new Set<string>();
  for (const payload of payloads) {
    if (names.has(payload.name)) return `its manifest lists the payload ${payload.name} twice`;
    names.add(payload.name);
    for (const [index, chunk] of payload.chunks.entries()) {
      const wrong = wrongChunk(chunk, index + 1, payload, compression);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

/** The format fixes the names, so that two chunks never share one, and none is a path. */
function wrongChunk(
  { entry, bytes, storedBytes }: Chunk,
  number: number,
  { name }: Payload,
  compression: Compression,
): string | undefined {
  const file = entry.startsWith(`${name}/`) ? entry.slice(name.length + 1) : '';
  const extension = /^(\d{1,15})\.[a-z]{1,20}(\.zst|\.gz)?$/.exec(file);
  if (Number(extension?.[1]) !== number || (extension?.[2] ?? '') !== suffixes[compression]) {
    return `its manifest gives chunk ${number} of ${name} the wrong name ${JSON.stringify(entry)}`;
  }
  if (bytes > maxChunkBytes)
    return `its manifest says that ${entry} contains ${bytes} bytes, more than a chunk can`;
  const fits = compression === 'none' ? bytes === storedBytes : bytes <= storedBytes * maxRatio[compression];
  return fits
    ? undefined
    : `its manifest contains impossible sizes for ${entry}: ${bytes} bytes from ${storedBytes}`;
}

function wrongRows(manifest: Manifest, { payloadPerTable }: ManifestRules): string | undefined {
  const payloads = new Map(manifest.payloads.map((payload) => [payload.name, payload]));
  const used = new Set<string>();
  for (const { table, payload: name, rows, digest, rowsExcluded } of manifest.tables) {
    const text = formatTableName(table.name);
    if (rowsExcluded && rows > 0) return `its manifest says that ${text} has no rows here, and ${rows}`;
    const payload = payloads.get(name);
    if (!payload) return `its manifest has no payload for the table ${text}`;
    if (!payloadPerTable) continue;
    if (used.has(name)) return `its manifest lists the payload ${name} for two tables`;
    used.add(name);
    if (digest === undefined) return `its manifest has no digest for the table ${text}`;
    if (rowsOf(payload) !== rows) return `its manifest contains two different row counts for ${text}`;
  }
  return undefined;
}

/** Such a file holds nothing else: what took it for a backup of tables would restore none. */
function wrongWrittenRows(manifest: Manifest): string | undefined {
  const { writtenRows, payloads, tables, objects, sequences, complete } = manifest;
  if (!writtenRows) return undefined;
  if (complete || tables.length + objects.length + sequences.length > 0)
    return 'its manifest lists written rows and a part of a database';
  const [payload, another] = payloads;
  if (payload?.name !== writtenRows.payload || another)
    return 'its manifest has no payload for the written rows, or others too';
  const rows = writtenRows.tables.reduce(
    (sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted,
    0,
  );
  return rowsOf(payload) === rows ? undefined : 'its manifest contains two different counts of written rows';
}

function rowsOf({ chunks }: Payload): number {
  return chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
}

function wrongNumbers(manifest: Manifest): string | undefined {
  for (const { name, lastValue, increment } of manifest.sequences) {
    if (![lastValue, increment].every(isInt64))
      return `its manifest contains an invalid number for ${shown(name)}`;
  }
  return undefined;
}

function shown(name: TableName): string {
  return `the sequence ${formatTableName(name)}`;
}

function isInt64(text: string): boolean {
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}
