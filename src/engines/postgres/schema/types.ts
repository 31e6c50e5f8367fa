import { clause, collateClause, identifier, qualified, readable } from './catalogSql.ts';
import { newColumn, usesWhere } from './features.ts';
import type { PlainKind } from './plainObjects.ts';
import { isUsers } from './scope.ts';

const typeName = qualified('t.typnamespace', 't.typname');
const typeTitle = readable('t.typnamespace', 't.typname');
const owned = `'TYPE ' || ${typeName} AS target, pg_get_userbyid(t.typowner) AS owner`;
const usersTypes = `t.typisdefined AND ${isUsers('t.typnamespace', 'pg_type', 't.oid')}`;

const enumerations: PlainKind = {
  catalog: 'pg_type',
  kind: 'type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ${owned},
           ARRAY[format('CREATE TYPE %s AS ENUM (%s)', ${typeName},
                        (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                           FROM pg_enum e WHERE e.enumtypid = t.oid))] AS statements
      FROM pg_type t WHERE t.typtype = 'e' AND ${usersTypes}`,
};

/** A check that was never made on old values has to be added with an ALTER, after them. */
const domainConstraint = `format(' CONSTRAINT %s %s', ${identifier('k.conname')}, pg_get_constraintdef(k.oid))`;

/** PostgreSQL 17 and later name a NOT NULL; before that it is only known to be there. */
const domains = (alone: ReadonlySet<string>): PlainKind => ({
  catalog: 'pg_type',
  kind: 'domain',
  query: `
    SELECT t.oid, ${typeTitle} AS name, 'DOMAIN ' || ${typeName} AS target, pg_get_userbyid(t.typowner) AS owner,
           ARRAY['CREATE DOMAIN ' || ${typeName} || ' AS ' || format_type(t.typbasetype, t.typtypmod)
             || ${collateClause('t.typcollation', 't.typbasetype')}
             || ${clause(' DEFAULT ', 'coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault)')}
             || CASE WHEN t.typnotnull THEN coalesce(
                  (SELECT ${domainConstraint} FROM pg_constraint k
                    WHERE k.contypid = t.oid AND k.contype = 'n' AND k.conname <> t.typname || '_not_null'),
                  ' NOT NULL') ELSE '' END
             || coalesce((SELECT string_agg(${domainConstraint}, '' ORDER BY k.conname COLLATE "C") FROM pg_constraint k
                           WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated
                             AND k.oid <> ALL (${constraintOids(alone)})), '')] AS statements
      FROM pg_type t WHERE t.typtype = 'd' AND ${usersTypes}`,
});

const domainConstraints = (alone: ReadonlySet<string>, valid: boolean): PlainKind => ({
  catalog: 'pg_constraint',
  kind: 'domain constraint',
  section: valid ? 'pre-data' : 'post-data',
  property: true,
  query: `
    SELECT k.oid, ${typeTitle} || ' ' || quote_ident(k.conname) AS name, 'pg_type ' || t.oid AS host,
           ARRAY[format('ALTER DOMAIN %s ADD%s', ${typeName}, ${domainConstraint})] AS statements
      FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid
     WHERE k.contype = 'c' AND k.convalidated = ${valid} AND (NOT k.convalidated OR k.oid = ANY (${constraintOids(alone)}))
       AND ${usersTypes}`,
});

function constraintOids(alone: ReadonlySet<string>): string {
  const oids = [...alone].flatMap((id) => /^pg_constraint (\d+)$/.exec(id)?.[1] ?? []);
  return `ARRAY[${oids.join(', ')}]::oid[]`;
}

/** SQL: the columns of a relation, as those of a composite type. */
export const compositeColumns = (relation: string): string => `
  coalesce((SELECT string_agg(format('%s %s%s', ${identifier('a.attname')}, format_type(a.atttypid, a.atttypmod),
                                     ${collateClause('a.attcollation', 'a.atttypid')}), ', ' ORDER BY a.attnum)
              FROM pg_attribute a WHERE a.attrelid = ${relation} AND a.attnum > 0 AND NOT a.attisdropped), '')`;

const composites: PlainKind = {
  catalog: 'pg_type',
  kind: 'composite type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ${owned},
           ARRAY[format('CREATE TYPE %s AS (%s)', ${typeName}, ${compositeColumns('t.typrelid')})] AS statements
      FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' WHERE ${usersTypes}`,
};

const ranges: PlainKind = {
  catalog: 'pg_type',
  kind: 'range type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ${owned}, r.rngcanonical <> 0 AS superuser,
           ARRAY['CREATE TYPE ' || ${typeName} || ' AS RANGE (SUBTYPE = ' || format_type(r.rngsubtype, NULL)
             || coalesce((SELECT ', MULTIRANGE_TYPE_NAME = ' || ${qualified('m.typnamespace', 'm.typname')}
                            FROM pg_type m WHERE m.oid = r.rngmultitypid), '')
             || coalesce((SELECT ', SUBTYPE_OPCLASS = ' || ${qualified('o.opcnamespace', 'o.opcname')}
                            FROM pg_opclass o WHERE o.oid = r.rngsubopc AND NOT o.opcdefault), '')
             || coalesce((SELECT ', COLLATION = ' || ${qualified('o.collnamespace', 'o.collname')}
                            FROM pg_collation o JOIN pg_type s ON s.oid = r.rngsubtype
                           WHERE o.oid = r.rngcollation AND s.typcollation <> o.oid), '')
             || CASE WHEN r.rngcanonical <> 0 THEN ', CANONICAL = ' || r.rngcanonical ELSE '' END
             || CASE WHEN r.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || r.rngsubdiff ELSE '' END || ')'] AS statements
      FROM pg_type t JOIN pg_range r ON r.rngtypid = t.oid WHERE ${usersTypes}`,
};

/** Types that functions in C make, and ranges whose canonical function takes the range itself. */
const shells: PlainKind = {
  catalog: 'pg_type',
  suffix: 'shell',
  kind: 'shell type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ARRAY['CREATE TYPE ' || ${typeName}] AS statements, true AS superuser
      FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid
     WHERE (t.typtype = 'b' AND NOT (t.typcategory = 'A' AND t.typelem <> 0 AND t.typsubscript <> 0
              AND EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)) OR r.rngcanonical <> 0) AND ${usersTypes}`,
};

