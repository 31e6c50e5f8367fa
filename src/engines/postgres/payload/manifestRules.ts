import type { ManifestRules } from '../../../core/manifestRules.ts';

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
};

function wrongName(name: string): string | undefined {
  if (name === '') return 'a name cannot be empty';
  return Buffer.byteLength(name) > longestName
    ? `PostgreSQL truncates names after ${longestName} bytes`
    : undefined;
}
