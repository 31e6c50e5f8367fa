import { clause, identifier, qualified, readable } from './catalogSql.ts';
import { usesWhere } from './features.ts';
import type { PlainKind } from './plainObjects.ts';
import { madeByItself } from './routines.ts';
import { firstUserOid, isUsers } from './scope.ts';

/** Its rights and its comment, as far as a backup says nothing else, are not those of a new database. */
const publicSettings = `
  CASE WHEN n.nspname = 'public' THEN ARRAY['REVOKE ALL ON SCHEMA "public" FROM PUBLIC']
    || CASE WHEN obj_description(n.oid, 'pg_namespace') IS NULL THEN ARRAY['COMMENT ON SCHEMA "public" IS NULL'] END END`;

const sorted = (rights: string): string => `ARRAY(SELECT r::text FROM unnest(${rights}) r ORDER BY 1)`;

/** It was created by initdb: its owner and its oid are the server's own. */
const isUsual = `
  n.oid < ${firstUserOid} AND n.nspowner < ${firstUserOid}
    AND obj_description(n.oid, 'pg_namespace') IS NOT DISTINCT FROM 'standard public schema'
    AND ${sorted('n.nspacl')} = (SELECT ${sorted('i.initprivs')} FROM pg_init_privs i
                                  WHERE i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid AND i.objsubid = 0)`;

const schemas: PlainKind = {
  catalog: 'pg_namespace',
  kind: 'schema',
  query: `
    SELECT n.oid, quote_ident(n.nspname) AS name, ARRAY['CREATE SCHEMA ' || ${identifier('n.nspname')}] || ${publicSettings} AS statements,
           CASE WHEN ${isUsual} THEN 'DROP SCHEMA ' || ${identifier('n.nspname')} END AS usual,
           'SCHEMA ' || ${identifier('n.nspname')} AS target, pg_get_userbyid(n.nspowner) AS owner
      FROM pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ${madeByItself('pg_namespace', 'n.oid')}`,
};

const extensions: PlainKind = {
  catalog: 'pg_extension',
  kind: 'extension',
  query: `
    SELECT x.oid, quote_ident(x.extname) AS name,
           ARRAY[format('CREATE EXTENSION %s WITH SCHEMA %s VERSION %L', ${identifier('x.extname')}, ${identifier('n.nspname')},
                        x.extversion)] AS statements,
           'EXTENSION ' || ${identifier('x.extname')} AS target, ARRAY['extension ' || x.extname] AS uses,
           NOT coalesce((SELECT bool_or(v.trusted) FROM pg_available_extension_versions v
                          WHERE v.name = x.extname AND v.version = x.extversion), false) AS superuser
      FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
     WHERE x.oid >= ${firstUserOid}`,
};

const languages: PlainKind = {
  catalog: 'pg_language',
  kind: 'language',
  query: `
    SELECT l.oid, quote_ident(l.lanname) AS name, 'it was not made by an extension' AS left_out
      FROM pg_language l WHERE l.oid >= ${firstUserOid} AND ${madeByItself('pg_language', 'l.oid')}`,
};

const casts: PlainKind = {
  catalog: 'pg_cast',
  kind: 'cast',
  query: `
    SELECT k.oid, format('%s to %s', format_type(k.castsource, NULL), format_type(k.casttarget, NULL)) AS name,
           ARRAY[format('CREATE CAST (%s AS %s) ', format_type(k.castsource, NULL), format_type(k.casttarget, NULL))
             || CASE k.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || k.castfunc::regprocedure
                                  WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END
             || CASE k.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END] AS statements,
           format('CAST (%s AS %s)', format_type(k.castsource, NULL), format_type(k.casttarget, NULL)) AS target,
           k.castmethod = 'b' AS superuser
      FROM pg_cast k WHERE k.oid >= ${firstUserOid} AND ${madeByItself('pg_cast', 'k.oid')}`,
};

