import {
  identifier,
  qualified,
  qualifiedRelation,
  readable,
  readableRelation,
  relationName,
} from './catalogSql.ts';
import { newColumn, usesWhere } from './features.ts';
import type { PlainKind } from './plainObjects.ts';
import { isUsers } from './scope.ts';
import { differsFromAbove } from './tables.ts';

const table = qualified('c.relnamespace', 'c.relname');
const title = readable('c.relnamespace', 'c.relname');
const ofTable = `CASE WHEN c.relkind IN ('r', 'p') THEN ${relationName('c.oid')} END AS "table", 'pg_class ' || c.oid AS host`;
const users = isUsers('c.relnamespace', 'pg_class', 'c.oid');

const action = `CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END`;

const triggers: PlainKind = {
  catalog: 'pg_trigger',
  kind: 'trigger',
  section: 'post-data',
  query: `
    SELECT g.oid, format('%I on %s', g.tgname, ${title}) AS name, ${ofTable},
           ARRAY[pg_get_triggerdef(g.oid),
                 CASE WHEN g.tgenabled <> 'O' THEN format('ALTER TABLE %s %s TRIGGER %s', ${table}, ${action}, ${identifier('g.tgname')}) END]
             AS statements,
           format('TRIGGER %s ON %s', ${identifier('g.tgname')}, ${table}) AS target
      FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
     WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND ${users}`,
};

/** A partition's trigger comes with that of its table, but can be in a state of its own. */
const triggerStates: PlainKind = {
  catalog: 'pg_trigger',
  kind: 'trigger state',
  section: 'post-data',
  query: `
    SELECT g.oid, format('%I on %s', g.tgname, ${title}) AS name, ${ofTable},
           ARRAY[format('ALTER TABLE %s %s TRIGGER %s', ${table}, ${action}, ${identifier('g.tgname')})] AS statements,
           ARRAY['pg_trigger ' || g.tgparentid] AS needs
      FROM pg_trigger g JOIN pg_trigger p ON p.oid = g.tgparentid JOIN pg_class c ON c.oid = g.tgrelid
     WHERE g.tgenabled <> p.tgenabled AND ${users}
       AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = g.tgconstraint AND k.contype = 'f')`,
};

const isServers = `EXISTS (SELECT FROM pg_constraint k WHERE k.oid = g.tgconstraint AND k.contype IN ('f', 'p', 'u', 'x'))`;

/**
 * Triggers with which the server upholds constraints, and which a superuser has switched off. Their names hold numbers
 * that differ from database to database: they are switched all at once, and then the others back.
 */
const constraintTriggers: PlainKind = {
  catalog: 'pg_class',
  suffix: 'constraint triggers',
  kind: 'constraint triggers',
  section: 'post-data',
  query: `
    SELECT c.oid, ${title} AS name, ${ofTable}, true AS superuser,
           ARRAY[format('ALTER TABLE ONLY %s %s TRIGGER ALL', ${table}, s.action)]
             || ARRAY(SELECT format('ALTER TABLE ONLY %s %s TRIGGER %s', ${table}, ${action}, ${identifier('g.tgname')})
                        FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT ${isServers} ORDER BY g.tgname) AS statements,
           s.constraints || ARRAY(SELECT 'pg_trigger ' || g.oid FROM pg_trigger g
                                   WHERE g.tgrelid = c.oid AND NOT ${isServers}) AS needs,
           CASE WHEN s.states > 1 THEN 'some of them are switched off and others are not, and they have no names of their own' END
             AS left_out
      FROM (SELECT g.tgrelid, count(DISTINCT g.tgenabled) AS states, min(${action}) AS action,
                   array_agg(DISTINCT 'pg_constraint ' || g.tgconstraint) AS constraints
              FROM pg_trigger g WHERE ${isServers}
             GROUP BY g.tgrelid HAVING bool_or(g.tgenabled <> 'O')) s
      JOIN pg_class c ON c.oid = s.tgrelid
     WHERE ${users}`,
};

