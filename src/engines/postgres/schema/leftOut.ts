import { formatTableName } from '../../../core/names.ts';
import type { LeftOut } from '../../../core/schema.ts';
import type { Transaction } from '../transaction.ts';
import { isUsers } from './scope.ts';
import type { CatalogSequence } from './sequences.ts';
import type { CatalogType } from './types.ts';

const notYet = 'this version carries tables, their keys, indexes and what their columns need';

/** Why what is not carried is not, where it is not merely for later. */
const reasons: Readonly<Record<string, string>> = {
  'foreign table': 'its rows are in another database',
  'table of an extension': 'it comes back with the extension',
  'table of another session': 'it is temporary',
  'index that is not valid': 'it was never finished',
  'row-level security': 'tables come back without it; a backup never leaves hidden rows out in silence',
  'large object': 'tables carry the number of a large object, not its content',
  owner: 'what is made belongs to the user who restores it',
  privileges: 'what is made may be used by its owner alone',
  'sequence that may not be read': 'SELECT on it has not been granted to this user',
  sequence: 'no table takes numbers from it',
  type: notYet,
};

/** Names what is in the database and not in a backup of all its tables, by kind. */
export async function loadLeftOut(
  transaction: Transaction,
  carried: { readonly types: readonly CatalogType[]; readonly sequences: readonly CatalogSequence[] },
): Promise<LeftOut[]> {
  const rows = await transaction.rows<{ kind: string; name: string; oid: string | null }>(leftOutQuery);
  const carriedOids = new Set([...carried.types, ...carried.sequences].map(({ oid }) => oid));
  const kinds = new Map<string, Set<string>>();
  const add = (kind: string, name: string): void => {
    kinds.set(kind, (kinds.get(kind) ?? new Set()).add(name));
  };
  for (const { kind, name, oid } of rows) {
    if (oid === null || !carriedOids.has(oid)) add(kind, name);
  }
  for (const { name, readable } of carried.sequences) {
    if (!readable) add('sequence that may not be read', formatTableName(name));
  }
  return [...kinds]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, names]) => ({ kind, names: [...names].sort(), reason: reasons[kind] ?? notYet }));
}

interface Source {
  /** SQL: what it is called. */
  readonly kind: string;
  readonly name: string;
  /** Of what may be carried after all; else it is always left out. */
  readonly oid?: string;
  readonly from: string;
}

const inSchema = (namespace: string, name: string): string =>
  `format('%I.%I', (SELECT n.nspname FROM pg_namespace n WHERE n.oid = ${namespace}), ${name})`;

const users = (alias: string, catalog: string, namespace: string): string =>
  isUsers(`${alias}.${namespace}`, catalog, `${alias}.oid`);

