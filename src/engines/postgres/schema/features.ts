import type { ServerFeature } from '../../../core/schema.ts';
import type { Transaction } from '../connect/transaction.ts';

/** Features that statements of a backup can need, and not every supported server has. */
const features = {
  nullsNotDistinct: { name: 'NULLS NOT DISTINCT', since: 15 },
  setSomeColumns: { name: 'foreign keys that set some of their columns', since: 15 },
  oddScale: { name: 'numbers with a scale below 0 or above their precision', since: 15 },
  securityInvoker: { name: 'views with the rights of their user', since: 15 },
  unloggedSequence: { name: 'unlogged sequences', since: 15 },
  publishedPart: { name: 'publications of some rows or columns', since: 15 },
  publishedSchema: { name: 'publications of a schema', since: 15 },
  unicodeRoot: { name: 'the collation unicode', since: 16 },
  collationRules: { name: 'collations with rules', since: 16 },
  builtinCollation: { name: 'collations of the server itself', since: 17 },
  maintain: { name: 'the privilege MAINTAIN', since: 17 },
  exclusionOfParts: { name: 'exclusion constraints of partitioned tables', since: 17 },
  methodOfParts: { name: 'access methods of partitioned tables', since: 17 },
  loginTrigger: { name: 'event triggers on login', since: 17 },
  virtualColumn: { name: 'virtual generated columns', since: 18 },
  notNullVariant: { name: 'NOT NULL constraints with NO INHERIT or NOT VALID', since: 18 },
  temporalKey: { name: 'temporal keys (WITHOUT OVERLAPS, PERIOD)', since: 18 },
  notEnforced: { name: 'constraints that are NOT ENFORCED', since: 18 },
  uncheckedOfParts: { name: 'foreign keys of partitioned tables that are NOT VALID', since: 18 },
  publishedGenerated: { name: 'publications of generated columns', since: 18 },
  largeObjectDefaults: { name: 'default privileges on large objects', since: 18 },
  newOptions: { name: 'storage options of version 18', since: 18 },
  unicodeCollation: { name: 'the collation pg_unicode_fast', since: 18 },
  uuids: { name: 'the functions uuidv4 and uuidv7', since: 18 },
  lz4: { name: 'lz4 compression' },
  icu: { name: 'collations of ICU' },
} as const satisfies Readonly<Record<string, ServerFeature>>;

export type FeatureKey = keyof typeof features;

/** The features with these keys, each once; any other key is the name of something that a server has to offer. */
export function featuresOf(keys: readonly (string | null)[]): ServerFeature[] {
  return [...new Set(keys)].flatMap((key) => {
    if (key === null) return [];
    return key in features ? features[key as FeatureKey] : { name: key };
  });
}

/**
 * SQL: the keys of the features for which a condition holds, as an array. With the server's version, what it does not
 * have yet is not asked of it.
 */
export function usesWhere(conditions: Partial<Record<FeatureKey, string>>, version = Infinity): string {
  const known = Object.entries(conditions).filter(([key]) => {
    const { since = 0 }: ServerFeature = features[key as FeatureKey];
    return since * 10_000 <= version;
  });
  const cases = known.map(([key, condition]) => `CASE WHEN ${condition} THEN '${key}' END`);
  return `array_remove(ARRAY[${cases.join(', ')}]::text[], NULL)`;
}

/** SQL: a column of a catalog's row as text, NULL where this server's catalog has no such column. */
export const newColumn = (row: string, column: string): string => `(to_jsonb(${row}) ->> '${column}')`;

/** The features of this server. */
export async function loadServerFeatures(
  transaction: Transaction,
): Promise<{ version: number; offers: readonly string[] }> {
  const [row] = await transaction.rows<{ extensions: string[]; lz4: boolean; icu: boolean }>(
    `SELECT coalesce((SELECT json_agg(name) FROM pg_available_extensions), '[]') AS extensions,
            (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') AS lz4,
            EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS icu`,
  );
  const { extensions, lz4, icu } = row!;
  return {
    version: Math.floor(transaction.database.server.version / 10_000),
    offers: [
      ...extensions.map((name) => `extension ${name}`),
      ...(lz4 ? [features.lz4.name] : []),
      ...(icu ? [features.icu.name] : []),
    ],
  };
}
