import { formatTableName, type TableName } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../identifiers.ts';
import type { Transaction } from '../transaction.ts';
import { tablesInScope } from './scope.ts';

interface CatalogComment {
  readonly kind: 'table' | 'column' | 'constraint' | 'index';
  readonly table: TableName;
  /** Of the column, constraint or index. */
  readonly name: string | null;
  readonly comment: string;
}

/** The comments on tables and what belongs to them, as statements. */
export async function loadCommentObjects(transaction: Transaction): Promise<SchemaObject[]> {
  const comments = await transaction.rows<CatalogComment>(commentQuery);
  return comments.map(({ kind, table, name, comment }) => ({
    kind: 'comment',
    name: `${kind} ${formatTableName(table)}${name === null ? '' : ` ${name}`}`,
    table,
    section: 'post-data',
    sql: `COMMENT ON ${commentTarget(kind, table, name ?? '')} IS ${quoteLiteral(comment)}`,
  }));
}

function commentTarget(kind: CatalogComment['kind'], table: TableName, name: string): string {
  switch (kind) {
    case 'table':
      return `TABLE ${quoteName(table)}`;
    case 'column':
      return `COLUMN ${quoteName(table)}.${quoteIdentifier(name)}`;
    case 'constraint':
      return `CONSTRAINT ${quoteIdentifier(name)} ON ${quoteName(table)}`;
    case 'index':
      return `INDEX ${quoteName({ ...table, name })}`;
  }
}

const commentQuery = `
  WITH scope AS (${tablesInScope(undefined).sql}),
  comment AS (
    SELECT CASE WHEN d.objsubid = 0 THEN 'table' ELSE 'column' END AS kind, d.objoid AS "table", a.attname AS name,
           d.description AS comment
      FROM pg_description d
      LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
     WHERE d.classoid = 'pg_class'::regclass AND d.objoid IN (SELECT oid FROM scope)
    UNION ALL
    SELECT 'constraint', k.conrelid, k.conname, d.description
      FROM pg_description d JOIN pg_constraint k ON k.oid = d.objoid
     WHERE d.classoid = 'pg_constraint'::regclass AND k.conrelid IN (SELECT oid FROM scope)
    UNION ALL
    SELECT 'index', i.indrelid, x.relname, d.description
      FROM pg_description d JOIN pg_index i ON i.indexrelid = d.objoid JOIN pg_class x ON x.oid = i.indexrelid
     WHERE d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND i.indrelid IN (SELECT oid FROM scope))
  SELECT m.kind, m.name, m.comment, json_build_object('schema', n.nspname, 'name', c.relname) AS "table"
    FROM comment m
    JOIN pg_class c ON c.oid = m."table"
    JOIN pg_namespace n ON n.oid = c.relnamespace
   ORDER BY n.nspname, c.relname, m.kind DESC, m.name`;