/** By itself, since it depends on how a server was built whether it knows one. */
const compressions: PlainKind = {
  catalog: 'pg_class',
  suffix: 'column compression',
  kind: 'column compression',
  property: true,
  row: true,
  query: `
    SELECT c.oid || ' ' || a.attnum AS oid, c.oid AS "row", ${title} || ' ' || quote_ident(a.attname) AS name, ${ofTable},
           ARRAY[format('ALTER %s %s ALTER COLUMN %s SET COMPRESSION %s',
                        CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE ONLY' END, ${table}, ${identifier('a.attname')},
                        CASE a.attcompression WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' ELSE 'DEFAULT' END)] AS statements,
           ${usesWhere({ lz4: `a.attcompression = 'l'` })} AS uses
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE (a.attcompression IN ('l', 'p') OR ${differsFromAbove('attcompression')})
       AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND ${users}`,
};

const rowSecurity: PlainKind = {
  catalog: 'pg_class',
  suffix: 'row-level security',
  kind: 'row-level security',
  section: 'post-data',
  property: true,
  query: `
    SELECT c.oid, ${title} AS name, ${ofTable},
           ARRAY[CASE WHEN c.relrowsecurity THEN 'ALTER TABLE ' || ${table} || ' ENABLE ROW LEVEL SECURITY' END,
                 CASE WHEN c.relforcerowsecurity THEN 'ALTER TABLE ONLY ' || ${table} || ' FORCE ROW LEVEL SECURITY' END] AS statements
      FROM pg_class c WHERE (c.relrowsecurity OR c.relforcerowsecurity) AND c.relkind IN ('r', 'p') AND ${users}`,
};

const role = `CASE WHEN r = 0 THEN 'PUBLIC' ELSE ${identifier('pg_get_userbyid(r)')} END`;

const policies: PlainKind = {
  catalog: 'pg_policy',
  kind: 'policy',
  section: 'post-data',
  query: `
    SELECT p.oid, format('%I on %s', p.polname, ${title}) AS name, ${ofTable},
           ARRAY[concat(format('CREATE POLICY %s ON %s', ${identifier('p.polname')}, ${table}),
                        CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,
                        CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE'
                                      WHEN 'd' THEN ' FOR DELETE' END,
                        ' TO ' || (SELECT string_agg(${role}, ', ') FROM unnest(p.polroles) r),
                        ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                        ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')] AS statements,
           ARRAY(SELECT pg_get_userbyid(r) FROM unnest(p.polroles) r WHERE r <> 0) AS roles,
           format('POLICY %s ON %s', ${identifier('p.polname')}, ${table}) AS target
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE ${users}`,
};

const statistics: PlainKind = {
  catalog: 'pg_statistic_ext',
  kind: 'extended statistics',
  section: 'post-data',
  query: `
    SELECT s.oid, ${readable('s.stxnamespace', 's.stxname')} AS name, ${ofTable}, pg_get_userbyid(s.stxowner) AS owner,
           ARRAY[pg_get_statisticsobjdef(s.oid),
                 CASE WHEN s.stxstattarget >= 0 THEN
                   format('ALTER STATISTICS %s SET STATISTICS %s', ${qualified('s.stxnamespace', 's.stxname')}, s.stxstattarget) END]
             AS statements,
           'STATISTICS ' || ${qualified('s.stxnamespace', 's.stxname')} AS target
      FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
     WHERE ${isUsers('s.stxnamespace', 'pg_statistic_ext', 's.oid')}`,
};

const publications = (version: number): PlainKind => ({
  catalog: 'pg_publication',
  kind: 'publication',
  section: 'post-data',
  query: `
    SELECT p.oid, quote_ident(p.pubname) AS name, 'PUBLICATION ' || quote_ident(p.pubname) AS target,
           pg_get_userbyid(p.pubowner) AS owner, p.puballtables AS superuser,
           ARRAY[concat('CREATE PUBLICATION ', quote_ident(p.pubname), CASE WHEN p.puballtables THEN ' FOR ALL TABLES' END,
             format(' WITH (publish = %L', concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                                     CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END)),
             CASE WHEN p.pubviaroot THEN ', publish_via_partition_root = true' END
             ${version >= 180_000 ? `, CASE p.pubgencols WHEN 's' THEN ', publish_generated_columns = stored' END` : ''}, ')')]
             AS statements,
           ${usesWhere({ publishedGenerated: `${newColumn('p', 'pubgencols')} = 's'` })} AS uses
      FROM pg_publication p`,
});

