import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable, Manifest, RowPage } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import type { Payload, PayloadSource } from '../../core/payload.ts';
import type { PayloadRows, WorkOptions } from '../engine.ts';
import { parseRow } from './copyText.ts';
import { ByteProgress, TableProgress } from './progress.ts';
import { RowDigest } from './rowDigest.ts';

/** Bytes that are hashed without a pause: about a millisecond's work. */
const pieceBytes = 256 * 1024;

/** The rows of a backup as they lie in its payloads: COPY text. */
export class PostgresPayloadRows implements PayloadRows {
  readonly #source: PayloadSource;
  readonly #manifest: Manifest;

  constructor(source: PayloadSource, manifest: Manifest) {
    this.#source = source;
    this.#manifest = manifest;
  }

  async readRows(table: BackedUpTable, offset: number, limit: number): Promise<RowPage> {
    const rows: (string | null)[][] = [];
    let before = 0;
    for (const chunk of payloadOf(this.#manifest, table).chunks) {
      const first = Math.max(0, offset - before);
      const last = Math.min(chunk.rows, offset + limit - before);
      before += chunk.rows;
      if (first >= last) continue;
      const bytes = await this.#source.readChunk(chunk);
      for (const row of takeRows(bytes, first, last)) {
        rows.push(parseRow(row, table.columns.length));
      }
    }
    return { columns: table.columns, rows };
  }

  async check(table: BackedUpTable, { signal, report }: WorkOptions): Promise<void> {
    const payload = payloadOf(this.#manifest, table);
    const work = {
      table: table.table.name,
      weight: 1,
      totalRows: table.rows,
      totalBytes: bytesOf(payload),
    };
    const progress = new TableProgress('check', [work], report);
    const found = await digestPayload(this.#source.read(payload, signal), (rows, bytes) =>
      progress.add(rows, bytes),
    );
    const place = { table: formatTableName(table.table.name) };
    if (!found.whole || found.rows !== table.rows) {
      throw new RestorePointError(
        'damaged-backup',
        `It holds ${found.rows} rows and says that it holds ${table.rows}`,
        { place },
      );
    }
    if (table.digest !== undefined && found.digest !== table.digest) {
      throw new RestorePointError('damaged-backup', 'Its rows are not those that were written', { place });
    }
  }

  async checkLargeObjects({ signal, report }: WorkOptions): Promise<void> {
    const { largeObjects } = this.#manifest;
    for (const stored of largeObjects ? [largeObjects.objects, largeObjects.pieces] : []) {
      const payload = payloadNamed(this.#manifest, stored.payload);
      const progress = new ByteProgress('check', bytesOf(payload), report);
      const found = await digestPayload(this.#source.read(payload, signal), (_, bytes) =>
        progress.add(bytes),
      );
      if (found.whole && found.rows === stored.rows && found.digest === stored.digest) continue;
      throw new RestorePointError('damaged-backup', 'Its large objects are not those that were written', {
        place: { entry: payload.name },
      });
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export function payloadOf(manifest: Manifest, table: BackedUpTable): Payload {
  return payloadNamed(manifest, table.payload);
}

/** By name. Each table of thousands has one, which is looked up many times. */
const lookups = new WeakMap<readonly Payload[], ReadonlyMap<string, Payload>>();

export function payloadNamed({ payloads }: Manifest, name: string): Payload {
  let lookup = lookups.get(payloads);
  if (!lookup) {
    lookup = new Map(payloads.map((payload) => [payload.name, payload]));
    lookups.set(payloads, lookup);
  }
  const payload = lookup.get(name);
  if (payload) return payload;
  throw new RestorePointError('damaged-backup', `The backup has no payload ${name}`);
}

export function bytesOf(payload: Payload): number {
  return payload.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
}

async function digestPayload(
  chunks: AsyncIterable<Uint8Array>,
  progress: (rows: number, bytes: number) => void,
): Promise<{ rows: number; digest: string; whole: boolean }> {
  const digest = new RowDigest();
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      const before = digest.rows;
      const piece = chunk.subarray(start, start + pieceBytes);
      digest.add(piece);
      progress(digest.rows - before, piece.length);
    }
  }
  return { rows: digest.rows, digest: digest.digest, whole: digest.whole };
}

/** The rows from `first` up to, and without, `last`. */
function takeRows(bytes: Uint8Array, first: number, last: number): Uint8Array[] {
  const rows: Uint8Array[] = [];
  let start = 0;
  for (let row = 0; row < last; row += 1) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) break;
    if (row >= first) rows.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return rows;
}
