import type { ArrangedRows, Arrangement, ArrangeOptions } from '../../../core/arrangement.ts';
import { RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import type { BackedUpTable, Manifest } from '../../../core/manifest.ts';
import { formatTableName } from '../../../core/names.ts';
import type { Payload, PayloadSource } from '../../../core/payload.ts';
import { queriedColumns, type Row, type RowQuery, valueText } from '../../../core/values.ts';
import type { PayloadRows, RowOptions, WorkOptions } from '../../engine.ts';
import { largeObjectsOf } from '../schema/extras.ts';
import { withoutEndMark } from '../connect/endMark.ts';
import { ByteProgress, TableProgress } from '../rows/progress.ts';
import { RowDigest } from '../rows/rowDigest.ts';
import { readRow, type ReadValue, ValueTypes } from '../rows/typedValues.ts';
import { PostgresArrangedRows } from './arrangedRows.ts';
import { RowsOfChunks, splitRows } from './rowsOfChunks.ts';

/** Bytes that are hashed without a pause: about a millisecond's work. */
const pieceBytes = 256 * 1024;

/** How many rows a page has at most. */
const pageRows = 1_000;

/** The rows of a backup as they lie in its payloads: COPY text. */
export class PostgresPayloadRows implements PayloadRows {
  readonly #source: PayloadSource;
  readonly #manifest: Manifest;
  #types: ValueTypes | undefined;

  constructor(source: PayloadSource, manifest: Manifest) {
    this.#source = source;
    this.#manifest = manifest;
  }

  async *rows(
    table: BackedUpTable,
    query: RowQuery = {},
    { signal }: RowOptions = {},
  ): AsyncGenerator<readonly Row[]> {
    const select = this.#selecting(table, query);
    let after = query.after ?? 0;
    let left = query.limit ?? Infinity;
    for (const chunk of payloadOf(this.#manifest, table).chunks) {
      if (left === 0) return;
      throwIfCancelled(signal);
      // Without a condition the manifest tells which chunks hold none of them.
      if (!query.where && chunk.rows <= after) {
        after -= chunk.rows;
        continue;
      }
      let page: Row[] = [];
      for (const bytes of splitRows(await this.#source.readChunk(chunk))) {
        const row = select(bytes);
        if (row === undefined) continue;
        if (after > 0) after -= 1;
        else if (left > 0) {
          page.push(row);
          left -= 1;
        }
        if (page.length === pageRows) {
          yield page;
          page = [];
        }
        if (left === 0) break;
      }
      if (page.length > 0) yield page;
    }
  }

  arrange(table: BackedUpTable, arrangement: Arrangement, options: ArrangeOptions): Promise<ArrangedRows> {
    const { chunks } = payloadOf(this.#manifest, table);
    const rows = new RowsOfChunks(this.#source, chunks, table.columns, this.#readers(table));
    return PostgresArrangedRows.arrange(rows, arrangement, options);
  }

  #readers(table: BackedUpTable): readonly ReadValue[] {
    this.#types ??= new ValueTypes(this.#manifest.objects);
    const types = new Map(table.table.columns.map(({ name, type }) => [name, type]));
    return this.#types.readers(table.columns.map((name) => types.get(name) ?? ''));
  }

  /** Gives the columns that are asked for of a row; undefined where the query does not want it. */
  #selecting(table: BackedUpTable, query: RowQuery): (row: Uint8Array) => Row | undefined {
    const readers = this.#readers(table);
    const place = (name: string): number => table.columns.indexOf(name);
    const asked = queriedColumns(query, table.columns).map(place);
    const wanted = (query.where ?? []).map(({ column, text }) => ({ index: place(column), text }));
    const longest = wanted.length > 0 ? Infinity : query.longest;
    return (bytes) => {
      const row = readRow(bytes, readers, longest);
      if (!wanted.every(({ index, text }) => valueText(row[index] ?? null) === text)) return undefined;
      return asked.map((index) => row[index] ?? null);
    };
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
    const place = { table: formatTableName(table.table.name) };
    const found = await digestPayload(
      withoutEndMark(this.#source.read(payload, signal), place),
      (rows, bytes) => progress.add(rows, bytes),
    );
    if (!found.whole || found.rows !== table.rows) {
      throw new RestorePointError(
        'damaged-backup',
        `It contains ${found.rows} rows, but its manifest says ${table.rows}`,
        { place },
      );
    }
    if (table.digest !== undefined && found.digest !== table.digest) {
      throw new RestorePointError('damaged-backup', 'Its rows are not the ones that were backed up', {
        place,
      });
    }
  }

  async checkExtras({ signal, report }: WorkOptions): Promise<void> {
    const largeObjects = largeObjectsOf(this.#manifest);
    for (const stored of largeObjects ? [largeObjects.objects, largeObjects.pieces] : []) {
      const payload = payloadNamed(this.#manifest, stored.payload);
      const progress = new ByteProgress('check', bytesOf(payload), report);
      const found = await digestPayload(withoutEndMark(this.#source.read(payload, signal)), (_, bytes) =>
        progress.add(bytes),
      );
      if (found.whole && found.rows === stored.rows && found.digest === stored.digest) continue;
      throw new RestorePointError(
        'damaged-backup',
        'Its large objects are not the ones that were backed up',
        {
          place: { entry: payload.name },
        },
      );
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
