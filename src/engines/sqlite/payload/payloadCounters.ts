import type { Manifest } from '../../../core/manifest.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import { readCounters } from '../schema/sequences.ts';
import type { Connection } from '../connect/connection.ts';
import { unlikeManifest } from './payloadSchemaCheck.ts';

/**
 * Checks that the counters in the database of a backup are those in its manifest: users see these, and a restore
 * takes the others over. Throws `damaged-backup`.
 */
export async function checkCounters(
  connection: Connection,
  { sequences, only }: Manifest,
  tables: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<void> {
  // Without rows, counters are where they begin.
  if (only === 'schema') return;
  const rows = await readCounters(connection, 'main', signal);
  const held = new Set(rows.map(({ name, value }) => `${value} ${name}`));
  const wrong = sequences.find(({ name, lastValue }) => !held.has(`${BigInt(lastValue)} ${name.name}`));
  if (wrong) throw unlikeManifest(`its counter of ${wrong.name.name} is not ${wrong.lastValue}`);
  const named = new Set(sequences.map(({ name }) => name.name));
  const counted = new Set(tables.filter(({ autoincrement }) => autoincrement).map(({ name }) => name));
  const more = rows.find(({ name }) => counted.has(name) && !named.has(name));
  if (more) throw unlikeManifest(`the manifest does not list its counter of ${more.name}`);
}
