import { quoteIdentifier, quoteLiteral } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';
import { identifier, qualified } from './catalogSql.ts';
import type { CatalogObject } from './catalogObject.ts';

interface CatalogComment {
  readonly id: string;
  /** The target of a comment: an object, or a part of one that has no statement of its own. */
  readonly host: string;
  readonly place: number;
  /** How COMMENT names it, where that does not follow from the object. */
  readonly target: string | null;
  readonly column: string | null;
  readonly relation: string | null;
  readonly comment: string;
}

/** The comments on these objects and on their columns, constraints and indexes. */
export async function loadComments(
  transaction: Transaction,
  objects: readonly CatalogObject[],
): Promise<CatalogObject[]> {
  const find = new Map(objects.map((object) => [object.id, object]));
  const comments = await transaction.rows<CatalogComment>(commentQuery);
  return comments.flatMap(({ id, host: above, place, target, column, relation, comment }) => {
    const host = find.get(id) ?? find.get(above);
    const named =
      column === null ? (target ?? host?.target) : `COLUMN ${relation}.${quoteIdentifier(column)}`;
    if (!host || host.leftOut || !named) return [];
    return [
      {
        id: `${id} comment ${place}`,
        kind: 'comment',
        name: column === null ? named : `${host.kind} ${host.name} ${column}`,
        ...(host.table ? { table: host.table } : {}),
        section: 'pre-data',
        statements: [`COMMENT ON ${named} IS ${quoteLiteral(comment)}`],
        of: host.id,
      },
    ];
  });
}

/** The constraint that an index belongs to. */
const keyOf = (index: string): string =>
  `(SELECT k.oid FROM pg_constraint k WHERE k.conindid = ${index} AND k.contype IN ('p', 'u', 'x'))`;

const commentQuery = `
  SELECT d.classoid::regclass || ' ' || d.objoid AS id, d.objsubid AS place, d.description AS comment, a.attname AS "column",
         CASE WHEN c.oid IS NOT NULL THEN ${qualified('c.relnamespace', 'c.relname')} END AS relation,
         coalesce('pg_constraint ' || ${keyOf('c.oid')}, 'pg_type ' || CASE WHEN c.relkind = 'c' THEN c.reltype END,
                  'pg_class ' || nullif(k.conrelid, 0), 'pg_type ' || nullif(k.contypid, 0), '') AS host,
         CASE WHEN c.relkind IN ('i', 'I') THEN 'INDEX ' || ${qualified('c.relnamespace', 'c.relname')}
              WHEN k.conrelid <> 0 THEN (SELECT format('CONSTRAINT %s ON %s', ${identifier('k.conname')},
                                                       ${qualified('t.relnamespace', 't.relname')}) FROM pg_class t WHERE t.oid = k.conrelid)
              WHEN k.contypid <> 0 THEN (SELECT format('CONSTRAINT %s ON DOMAIN %s', ${identifier('k.conname')},
                                                       ${qualified('t.typnamespace', 't.typname')}) FROM pg_type t WHERE t.oid = k.contypid)
         END AS target
    FROM pg_description d
    LEFT JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND c.oid = d.objoid
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid <> 0
    LEFT JOIN pg_constraint k ON d.classoid = 'pg_constraint'::regclass AND k.oid = d.objoid
   WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass`;
