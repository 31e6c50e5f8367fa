import { collateClause, identifier, qualified, readable, relationName } from './catalogSql.ts';
import { usesWhere } from './features.ts';
import type { PlainKind } from './plainObjects.ts';
import { isUsers } from './scope.ts';
import { compositeColumns } from './types.ts';

const name = qualified('c.relnamespace', 'c.relname');
const title = readable('c.relnamespace', 'c.relname');

const definition = `rtrim(pg_get_viewdef(c.oid), E' \\n;')`;

/** The options except the check option, which has its own syntax. */
const options = `
  coalesce(' WITH (' || (SELECT string_agg(${identifier(`split_part(o, '=', 1)`)} || ' = '
                                   || quote_literal(substr(o, strpos(o, '=') + 1)), ', ')
                           FROM unnest(c.reloptions) o WHERE o NOT LIKE 'check_option=%') || ')', '')`;

const checkOption = `
  coalesce((SELECT ' WITH ' || upper(split_part(o, '=', 2)) || ' CHECK OPTION'
              FROM unnest(c.reloptions) o WHERE o LIKE 'check_option=%'), '')`;

const oids = (ids: readonly string[]): string =>
  `ARRAY[${ids.flatMap((id) => /^pg_rewrite (\d+)$/.exec(id)?.[1] ?? []).join(', ')}]::oid[]`;

const isSplit = (alone: ReadonlySet<string>): string =>
  `EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = '_RETURN' AND r.oid = ANY (${oids([...alone])}))`;

/** The columns alone, so that others can name the view's type before it is whole. */
const placeholder = `
  coalesce((SELECT string_agg(format('NULL::%s%s AS %s', format_type(a.atttypid, a.atttypmod),
                                     ${collateClause('a.attcollation', 'a.atttypid')}, ${identifier('a.attname')}),
                              ', ' ORDER BY a.attnum)
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')`;

const usersViews = (kind: 'v' | 'm'): string =>
  `c.relkind = '${kind}' AND c.relpersistence <> 't' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`;

const views = (alone: ReadonlySet<string>): PlainKind => ({
  catalog: 'pg_class',
  kind: 'view',
  query: `
    SELECT c.oid, ${title} AS name, 'VIEW ' || ${name} AS target, pg_get_userbyid(c.relowner) AS owner,
           ARRAY['CREATE VIEW ' || ${name} || CASE WHEN ${isSplit(alone)} THEN ' AS SELECT ' || ${placeholder}
                 ELSE ${options} || ' AS ' || ${definition} || ${checkOption} END] AS statements,
           ${usesWhere({ securityInvoker: `EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o LIKE 'security_invoker=%')` })} AS uses
      FROM pg_class c WHERE ${usersViews('v')}`,
});

const definitions = (alone: ReadonlySet<string>): PlainKind => ({
  catalog: 'pg_class',
  suffix: 'definition',
  kind: 'view definition',
  property: true,
  query: `
    SELECT c.oid, ${title} AS name, 'pg_class ' || c.oid AS host,
           ARRAY['CREATE OR REPLACE VIEW ' || ${name} || ${options} || ' AS ' || ${definition} || ${checkOption}] AS statements
      FROM pg_class c WHERE ${usersViews('v')} AND ${isSplit(alone)}`,
});

const columnDefaults: PlainKind = {
  catalog: 'pg_attrdef',
  kind: 'default',
  property: true,
  query: `
    SELECT d.oid, ${title} || ' ' || quote_ident(a.attname) AS name, 'pg_class ' || c.oid AS host,
           ARRAY[format('ALTER VIEW %s ALTER COLUMN %s SET DEFAULT %s', ${name}, ${identifier('a.attname')},
                        pg_get_expr(d.adbin, d.adrelid))] AS statements
      FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
      JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE ${usersViews('v')}`,
};

const storage = (alias: string): string =>
  `CASE ${alias} WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END`;

