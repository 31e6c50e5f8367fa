import type { BackedUpTable, Manifest } from '../../../core/manifest.ts';
import type { Chunk, DamagedSource, Payload, PayloadSink } from '../../../core/payload.ts';
import { throwIfCancelled } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { SalvagedContent, WorkOptions } from '../../engine.ts';
import { payloadNamed, payloadOf } from './payloadRows.ts';
import { asExtras, largeObjectsOf } from '../schema/extras.ts';
import { RowDigest } from '../rows/rowDigest.ts';

/** The chunks that hold: each is whole rows. A table without any of its rows is left out. See `Engine.salvage`. */
export async function salvage(
  source: DamagedSource,
  manifest: Manifest,
  sink: PayloadSink,
  { signal }: WorkOptions,
): Promise<SalvagedContent> {
  const tables: BackedUpTable[] = [];
  const payloads: Payload[] = [];
  const copy = async (
    label: string,
    chunks: readonly Chunk[],
  ): Promise<{ digest: RowDigest; name: string }> => {
    const digest = new RowDigest();
    const writer = sink.open(label, 'copy');
    for (const chunk of chunks) {
      throwIfCancelled(signal);
      const bytes = await source.readChunk(chunk);
      digest.add(bytes);
      await writer.writeChunk(bytes, chunk.rows);
    }
    const payload = await writer.finish();
    payloads.push(payload);
    return { digest, name: payload.name };
  };
  for (const table of manifest.tables) {
    const { chunks } = payloadOf(manifest, table);
    const held = chunks.filter((chunk) => source.holds(chunk));
    if (held.length === 0 && chunks.length > 0) continue;
    const { digest, name } = await copy(formatTableName(table.table.name), held);
    const lost = table.rows - digest.rows + (table.lostRows ?? 0);
    const { rows } = digest;
    tables.push({
      ...table,
      rows,
      digest: digest.digest,
      payload: name,
      ...(lost > 0 ? { lostRows: lost } : {}),
    });
  }
  const largeObjects = largeObjectsOf(manifest);
  const stored = largeObjects ? [largeObjects.objects, largeObjects.pieces] : [];
  const chunks = stored.map(({ payload }) => payloadNamed(manifest, payload).chunks);
  if (!largeObjects || !chunks.flat().every((chunk) => source.holds(chunk))) return { tables, payloads };
  const objects = { ...largeObjects.objects, payload: (await copy('large objects', chunks[0] ?? [])).name };
  const pieces = { ...largeObjects.pieces, payload: (await copy('pieces', chunks[1] ?? [])).name };
  return { tables, payloads, extras: asExtras({ ...largeObjects, objects, pieces }) };
}