const conversions: PlainKind = {
  catalog: 'pg_conversion',
  kind: 'conversion',
  query: `
    SELECT c.oid, ${readable('c.connamespace', 'c.conname')} AS name,
           ARRAY[format('CREATE %sCONVERSION %s FOR %L TO %L FROM %s', CASE WHEN c.condefault THEN 'DEFAULT ' END,
                        ${qualified('c.connamespace', 'c.conname')}, pg_encoding_to_char(c.conforencoding),
                        pg_encoding_to_char(c.contoencoding), c.conproc)] AS statements,
           'CONVERSION ' || ${qualified('c.connamespace', 'c.conname')} AS target, pg_get_userbyid(c.conowner) AS owner
      FROM pg_conversion c WHERE ${isUsers('c.connamespace', 'pg_conversion', 'c.oid')}`,
};

const accessMethods: PlainKind = {
  catalog: 'pg_am',
  kind: 'access method',
  query: `
    SELECT m.oid, quote_ident(m.amname) AS name,
           ARRAY[format('CREATE ACCESS METHOD %s TYPE %s HANDLER %s', ${identifier('m.amname')},
                        CASE m.amtype WHEN 't' THEN 'TABLE' ELSE 'INDEX' END, m.amhandler)] AS statements,
           'ACCESS METHOD ' || ${identifier('m.amname')} AS target, true AS superuser
      FROM pg_am m WHERE m.oid >= ${firstUserOid} AND ${madeByItself('pg_am', 'm.oid')}`,
};

const transforms: PlainKind = {
  catalog: 'pg_transform',
  kind: 'transform',
  query: `
    SELECT t.oid, format('for %s language %s', format_type(t.trftype, NULL), quote_ident(l.lanname)) AS name,
           ARRAY[format('CREATE TRANSFORM FOR %s LANGUAGE %s (%s)', format_type(t.trftype, NULL), ${identifier('l.lanname')},
             concat_ws(', ',
               CASE WHEN t.trffromsql <> 0 THEN 'FROM SQL WITH FUNCTION ' || t.trffromsql::oid::regprocedure END,
               CASE WHEN t.trftosql <> 0 THEN 'TO SQL WITH FUNCTION ' || t.trftosql::oid::regprocedure END))] AS statements,
           format('TRANSFORM FOR %s LANGUAGE %s', format_type(t.trftype, NULL), ${identifier('l.lanname')}) AS target,
           true AS superuser
      FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang WHERE ${madeByItself('pg_transform', 't.oid')}`,
};

const parsers: PlainKind = {
  catalog: 'pg_ts_parser',
  kind: 'text search parser',
  query: `
    SELECT p.oid, ${readable('p.prsnamespace', 'p.prsname')} AS name,
           ARRAY[format('CREATE TEXT SEARCH PARSER %s (START = %s, GETTOKEN = %s, END = %s%s, LEXTYPES = %s)',
                        ${qualified('p.prsnamespace', 'p.prsname')}, p.prsstart, p.prstoken, p.prsend,
                        CASE WHEN p.prsheadline <> 0 THEN ', HEADLINE = ' || p.prsheadline END, p.prslextype)] AS statements,
           'TEXT SEARCH PARSER ' || ${qualified('p.prsnamespace', 'p.prsname')} AS target, true AS superuser
      FROM pg_ts_parser p WHERE ${isUsers('p.prsnamespace', 'pg_ts_parser', 'p.oid')}`,
};

const templates: PlainKind = {
  catalog: 'pg_ts_template',
  kind: 'text search template',
  query: `
    SELECT t.oid, ${readable('t.tmplnamespace', 't.tmplname')} AS name,
           ARRAY[format('CREATE TEXT SEARCH TEMPLATE %s (%sLEXIZE = %s)', ${qualified('t.tmplnamespace', 't.tmplname')},
                        CASE WHEN t.tmplinit <> 0 THEN 'INIT = ' || t.tmplinit || ', ' END, t.tmpllexize)] AS statements,
           'TEXT SEARCH TEMPLATE ' || ${qualified('t.tmplnamespace', 't.tmplname')} AS target, true AS superuser
      FROM pg_ts_template t WHERE ${isUsers('t.tmplnamespace', 'pg_ts_template', 't.oid')}`,
};