const materialized: PlainKind = {
  catalog: 'pg_class',
  kind: 'materialized view',
  query: `
    SELECT c.oid, ${title} AS name, 'MATERIALIZED VIEW ' || ${name} AS target, pg_get_userbyid(c.relowner) AS owner,
           ARRAY['CREATE MATERIALIZED VIEW ' || ${name}
                 || coalesce((SELECT ' USING ' || ${identifier('m.amname')} FROM pg_am m WHERE m.oid = c.relam AND m.amname <> 'heap'), '')
                 || ${options} || ' AS ' || ${definition} || ' WITH NO DATA']
             || ARRAY(SELECT 'ALTER MATERIALIZED VIEW ' || ${name} || ' ALTER COLUMN ' || ${identifier('a.attname')} || ' SET ' || s
                        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                       CROSS JOIN LATERAL (VALUES
                         (1, CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || ${storage('a.attstorage')} END),
                         (2, CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END),
                         (3, '(' || array_to_string(a.attoptions, ', ') || ')')) x (place, s)
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND s IS NOT NULL
                       ORDER BY a.attnum, place) AS statements
      FROM pg_class c WHERE ${usersViews('m')}`,
};

const refreshes: PlainKind = {
  catalog: 'pg_class',
  suffix: 'data',
  kind: 'materialized view data',
  section: 'post-data',
  repeat: true,
  query: `
    SELECT c.oid, ${title} AS name, 'pg_class ' || c.oid AS host,
           ARRAY['REFRESH MATERIALIZED VIEW ' || ${name} || CASE WHEN c.relispopulated THEN '' ELSE ' WITH NO DATA' END] AS statements
      FROM pg_class c WHERE ${usersViews('m')}`,
};

const ruleState = `
  CASE WHEN r.ev_enabled <> 'O' THEN format('ALTER TABLE %s %s RULE %s', ${name},
    CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, ${identifier('r.rulename')}) END`;

const rules: PlainKind = {
  catalog: 'pg_rewrite',
  kind: 'rule',
  section: 'post-data',
  query: `
    SELECT r.oid, format('%I on %s', r.rulename, ${title}) AS name,
           ARRAY[rtrim(pg_get_ruledef(r.oid), E' \\n;'), ${ruleState}] AS statements,
           CASE WHEN c.relkind IN ('r', 'p') THEN ${relationName('c.oid')} END AS "table", 'pg_class ' || c.oid AS host,
           format('RULE %s ON %s', ${identifier('r.rulename')}, ${name}) AS target
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
     WHERE r.rulename <> '_RETURN' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`,
};

const foreignTables: PlainKind = {
  catalog: 'pg_class',
  kind: 'foreign table',
  query: `
    SELECT c.oid, ${title} AS name, 'its rows are in another database' AS left_out
      FROM pg_class c WHERE c.relkind = 'f' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`,
};

/** Objects that depend on a foreign table only by its row type: a column of such rows, even in an array. */
const isUsedAsType = `
  EXISTS (SELECT FROM pg_depend d JOIN pg_type t ON t.oid = d.refobjid
           WHERE d.classid IN ('pg_class'::regclass, 'pg_type'::regclass) AND d.deptype = 'n'
             AND d.refclassid = 'pg_type'::regclass AND c.reltype IN (t.oid, t.typelem))`;

/** A table with a column of a foreign table's row type comes back: the type is made by itself, under its name. */
const foreignRowTypes: PlainKind = {
  catalog: 'pg_type',
  kind: 'composite type',
  query: `
    SELECT c.reltype AS oid, ${title} AS name, ARRAY['CREATE TYPE ' || ${name} || ' AS (' || ${compositeColumns('c.oid')} || ')'] AS statements
      FROM pg_class c WHERE c.relkind = 'f' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')} AND ${isUsedAsType}`,
};

/** Views, what they hold, rules; `alone`: ids of the rules of views that are made in two steps. */
export function viewKinds(alone: ReadonlySet<string>): PlainKind[] {
  return [
    views(alone),
    definitions(alone),
    columnDefaults,
    materialized,
    refreshes,
    rules,
    foreignTables,
    foreignRowTypes,
  ];
}

/** The rule that makes a view is part of its statement. */
export const viewPartQuery = `
  SELECT 'pg_rewrite ' || r.oid AS id, 'pg_class ' || r.ev_class AS host, format('pg_class %s definition', r.ev_class) AS alone
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v' WHERE r.rulename = '_RETURN'`;
