/** Snippets for queries that build statements in the catalogs' own words. */

/** SQL: a name as an identifier, always in quotes: a later server may have it for a keyword. */
export const identifier = (expression: string): string =>
  `('"' || replace((${expression})::text, '"', '""') || '"')`;

/** SQL: `"schema"."name"` of an object with this namespace. */
export const qualified = (namespace: string, name: string): string =>
  `((SELECT ${identifier('own.nspname')} FROM pg_namespace own WHERE own.oid = ${namespace}) || '.' || ${identifier(name)})`;

/** SQL: the same for people, in quotes only where it must be. */
export const readable = (namespace: string, name: string): string =>
  `(SELECT format('%I.%I', own.nspname, ${name}) FROM pg_namespace own WHERE own.oid = ${namespace})`;

/** SQL: a relation's name as JSON. */
export const relationName = (relation: string): string =>
  `(SELECT json_build_object('schema', own.nspname, 'name', rel.relname)
      FROM pg_class rel JOIN pg_namespace own ON own.oid = rel.relnamespace WHERE rel.oid = ${relation})`;

/** SQL: `"schema"."name"` of a relation. */
export const qualifiedRelation = (relation: string): string =>
  `(SELECT ${qualified('rel.relnamespace', 'rel.relname')} FROM pg_class rel WHERE rel.oid = ${relation})`;

/** SQL: the name of a relation for people. */
export const readableRelation = (relation: string): string =>
  `(SELECT ${readable('rel.relnamespace', 'rel.relname')} FROM pg_class rel WHERE rel.oid = ${relation})`;

/** SQL: ` COLLATE …` where a collation is not that of the type, else nothing. */
export const collateClause = (collation: string, type: string): string =>
  `coalesce((SELECT ' COLLATE ' || ${qualified('o.collnamespace', 'o.collname')}
               FROM pg_collation o JOIN pg_type y ON y.oid = ${type}
              WHERE o.oid = ${collation} AND y.typcollation <> o.oid), '')`;

/** SQL: a word and what follows it, or nothing where the value is NULL. */
export const clause = (before: string, value: string): string => `coalesce('${before}' || ${value}, '')`;
