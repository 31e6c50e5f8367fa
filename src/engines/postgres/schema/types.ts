import { formatTableName, type TableName } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../identifiers.ts';
import type { Transaction } from '../transaction.ts';
import { isUsers, tablesInScope } from './scope.ts';

/** An enumeration or a domain that a table's column has, by itself, in an array or under another domain. */
export interface CatalogType {
  readonly oid: string;
  readonly name: TableName;
  readonly labels: readonly string[] | null;
  /** Of a domain. */
  readonly base: string | null;
  readonly collation: string | null;
  readonly expression: string | null;
  readonly notNull: boolean;
  readonly checks: readonly { readonly name: string; readonly definition: string; readonly valid: boolean }[];
}

export function loadTypes(transaction: Transaction): Promise<CatalogType[]> {
  return transaction.rows<CatalogType>(typeQuery);
}

export function typeObjects(types: readonly CatalogType[]): SchemaObject[] {
  return types.flatMap((type): SchemaObject[] => {
    const object = (kind: string, sql: string): SchemaObject => ({
      kind,
      name: formatTableName(type.name),
      section: 'pre-data',
      sql,
    });
    if (type.labels) return [object('type', createEnum(type.name, type.labels))];
    return [
      object('domain', createDomain(type)),
      // A check that was never made on old values has to be added with an ALTER.
      ...type.checks
        .filter(({ valid }) => !valid)
        .map((check) => `ALTER DOMAIN ${quoteName(type.name)} ADD ${constraint(check)}`)
        .map((sql) => object('domain constraint', sql)),
    ];
  });
}

function createEnum(name: TableName, labels: readonly string[]): string {
  return `CREATE TYPE ${quoteName(name)} AS ENUM (${labels.map(quoteLiteral).join(', ')})`;
}

function createDomain(type: CatalogType): string {
  const parts = [
    `CREATE DOMAIN ${quoteName(type.name)} AS ${type.base}`,
    type.collation === null ? '' : `COLLATE ${type.collation}`,
    type.expression === null ? '' : `DEFAULT ${type.expression}`,
    type.notNull ? 'NOT NULL' : '',
    ...type.checks.filter(({ valid }) => valid).map(constraint),
  ];
  return parts.filter(Boolean).join(' ');
}

function constraint(check: CatalogType['checks'][number]): string {
  return `CONSTRAINT ${quoteIdentifier(check.name)} ${check.definition}`;
}

/** A domain's base was there before it, so its oid tells the order; enumerations stand on nothing. */
const typeQuery = `
  WITH RECURSIVE used AS (
    SELECT DISTINCT a.atttypid AS oid
      FROM pg_attribute a
     WHERE a.attrelid IN (${tablesInScope(undefined).sql}) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT x.oid
      FROM used u
      JOIN pg_type t ON t.oid = u.oid
     CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) x (oid)
     WHERE x.oid <> 0)
  SELECT t.oid,
         (SELECT json_build_object('schema', n.nspname, 'name', t.typname)
            FROM pg_namespace n WHERE n.oid = t.typnamespace) AS name,
         CASE WHEN t.typtype = 'e' THEN
           coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
                       FROM pg_enum e WHERE e.enumtypid = t.oid), '[]') END AS labels,
         CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base,
         (SELECT format('%I.%I', n.nspname, o.collname)
            FROM pg_collation o
            JOIN pg_namespace n ON n.oid = o.collnamespace
            JOIN pg_type b ON b.oid = t.typbasetype
           WHERE o.oid = t.typcollation AND t.typcollation <> b.typcollation) AS collation,
         coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) AS expression,
         t.typnotnull AS "notNull",
         coalesce((SELECT json_agg(json_build_object('name', k.conname, 'valid', k.convalidated,
                                                     'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname)
                     FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '[]') AS checks
    FROM pg_type t
   WHERE t.oid IN (SELECT oid FROM used) AND t.typtype IN ('e', 'd')
     AND ${isUsers('t.typnamespace', 'pg_type', 't.oid')}
   ORDER BY t.typtype DESC, t.oid`;