const dictionaries: PlainKind = {
  catalog: 'pg_ts_dict',
  kind: 'text search dictionary',
  query: `
    SELECT d.oid, ${readable('d.dictnamespace', 'd.dictname')} AS name,
           ARRAY[format('CREATE TEXT SEARCH DICTIONARY %s (TEMPLATE = %s%s)', ${qualified('d.dictnamespace', 'd.dictname')},
                        (SELECT ${qualified('t.tmplnamespace', 't.tmplname')} FROM pg_ts_template t WHERE t.oid = d.dicttemplate),
                        ${clause(', ', 'd.dictinitoption')})] AS statements,
           'TEXT SEARCH DICTIONARY ' || ${qualified('d.dictnamespace', 'd.dictname')} AS target,
           pg_get_userbyid(d.dictowner) AS owner
      FROM pg_ts_dict d WHERE ${isUsers('d.dictnamespace', 'pg_ts_dict', 'd.oid')}`,
};

const configurationTarget = `'TEXT SEARCH CONFIGURATION ' || ${qualified('c.cfgnamespace', 'c.cfgname')}`;

const configurations: PlainKind = {
  catalog: 'pg_ts_config',
  kind: 'text search configuration',
  query: `
    SELECT c.oid, ${readable('c.cfgnamespace', 'c.cfgname')} AS name,
           ARRAY[format('CREATE %s (PARSER = %s)', ${configurationTarget},
                        (SELECT ${qualified('p.prsnamespace', 'p.prsname')} FROM pg_ts_parser p WHERE p.oid = c.cfgparser))]
             || ARRAY(SELECT format('ALTER %s ADD MAPPING FOR %s WITH %s', ${configurationTarget},
                                    (SELECT ${identifier('t.alias')} FROM ts_token_type(c.cfgparser) t WHERE t.tokid = m.maptokentype),
                                    string_agg((SELECT ${qualified('d.dictnamespace', 'd.dictname')}
                                                  FROM pg_ts_dict d WHERE d.oid = m.mapdict), ', ' ORDER BY m.mapseqno))
                        FROM pg_ts_config_map m WHERE m.mapcfg = c.oid
                       GROUP BY m.maptokentype ORDER BY m.maptokentype) AS statements,
           ${configurationTarget} AS target, pg_get_userbyid(c.cfgowner) AS owner
      FROM pg_ts_config c WHERE ${isUsers('c.cfgnamespace', 'pg_ts_config', 'c.oid')}`,
};

const eventTriggers: PlainKind = {
  catalog: 'pg_event_trigger',
  kind: 'event trigger',
  section: 'post-data',
  query: `
    SELECT e.oid, quote_ident(e.evtname) AS name,
           ARRAY[format('CREATE EVENT TRIGGER %s ON %s%s EXECUTE FUNCTION %s', quote_ident(e.evtname), e.evtevent,
                        ' WHEN TAG IN (' || (SELECT string_agg(quote_literal(t), ', ') FROM unnest(e.evttags) t) || ')',
                        e.evtfoid::regprocedure),
                 CASE WHEN e.evtenabled <> 'O' THEN format('ALTER EVENT TRIGGER %s %s', quote_ident(e.evtname),
                   CASE e.evtenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END) END]
             AS statements,
           'EVENT TRIGGER ' || quote_ident(e.evtname) AS target, pg_get_userbyid(e.evtowner) AS owner, true AS superuser,
           ${usesWhere({ loginTrigger: `e.evtevent = 'login'` })} AS uses
      FROM pg_event_trigger e WHERE ${madeByItself('pg_event_trigger', 'e.oid')}`,
};

/** Objects that are no relations, types or routines. */
export const databaseKinds: readonly PlainKind[] = [
  schemas,
  extensions,
  languages,
  casts,
  conversions,
  accessMethods,
  transforms,
  parsers,
  templates,
  dictionaries,
  configurations,
  eventTriggers,
];