/** A shell type: created, but never defined. */
const unfinished: PlainKind = {
  catalog: 'pg_type',
  kind: 'shell type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ARRAY['CREATE TYPE ' || ${typeName}] AS statements, true AS superuser
      FROM pg_type t WHERE NOT t.typisdefined AND ${isUsers('t.typnamespace', 'pg_type', 't.oid')}`,
};

const support = (word: string, value: string): string =>
  `CASE WHEN ${value} <> 0 THEN ', ${word} = ' || ${value}::text ELSE '' END`;

const bases: PlainKind = {
  catalog: 'pg_type',
  kind: 'base type',
  query: `
    SELECT t.oid, ${typeTitle} AS name, ${owned}, true AS superuser,
           ARRAY['CREATE TYPE ' || ${typeName} || ' (INPUT = ' || t.typinput || ', OUTPUT = ' || t.typoutput
             || ${support('RECEIVE', 't.typreceive')} || ${support('SEND', 't.typsend')}
             || ${support('TYPMOD_IN', 't.typmodin')} || ${support('TYPMOD_OUT', 't.typmodout')}
             || ${support('ANALYZE', 't.typanalyze')} || ${support('SUBSCRIPT', 't.typsubscript')}
             || ', INTERNALLENGTH = ' || CASE t.typlen WHEN -1 THEN 'VARIABLE' ELSE t.typlen::text END
             || CASE WHEN t.typbyval THEN ', PASSEDBYVALUE' ELSE '' END
             || ', ALIGNMENT = ' || CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2' WHEN 'i' THEN 'int4' ELSE 'double' END
             || ', STORAGE = ' || CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x' THEN 'extended' ELSE 'main' END
             || ', CATEGORY = ' || quote_literal(t.typcategory::text) || CASE WHEN t.typispreferred THEN ', PREFERRED = true' ELSE '' END
             || ${clause(', DEFAULT = ', 'quote_literal(t.typdefault)')}
             || CASE WHEN t.typelem <> 0 THEN ', ELEMENT = ' || format_type(t.typelem, NULL) ELSE '' END
             || ', DELIMITER = ' || quote_literal(t.typdelim::text)
             || CASE WHEN t.typcollation <> 0 THEN ', COLLATABLE = true' ELSE '' END || ')'] AS statements
      FROM pg_type t
     WHERE t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND ${usersTypes}`,
};

const collationLocale = (version: number): string => {
  if (version >= 170_000) return 'c.colllocale';
  return version >= 150_000 ? 'c.colliculocale' : `CASE c.collprovider WHEN 'i' THEN c.collcollate END`;
};

const collations = (version: number): PlainKind => ({
  catalog: 'pg_collation',
  kind: 'collation',
  query: `
    SELECT c.oid, ${readable('c.collnamespace', 'c.collname')} AS name,
           'COLLATION ' || ${qualified('c.collnamespace', 'c.collname')} AS target, pg_get_userbyid(c.collowner) AS owner,
           ARRAY[format('CREATE COLLATION %s (PROVIDER = %s%s%s%s)', ${qualified('c.collnamespace', 'c.collname')},
             CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
             CASE WHEN NOT c.collisdeterministic THEN ', DETERMINISTIC = false' END,
             CASE WHEN c.collprovider = 'c' THEN format(', LC_COLLATE = %L, LC_CTYPE = %L', c.collcollate, c.collctype)
                  ELSE ', LOCALE = ' || quote_literal(${collationLocale(version)}) END,
             ${version >= 160_000 ? clause(', RULES = ', 'quote_literal(c.collicurules)') : "''"})] AS statements,
           ${usesWhere({
             icu: `c.collprovider = 'i'`,
             builtinCollation: `c.collprovider = 'b'`,
             unicodeCollation: `c.collprovider = 'b' AND ${newColumn('c', 'colllocale')} = 'PG_UNICODE_FAST'`,
             collationRules: `${newColumn('c', 'collicurules')} IS NOT NULL`,
           })} AS uses
      FROM pg_collation c WHERE ${isUsers('c.collnamespace', 'pg_collation', 'c.oid')}`,
});

/** Types and collations; `alone`: ids of constraints that must not be part of their domain's statement. */
export function typeKinds(version: number, alone: ReadonlySet<string>): PlainKind[] {
  return [
    collations(version),
    enumerations,
    domains(alone),
    domainConstraints(alone, true),
    domainConstraints(alone, false),
    composites,
    ranges,
    shells,
    unfinished,
    bases,
  ];
}

/** Checks of domains, which are part of their domain's statement. */
export const domainPartQuery = `
  SELECT 'pg_constraint ' || k.oid AS id, 'pg_type ' || k.contypid AS host, 'pg_constraint ' || k.oid AS alone
    FROM pg_constraint k WHERE k.contypid <> 0 AND k.contype = 'c' AND k.convalidated`;
