import { formatTableName } from '../../../core/names.ts';
import type { LeftOut } from '../../../core/schema.ts';
import { unreadableQuery } from './largeObjectSql.ts';
import type { Transaction } from '../connect/transaction.ts';
import type { CatalogObject } from './catalogObject.ts';
import { readable } from './catalogSql.ts';
import { conditionOf, isMarked, isOpen } from './extensionTables.ts';
import { madeByItself } from './routines.ts';
import { type CatalogScope, isUsers } from './scope.ts';
import type { CatalogSequence } from './sequences.ts';

/** Why objects are left out, by kind. */
const reasons: Readonly<Record<string, string>> = {
  'foreign server': 'it may contain secrets, and it refers to another database',
  'foreign-data wrapper': 'it refers to another database',
  'user mapping': 'it may contain secrets',
  'invalid index': 'its creation was never completed',
  'order of columns': 'inherited columns come before its own, although its parent got some of them later',
  'security label': 'it belongs to a server module',
  'unreadable sequence':
    'this user has no SELECT on it; after a restore it continues after the highest value of its column in the backup, if there is one',
  'large object': 'this user has no SELECT on it',
  setting: 'it belongs to the server, not to the database',
  'privilege on a system object': 'it was granted on an object that every database has',
  subscription: 'it connects to another server, and its connection may contain secrets',
  tablespace: 'it is a folder on the server; its contents are restored to the default tablespace',
};

/** Names what is in the database, or belongs to a scope, and is not in a backup of all of it, by kind and reason. */
export async function loadLeftOut(
  transaction: Transaction,
  sequences: readonly CatalogSequence[],
  objects: readonly CatalogObject[],
  scope?: CatalogScope,
): Promise<LeftOut[]> {
  const rows = await transaction.rows<{ kind: string; name: string; reason: string | null }>(
    leftOutQuery(scope),
  );
  const groups = new Map<string, { kind: string; reason: string; names: Set<string> }>();
  const add = (kind: string, name: string, reason: string): void => {
    const key = JSON.stringify([kind, reason]);
    const group = groups.get(key) ?? { kind, reason, names: new Set() };
    groups.set(key, group);
    group.names.add(name);
  };
  for (const { kind, name, reason } of rows) add(kind, name, reason ?? reasons[kind] ?? '');
  for (const { kind, name, leftOut } of objects) if (leftOut) add(kind, name, leftOut);
  for (const { name, readable } of sequences) {
    const kind = 'unreadable sequence';
    if (!readable) add(kind, formatTableName(name), reasons[kind]!);
  }
  return [...groups.values()]
    .sort((a, b) => (a.kind < b.kind || (a.kind === b.kind && a.reason < b.reason) ? -1 : 1))
    .map(({ kind, names, reason }) => ({ kind, names: [...names].sort(), reason }));
}

/** SQL: what comes back of the table `c` of the extension `x`, and what does not. */
const extensionReason = `
  'the extension ' || quote_ident(x.extname) || ' creates it; ' || CASE
    WHEN c.relkind = 'p' THEN 'its rows are in its partitions'
    WHEN NOT ${isMarked('c.oid')}
      THEN 'its rows are not in the backup, because the extension does not mark them as data of users'
    WHEN NOT ${isOpen}
      THEN 'its rows are not in the backup, because this user may not read all of them'
    ELSE coalesce('only those of its rows are in the backup that the extension marks as data of users: '
                  || ${conditionOf('x', 'c.oid')}, 'its rows are in the backup') END`;

interface Source {
  readonly kind: string;
  readonly name: string;
  readonly from: string;
  /** The table that it belongs to. */
  readonly table?: string;
  /** SQL; else the reason of its kind. */
  readonly reason?: string;
}

