import { Ajv, type SchemaObject as JsonSchema, type ValidateFunction } from 'ajv';
import type { Manifest } from '../core/manifest.ts';
import { inconsistency } from './consistency.ts';
import { excessOf } from './manifestLimits.ts';

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
  { primaryKey: key },
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
const storedRows = object({ payload: text, rows: count, digest });

/** The manifest as FORMAT.md has it. Unknown properties are refused: a later version would mean something by them. */
const manifestSchema = object(
  {
    format: { const: 'restore-point' },
    formatVersion: { const: 1 },
    createdAt: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    createdBy: text,
    source: object(
      { engine: oneOf('sqlite', 'postgres'), serverVersion: text, database: text },
      { connection: text },
    ),
    purpose: oneOf('backup', 'safety'),
    complete: flag,
    compression: oneOf('zstd', 'gzip', 'none'),
    tables: listOf(
      object(
        { table, columns: listOf(text), rows: count, payload: text },
        { where: text, related: listOf(reason), digest, lostRows: count },
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
    only: oneOf('schema', 'data'),
    allObjects: flag,
    largeObjects: object({
      objects: storedRows,
      pieces: storedRows,
      owners: listOf(text),
      grantees: listOf(text),
      grantors: listOf(text),
    }),
  },
);

/** Made when it is needed: that takes longer than most of what a command without a manifest does. */
let validator: ValidateFunction<Manifest> | undefined;

/** The manifest, or a sentence that says what is wrong with it and where. */
export function parseManifest(json: Buffer): Manifest | string {
  const excess = excessOf(json);
  if (excess !== undefined) return `its manifest is none: ${excess}`;
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return 'its manifest is no JSON';
  }
  const version = versionOf(value);
  if (version !== undefined && version !== 1) {
    return `it is of format version ${version}, and this version of Restore Point reads version 1`;
  }
  const validate = (validator ??= new Ajv({ strict: true }).compile<Manifest>(manifestSchema));
  if (validate(value)) return inconsistency(value) ?? value;
  const [first] = validate.errors ?? [];
  return `its manifest is not as the format has it (${first?.instancePath || '/'} ${first?.message ?? ''})`;
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('formatVersion' in value)) return undefined;
  return typeof value.formatVersion === 'number' ? value.formatVersion : undefined;
}