/** Neither of an extension nor made by the server along with something else (a range's cast). */
const madeByItself = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid}
                AND e.deptype IN ('e', 'i'))`;

const relations: Source = {
  kind: `CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                        WHEN 'c' THEN 'composite type' ELSE 'sequence' END`,
  name: inSchema('c.relnamespace', 'c.relname'),
  oid: 'c.oid',
  from: `pg_class c WHERE c.relkind IN ('v', 'm', 'f', 'c', 'S') AND c.relpersistence <> 't'
           AND (c.relkind <> 'S' OR NOT EXISTS (
             SELECT FROM pg_depend i WHERE i.classid = 'pg_class'::regclass AND i.objid = c.oid AND i.deptype = 'i'))
           AND ${users('c', 'pg_class', 'relnamespace')}`,
};

const ofTables: readonly Source[] = [
  {
    kind: `'trigger'`,
    name: `format('%s on %s', quote_ident(g.tgname), ${inSchema('c.relnamespace', 'c.relname')})`,
    from: `pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
           WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND ${users('c', 'pg_class', 'relnamespace')}`,
  },
  {
    kind: `'rule'`,
    name: `format('%s on %s', quote_ident(r.rulename), ${inSchema('c.relnamespace', 'c.relname')})`,
    from: `pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
           WHERE r.rulename <> '_RETURN' AND ${users('c', 'pg_class', 'relnamespace')}`,
  },
  {
    kind: `'policy'`,
    name: `format('%s on %s', quote_ident(p.polname), ${inSchema('c.relnamespace', 'c.relname')})`,
    from: `pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE ${users('c', 'pg_class', 'relnamespace')}`,
  },
  {
    kind: `'row-level security'`,
    name: inSchema('c.relnamespace', 'c.relname'),
    from: `pg_class c WHERE c.relrowsecurity AND ${users('c', 'pg_class', 'relnamespace')}`,
  },
  {
    kind: `'index that is not valid'`,
    name: inSchema('c.relnamespace', 'c.relname'),
    from: `pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE NOT i.indisvalid AND c.relkind = 'i' AND ${users('c', 'pg_class', 'relnamespace')}`,
  },
  {
    kind: `'extended statistics'`,
    name: inSchema('s.stxnamespace', 's.stxname'),
    from: `pg_statistic_ext s WHERE ${users('s', 'pg_statistic_ext', 'stxnamespace')}`,
  },
  {
    kind: `'table of an extension'`,
    name: inSchema('c.relnamespace', 'c.relname'),
    from: `pg_class c JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
           WHERE c.relkind IN ('r', 'p')`,
  },
  {
    kind: `'privileges'`,
    name: inSchema('c.relnamespace', 'c.relname'),
    from: `pg_class c WHERE c.relkind IN ('r', 'p') AND ${users('c', 'pg_class', 'relnamespace')}
             AND (c.relacl IS NOT NULL OR EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL))`,
  },
  {
    kind: `'owner'`,
    name: 'pg_get_userbyid(c.relowner)',
    from: `pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
             AND ${users('c', 'pg_class', 'relnamespace')}`,
  },
];

/** Catalogs of objects that stand in a schema: kind, catalog, and its columns of name and schema. */
const inSchemas: readonly (readonly [string, string, string, string])[] = [
  ['collation', 'pg_collation', 'collname', 'collnamespace'],
  ['conversion', 'pg_conversion', 'conname', 'connamespace'],
  ['operator', 'pg_operator', 'oprname', 'oprnamespace'],
  ['operator class', 'pg_opclass', 'opcname', 'opcnamespace'],
  ['operator family', 'pg_opfamily', 'opfname', 'opfnamespace'],
  ['text search configuration', 'pg_ts_config', 'cfgname', 'cfgnamespace'],
  ['text search dictionary', 'pg_ts_dict', 'dictname', 'dictnamespace'],
  ['text search parser', 'pg_ts_parser', 'prsname', 'prsnamespace'],
  ['text search template', 'pg_ts_template', 'tmplname', 'tmplnamespace'],
];

/** Catalogs of objects of the whole database: kind, catalog, name. */
const ofDatabase: readonly (readonly [string, string, string])[] = [
  ['access method', 'pg_am', 'amname'],
  ['event trigger', 'pg_event_trigger', 'evtname'],
  ['foreign server', 'pg_foreign_server', 'srvname'],
  ['foreign-data wrapper', 'pg_foreign_data_wrapper', 'fdwname'],
  ['language', 'pg_language', 'lanname'],
  ['publication', 'pg_publication', 'pubname'],
];

/** The server's own objects have oids below this. */
const firstUserOid = 16_384;

const others: readonly Source[] = [
  {
    kind: `CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END`,
    name: 'p.oid::regprocedure::text',
    from: `pg_proc p WHERE ${users('p', 'pg_proc', 'pronamespace')}
             AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid
                              AND i.deptype = 'i')`,
  },
  {
    kind: `CASE t.typtype WHEN 'r' THEN 'range type' WHEN 'd' THEN 'domain' ELSE 'type' END`,
    name: inSchema('t.typnamespace', 't.typname'),
    oid: 't.oid',
    from: `pg_type t WHERE t.typtype IN ('b', 'd', 'e', 'r') AND NOT (t.typtype = 'b' AND t.typcategory = 'A') AND t.typisdefined
             AND ${users('t', 'pg_type', 'typnamespace')}`,
  },
  {
    kind: `'extension'`,
    name: 'quote_ident(x.extname)',
    from: `pg_extension x WHERE x.extname <> 'plpgsql'`,
  },
  {
    kind: `'cast'`,
    name: `format('%s to %s', format_type(k.castsource, NULL), format_type(k.casttarget, NULL))`,
    from: `pg_cast k WHERE k.oid >= ${firstUserOid} AND ${madeByItself('pg_cast', 'k.oid')}`,
  },
  {
    kind: `'large object'`,
    name: 'count(*)::text',
    from: 'pg_largeobject_metadata HAVING count(*) > 0',
  },
  {
    kind: `'default privileges'`,
    name: 'pg_get_userbyid(a.defaclrole)',
    from: 'pg_default_acl a',
  },
  {
    kind: `'setting'`,
    name: `coalesce(pg_get_userbyid(nullif(s.setrole, 0)) || ': ', '') || x`,
    from: `pg_db_role_setting s, unnest(s.setconfig) x
           WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())`,
  },
];

const sources: readonly Source[] = [
  relations,
  ...ofTables,
  ...inSchemas.map(([kind, catalog, name, namespace]) => ({
    kind: `'${kind}'`,
    name: inSchema(`x.${namespace}`, `x.${name}`),
    from: `${catalog} x WHERE ${users('x', catalog, namespace)}`,
  })),
  ...ofDatabase.map(([kind, catalog, name]) => ({
    kind: `'${kind}'`,
    name: `quote_ident(x.${name})`,
    from: `${catalog} x WHERE x.oid >= ${firstUserOid} AND ${madeByItself(catalog, 'x.oid')}`,
  })),
  ...others,
];

const leftOutQuery = sources
  .map(
    ({ kind, name, oid, from }) =>
      `SELECT ${kind} AS kind, ${name} AS name, ${oid ?? 'NULL::oid'} AS oid FROM ${from}`,
  )
  .join('\n UNION ALL ');
