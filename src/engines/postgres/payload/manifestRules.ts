import type { Manifest } from '../../../core/manifest.ts';
import type { ManifestRules } from '../../../core/manifestRules.ts';
import { largeObjectsOf } from '../schema/extras.ts';

/** PostgreSQL cuts longer names: they would mean another table. */
const longestName = 63;

export const manifestRules: ManifestRules = {
  foldName: (name) => name,
  wrongTableName({ schema, name }) {
    return schema === undefined
      ? 'a PostgreSQL table needs a schema'
      : (wrongName(schema) ?? wrongName(name));
  },
  wrongColumnName: wrongName,
  payloadPerTable: true,
  wrongManifest: wrongLargeObjects,
};

function wrongName(name: string): string | undefined {
  if (name === '') return 'a name cannot be empty';
  return Buffer.byteLength(name) > longestName
    ? `PostgreSQL truncates names after ${longestName} bytes`
    : undefined;
}

function wrongLargeObjects(manifest: Manifest): string | undefined {
  const largeObjects = largeObjectsOf(manifest);
  for (const { payload: name, rows } of largeObjects ? [largeObjects.objects, largeObjects.pieces] : []) {
    const payload = manifest.payloads.find((one) => one.name === name);
    if (!payload) return 'its manifest has no payload for the large objects';
    if (payload.chunks.reduce((sum, chunk) => sum + chunk.rows, 0) !== rows)
      return 'its manifest contains two different counts of large objects';
  }
  return undefined;
}