const sources: readonly Source[] = [
  {
    kind: 'invalid index',
    table: 'i.indrelid',
    name: readable('c.relnamespace', 'c.relname'),
    from: `pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE NOT i.indisvalid AND c.relkind = 'i' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`,
  },
  {
    kind: 'order of columns',
    table: 'c.oid',
    name: readable('c.relnamespace', 'c.relname'),
    from: `pg_class c
           WHERE c.relkind = 'r' AND NOT c.relispartition AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}
             AND EXISTS (SELECT FROM pg_attribute own
                           JOIN pg_attribute later ON later.attrelid = own.attrelid AND later.attnum > own.attnum
                          WHERE own.attrelid = c.oid AND own.attnum > 0 AND own.attinhcount = 0 AND NOT own.attisdropped
                            AND later.attinhcount > 0 AND NOT later.attislocal AND NOT later.attisdropped)`,
  },
  {
    kind: 'definition of a table of an extension',
    table: 'c.oid',
    name: readable('c.relnamespace', 'c.relname'),
    reason: extensionReason,
    from: `pg_class c JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
           JOIN pg_extension x ON e.refclassid = 'pg_extension'::regclass AND x.oid = e.refobjid
           WHERE c.relkind IN ('r', 'p')`,
  },
  {
    kind: 'foreign server',
    name: 'quote_ident(s.srvname)',
    from: `pg_foreign_server s WHERE ${madeByItself('pg_foreign_server', 's.oid')}`,
  },
  {
    kind: 'foreign-data wrapper',
    name: 'quote_ident(w.fdwname)',
    from: `pg_foreign_data_wrapper w WHERE ${madeByItself('pg_foreign_data_wrapper', 'w.oid')}`,
  },
  {
    kind: 'user mapping',
    name: `format('%s on %s', coalesce(quote_ident(m.usename), 'PUBLIC'), quote_ident(m.srvname))`,
    from: 'pg_user_mappings m',
  },
  { kind: 'privilege on a system object', name: 'r.name', from: `(${systemRights()}) r (name)` },
  { kind: 'large object', name: 'l.name', from: `(${unreadableQuery}) l` },
  {
    kind: 'setting',
    name: `coalesce(pg_get_userbyid(nullif(s.setrole, 0)) || ': ', '') || x`,
    from: `pg_db_role_setting s, unnest(s.setconfig) x
           WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())`,
  },
  {
    kind: 'subscription',
    name: 'quote_ident(s.subname)',
    from: `pg_subscription s
           WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())`,
  },
  {
    kind: 'security label',
    name: 'l.objname',
    from: `pg_seclabels l WHERE l.objtype NOT IN ('role', 'database')`,
  },
  {
    kind: 'tablespace',
    table: 'c.oid',
    name: `format('%I of %s', s.spcname, ${readable('c.relnamespace', 'c.relname')})`,
    from: `pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace
           WHERE s.spcname <> 'pg_global' AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`,
  },
];

/**
 * SQL: rights on the server's own objects that are not those which it gave them when the database was made. What it gave
 * to those of the information schema it does not keep: that is nothing to other roles.
 */
function changedRights(catalog: string, acl: string, from: string, place = '0'): string {
  const namespace = { pg_class: 'o.relnamespace', pg_namespace: 'o.oid' }[catalog] ?? 'NULL::oid';
  return `
  FROM ${from}
  LEFT JOIN pg_init_privs i ON i.classoid = '${catalog}'::regclass AND i.objoid = o.oid AND i.objsubid = ${place}
 WHERE o.oid < 16384 AND ARRAY(SELECT x::text FROM unnest(${acl}) x ORDER BY 1)
                         <> ARRAY(SELECT x::text FROM unnest(i.initprivs) x ORDER BY 1)
   AND (i.objoid IS NOT NULL OR ${namespace} IS DISTINCT FROM 'information_schema'::regnamespace
        OR EXISTS (SELECT FROM aclexplode(${acl}) x WHERE x.grantee NOT IN (0, x.grantor)))`;
}

function systemRights(): string {
  return `
  SELECT 'table ' || ${readable('o.relnamespace', 'o.relname')} ${changedRights('pg_class', 'o.relacl', 'pg_class o')}
   UNION ALL
  SELECT format('column %I of %s', a.attname, ${readable('o.relnamespace', 'o.relname')})
    ${changedRights('pg_class', 'a.attacl', 'pg_class o JOIN pg_attribute a ON a.attrelid = o.oid', 'a.attnum')}
   UNION ALL
  SELECT 'function ' || o.oid::regprocedure ${changedRights('pg_proc', 'o.proacl', 'pg_proc o')}
   UNION ALL
  SELECT 'type ' || format_type(o.oid, NULL) ${changedRights('pg_type', 'o.typacl', 'pg_type o')}
   UNION ALL
  SELECT 'language ' || quote_ident(o.lanname) ${changedRights('pg_language', 'o.lanacl', 'pg_language o')}
   UNION ALL
  SELECT 'schema ' || quote_ident(o.nspname)
    ${changedRights('pg_namespace', 'o.nspacl', `(SELECT * FROM pg_namespace WHERE nspname <> 'public') o`)}`;
}

/** The part of it that belongs to the tables of a scope. */
function leftOutQuery(scope: CatalogScope | undefined): string {
  return sources
    .filter(({ table }) => !scope || table !== undefined)
    .map(({ kind, name, from, table, reason = 'NULL' }) => {
      const condition = scope ? ` AND ${scope.isWhole(table!)}` : '';
      return `SELECT '${kind}' AS kind, ${name} AS name, ${reason} AS reason FROM ${from}${condition}`;
    })
    .join('\n UNION ALL ');
}
