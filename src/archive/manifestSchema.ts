import type { SchemaObject as JsonSchema } from 'ajv';
import { longestName, longestNote } from '../core/backupLabel.ts';

const text: JsonSchema = { type: 'string' };
const flag: JsonSchema = { type: 'boolean' };
const count: JsonSchema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const oneOf = (...values: string[]): JsonSchema => ({ type: 'string', enum: values });

function object(required: Record<string, JsonSchema>, optional: Record<string, JsonSchema> = {}): JsonSchema {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

const tableName = object({ name: text }, { schema: text });
const key = object({ columns: listOf(text), notNull: flag });

const column = object(
  { name: text, type: text, notNull: flag },
  { default: text, generated: oneOf('stored', 'virtual'), identity: oneOf('always', 'by default') },
);

const table = object(
  {
    name: tableName,
    columns: listOf(column),
    uniqueKeys: listOf(key),
    foreignKeys: listOf(
      object({ name: text, columns: listOf(text), references: tableName, referencedColumns: listOf(text) }),
    ),
    triggers: listOf(object({ name: text })),
    holdsRows: flag,
  },
  { primaryKey: key, extension: text },
);

const chunk = object({
  entry: text,
  rows: count,
  bytes: count,
  storedBytes: count,
  sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
});

/** A folder's name for any tool that unpacks the file, and never a way out of it. */
const payloadName: JsonSchema = {
  type: 'string',
  pattern: '^data/\\d{1,15}-[A-Za-z0-9_-][A-Za-z0-9_.-]{0,59}$',
};
const digest: JsonSchema = { type: 'string', pattern: '^[0-9a-f]{16}$' };
const reason = object({
  relation: oneOf('references', 'referenced by'),
  table: tableName,
  columns: listOf(text),
});
const madeWith: JsonSchema = { type: 'object', additionalProperties: text };
const storedRows = object({ payload: text, rows: count, digest });

/** Properties that only one engine's backups have: `Manifest.extras`. */
export const extraProperties: readonly string[] = ['largeObjects'];

/** The manifest as FORMAT.md has it. Unknown properties are refused: a later version would mean something by them. */
export const manifestSchema = object(
  {
    format: { const: 'restore-point' },
    formatVersion: { const: 1 },
    createdAt: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    createdBy: text,
    source: object(
      { engine: text, serverVersion: text, database: text },
      { connection: text, identity: { type: 'string', pattern: '^[0-9a-f]{32}$' }, madeWith },
    ),
    purpose: oneOf('backup', 'safety'),
    complete: flag,
    compression: oneOf('zstd', 'gzip', 'none'),
    tables: listOf(
      object(
        { table, columns: listOf(text), rows: count, payload: text },
        { where: text, related: listOf(reason), digest, lostRows: count, rowsExcluded: { const: true } },
      ),
    ),
    objects: listOf(
      object(
        { kind: text, name: text, section: oneOf('pre-data', 'post-data'), sql: text },
        {
          table: tableName,
          needs: listOf(text),
          of: text,
          repeat: flag,
          opaque: flag,
          roles: listOf(text),
          actsAs: text,
          as: text,
          superuser: flag,
          uses: listOf(object({ name: text }, { since: count })),
          usual: text,
        },
      ),
    ),
    sequences: listOf(
      object(
        {
          name: tableName,
          lastValue: { type: 'string', pattern: '^-?\\d{1,20}$' },
          isCalled: flag,
          increment: { type: 'string', pattern: '^-?\\d{1,20}$' },
        },
        { table: tableName },
      ),
    ),
    leftOut: listOf(object({ kind: text, names: listOf(text), reason: text })),
    payloads: listOf(object({ name: payloadName, chunks: listOf(chunk) })),
  },
  {
    // One line.
    name: { type: 'string', minLength: 1, maxLength: longestName, pattern: '^[^\\r\\n\\u2028\\u2029]*$' },
    note: { type: 'string', minLength: 1, maxLength: longestNote },
    only: oneOf('schema', 'data'),
    allObjects: flag,
    asItIs: { const: true },
    writtenRows: object({
      payload: text,
      tables: listOf(
        object(
          { name: tableName, columns: listOf(text), inserted: count, updated: count, deleted: count },
          { key: listOf(text) },
        ),
      ),
    }),
    unproven: listOf(object({ table: tableName, missing: text }, { index: text })),
    largeObjects: object({
      objects: storedRows,
      pieces: storedRows,
      owners: listOf(text),
      grantees: listOf(text),
      grantors: listOf(text),
    }),
  },
);