const publishedTables = (version: number): PlainKind => ({
  catalog: 'pg_publication_rel',
  kind: 'publication member',
  section: 'post-data',
  query: `
    SELECT m.oid, format('%I %s', p.pubname, ${title}) AS name, 'pg_publication ' || p.oid AS host,
           ARRAY['pg_class ' || c.oid] AS needs,
           ARRAY[concat('ALTER PUBLICATION ', quote_ident(p.pubname), ' ADD TABLE ONLY ', ${table}
             ${
               version >= 150_000
                 ? `, ' (' || (SELECT string_agg(${identifier('a.attname')}, ', ' ORDER BY a.attnum) FROM pg_attribute a
                               WHERE a.attrelid = c.oid AND a.attnum = ANY (m.prattrs)) || ')',
                      ' WHERE (' || pg_get_expr(m.prqual, m.prrelid) || ')'`
                 : ''
             })] AS statements,
           ${usesWhere({
             publishedPart: `${newColumn('m', 'prattrs')} IS NOT NULL OR ${newColumn('m', 'prqual')} IS NOT NULL`,
           })} AS uses
      FROM pg_publication_rel m JOIN pg_publication p ON p.oid = m.prpubid JOIN pg_class c ON c.oid = m.prrelid`,
});

const publishedSchemas: PlainKind = {
  catalog: 'pg_publication_namespace',
  kind: 'publication member',
  section: 'post-data',
  since: 150_000,
  query: `
    SELECT m.oid, format('%I schema %I', p.pubname, n.nspname) AS name, 'pg_publication ' || p.oid AS host, true AS superuser,
           ARRAY['pg_namespace ' || n.oid] AS needs,
           ARRAY[format('ALTER PUBLICATION %s ADD TABLES IN SCHEMA %s', quote_ident(p.pubname), ${identifier('n.nspname')})] AS statements,
           ${usesWhere({ publishedSchema: 'true' })} AS uses
      FROM pg_publication_namespace m JOIN pg_publication p ON p.oid = m.pnpubid JOIN pg_namespace n ON n.oid = m.pnnspid`,
};

/** An index of a partition belongs to that of its table. */
const indexPartitions: PlainKind = {
  catalog: 'pg_class',
  suffix: 'partition of an index',
  kind: 'index partition',
  section: 'post-data',
  query: `
    SELECT x.oid, ${readable('x.relnamespace', 'x.relname')} || ' of ' || ${readableRelation('i.inhparent')} AS name, ${relationName('c.oid')} AS "table",
           ARRAY[format('ALTER INDEX %s ATTACH PARTITION %s', ${qualifiedRelation('i.inhparent')},
                        ${qualified('x.relnamespace', 'x.relname')})] AS statements,
           ARRAY['pg_class ' || x.oid, 'pg_class ' || i.inhparent, format('pg_class %s partition', c.oid)]
             || ARRAY(SELECT format('pg_class %s partition of an index', j.inhrelid) FROM pg_inherits j WHERE j.inhparent = x.oid) AS needs
      FROM pg_inherits i JOIN pg_class x ON x.oid = i.inhrelid AND x.relkind IN ('i', 'I')
      JOIN pg_index d ON d.indexrelid = x.oid JOIN pg_class c ON c.oid = d.indrelid
     WHERE ${users}`,
};

/** The objects of tables other than rows, keys and indexes; and publications. */
export function extraKinds(version: number): PlainKind[] {
  return [
    indexPartitions,
    triggers,
    triggerStates,
    compressions,
    constraintTriggers,
    rowSecurity,
    policies,
    statistics,
    publications(version),
    publishedTables(version),
    publishedSchemas,
  ];
}
