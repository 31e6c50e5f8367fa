import { stat } from 'node:fs/promises';
import { RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import type { BackedUpTable, Manifest } from '../../../core/manifest.ts';
import type { DamagedSource, PayloadSink } from '../../../core/payload.ts';
import type { SalvagedContent, WorkOptions } from '../../engine.ts';
import { sameName } from '../connect/identifiers.ts';
import { SqlitePayloadRows } from '../payload/payloadRows.ts';
import { openSnapshot } from './snapshot.ts';

/**
 * All tables lie in one database: where a chunk of it is lost its pages are empty, and what comes over are the tables none
 * of whose pages are among them. Other tables are left out: what is left of their rows would have gaps that nobody could
 * name. See `Engine.salvage`.
 */
export async function salvage(
  source: DamagedSource,
  manifest: Manifest,
  sink: PayloadSink,
  options: WorkOptions,
): Promise<SalvagedContent> {
  const whole = manifest.payloads.every(({ chunks }) => chunks.every((chunk) => source.holds(chunk)));
  if (whole) return await copyAll(source, manifest, sink, options);
  // It tells where each table begins.
  if (!manifest.payloads.every(({ chunks: [first] }) => first && source.holds(first)))
    return { tables: [], payloads: [] };
  const rows = new SqlitePayloadRows(source, manifest, options);
  try {
    const held = await heldTables(rows, manifest, options);
    const { file } = await rows.payload();
    const secret = source.secret ? { secretBytes: (await stat(file)).size } : {};
    const snapshot = await openSnapshot(file, { ...options, whole: false, ...secret });
    try {
      const selection = held.flatMap(({ table }) => {
        const found = snapshot.schema.tables.find(({ name }) => sameName(name.name, table.name.name));
        return found ? [{ table: found }] : [];
      });
      const content = await snapshot.read(selection, sink, options);
      const [made] = content.payloads;
      return { tables: held.map((table) => ({ ...table, payload: made!.name })), payloads: content.payloads };
    } finally {
      await snapshot.close();
    }
  } finally {
    await rows.close();
  }
}

async function copyAll(
  source: DamagedSource,
  manifest: Manifest,
  sink: PayloadSink,
  { signal }: WorkOptions,
): Promise<SalvagedContent> {
  const writer = sink.open('database', 'sqlite');
  for (const chunk of manifest.payloads.flatMap(({ chunks }) => chunks)) {
    throwIfCancelled(signal);
    await writer.writeChunk(await source.readChunk(chunk), chunk.rows);
  }
  const payload = await writer.finish();
  return {
    tables: manifest.tables.map((table) => ({ ...table, payload: payload.name })),
    payloads: [payload],
  };
}

async function heldTables(
  rows: SqlitePayloadRows,
  manifest: Manifest,
  options: WorkOptions,
): Promise<BackedUpTable[]> {
  const held: BackedUpTable[] = [];
  for (const table of manifest.tables) {
    try {
      await rows.check(table, options);
      held.push(table);
    } catch (error) {
      if (!RestorePointError.is(error, 'damaged-backup')) throw error;
      options.logger.info(`Not salvaged: ${table.table.name.name}: ${error.message}`);
    }
  }
  return held;
}
