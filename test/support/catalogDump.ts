import type { TestDatabase } from './testDatabases.ts';

/** Something in a database, asked of the catalogs by other queries than the product's. */
export interface CatalogLine {
  /** What and which: `column public.a.id`. */
  readonly identity: string;
  /** Its own name, or that of the role or setting. */
  readonly subject: string;
  /** The relation that it comes with. */
  readonly relation: string | null;
  readonly definition: string;
}

const users = (namespace: string): string =>
  `${namespace} IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')`;

const line = (
  what: string,
  id: string,
  subject: string,
  relation: string,
  values: string,
  from: string,
): string =>
  `SELECT '${what} ' || ${id} AS identity, (${subject})::text AS subject, (${relation})::text AS relation,
          concat_ws(' | ', ${values}) AS definition FROM ${from}`;

const name = `n.nspname || '.' || c.relname`;
const relations = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;

/** The table that a sequence or an index is part of. */
const ownerOf = (oid: string): string => `(
  SELECT o.relname FROM pg_depend d JOIN pg_class o ON o.oid = d.refobjid
   WHERE d.classid = 'pg_class'::regclass AND d.objid = ${oid} AND d.refclassid = 'pg_class'::regclass
     AND d.deptype IN ('a', 'i') LIMIT 1)`;

/** Of each thing what COMMENT, GRANT, ALTER and CREATE can change; nothing that differs by itself (numbers, sizes). */
const queries: readonly string[] = [
  line(
    'schema',
    'nspname',
    'nspname',
    'NULL',
    'nspowner::regrole, nspacl::text',
    `pg_namespace WHERE nspname !~ '^pg_(toast|temp)'`,
  ),
  line(
    'relation',
    name,
    'c.relname',
    ownerOf('c.oid'),
    `c.relkind, c.relowner::regrole, c.relacl::text, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity,
     c.relispartition, c.relpersistence, c.relreplident, c.reloftype::regtype, pg_get_expr(c.relpartbound, c.oid),
     CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END`,
    `${relations} WHERE ${users('n.oid')} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 'f', 'c')`,
  ),
  line(
    'column',
    `${name} || '.' || a.attname`,
    'a.attname',
    'c.relname',
    `format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attacl::text, a.attstorage,
     a.attcompression, a.attoptions::text, pg_get_expr(d.adbin, d.adrelid)`,
    `${relations} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE ${users('n.oid')} AND c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f')`,
  ),
  line(
    'constraint',
    `${name} || '.' || k.conname`,
    'k.conname',
    'c.relname',
    'pg_get_constraintdef(k.oid), k.convalidated',
    `pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${users('n.oid')}`,
  ),
  line(
    'triggers that uphold constraints of',
    name,
    'c.relname',
    'c.relname',
    `(SELECT string_agg(DISTINCT tgenabled::text, ',') FROM pg_trigger WHERE tgrelid = c.oid AND tgisinternal AND tgenabled <> 'O')`,
    `${relations} WHERE ${users('n.oid')} AND c.relkind IN ('r', 'p')`,
  ),
  line(
    'trigger',
    `${name} || '.' || g.tgname`,
    'g.tgname',
    'NULL',
    'pg_get_triggerdef(g.oid), g.tgenabled',
    `pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal`,
  ),
  line(
    'rule',
    `${name} || '.' || r.rulename`,
    'r.rulename',
    'c.relname',
    'pg_get_ruledef(r.oid), r.ev_enabled',
    `pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${users('n.oid')}`,
  ),
  line(
    'policy',
    `${name} || '.' || p.polname`,
    'p.polname',
    'NULL',
    'p.polcmd, p.polroles::text, p.polpermissive, pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)',
    'pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace',
  ),
  line(
    'heir',
    `i.inhrelid::regclass || ' of ' || i.inhparent::regclass`,
    `(SELECT relname FROM pg_class WHERE oid = i.inhparent)`,
    `(SELECT relname FROM pg_class WHERE oid = i.inhparent)`,
    'i.inhseqno',
    'pg_inherits i',
  ),
  line(
    'routine',
    'p.oid::regprocedure',
    'p.proname',
    'NULL',
    `p.proowner::regrole, p.proacl::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END`,
    `pg_proc p WHERE ${users('p.pronamespace')}`,
  ),
  line(
    'type',
    't.oid::regtype',
    't.typname',
    `CASE WHEN t.typelem <> 0 THEN (SELECT e.typname FROM pg_type e WHERE e.oid = t.typelem) ELSE t.typname END`,
    `t.typowner::regrole, t.typacl::text, t.typtype, t.typdefault, t.typnotnull, t.typbasetype::regtype,
     (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
     (SELECT string_agg(pg_get_constraintdef(k.oid), ',') FROM pg_constraint k WHERE k.contypid = t.oid)`,
    `pg_type t WHERE ${users('t.typnamespace')}`,
  ),
  line(
    'comment on',
    `(pg_identify_object(classoid, objoid, objsubid)).identity`,
    `(pg_identify_object(classoid, objoid, objsubid)).identity`,
    'NULL',
    'description',
    'pg_description WHERE objoid >= 16384 OR classoid = 2615',
  ),
  line('role', 'rolname', 'rolname', 'NULL', 'to_jsonb(r)::text', 'pg_authid r'),
  line(
    'membership',
    `roleid::regrole || ' ' || member::regrole`,
    'roleid::regrole',
    'NULL',
    'admin_option',
    'pg_auth_members',
  ),
  line(
    'settings of',
    `setdatabase || ' ' || setrole`,
    `setrole::text`,
    'NULL',
    'setconfig::text',
    'pg_db_role_setting',
  ),
  line('setting in a file', `name || seqno`, 'name', 'NULL', 'setting', 'pg_file_settings'),
  line(
    'database',
    'datname',
    'datname',
    'NULL',
    'datdba::regrole, datacl::text, datallowconn',
    'pg_database WHERE datname = current_database()',
  ),
  line(
    'default rights',
    `defaclrole::regrole || ' ' || defaclnamespace::text || defaclobjtype::text`,
    'defaclrole::regrole',
    'NULL',
    'defaclacl::text',
    'pg_default_acl',
  ),
  line(
    'event trigger',
    'evtname',
    'evtname',
    'NULL',
    'evtevent, evtenabled, evtfoid::regproc, evttags::text',
    'pg_event_trigger',
  ),
  line(
    'publication',
    'pubname',
    'pubname',
    'NULL',
    'puballtables, pubinsert, pubowner::regrole',
    'pg_publication',
  ),
  line(
    'published',
    `pubname || ' ' || tablename`,
    'tablename',
    'NULL',
    'schemaname',
    `pg_publication_tables`,
  ),
  line('extension', 'extname', 'extname', 'NULL', 'extversion', 'pg_extension'),
  line(
    'cast',
    `castsource::regtype || ' ' || casttarget::regtype`,
    'casttarget::regtype',
    'NULL',
    'castfunc::regproc',
    'pg_cast WHERE oid >= 16384',
  ),
  line(
    'operator',
    'oid::regoperator',
    'oprname',
    'NULL',
    'oprcode, oprowner::regrole',
    `pg_operator WHERE oid >= 16384`,
  ),
  line(
    'statistics',
    'stxname',
    'stxname',
    'NULL',
    'pg_get_statisticsobjdef(oid), stxowner::regrole',
    'pg_statistic_ext',
  ),
  line(
    'counter of',
    `schemaname || '.' || sequencename`,
    'sequencename',
    ownerOf(`(quote_ident(schemaname) || '.' || quote_ident(sequencename))::regclass`),
    'last_value, increment_by, max_value',
    'pg_sequences',
  ),
  line(
    'large object',
    'oid',
    'oid',
    'NULL',
    'lomowner::regrole, lomacl::text, lo_get(oid)',
    'pg_largeobject_metadata',
  ),
  line(
    'rows of',
    name,
    'c.relname',
    'c.relname',
    `md5(query_to_xml('SELECT * FROM ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' x ORDER BY x::text', false, false, '')::text)`,
    `${relations} WHERE ${users('n.oid')} AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)`,
  ),
];

const sql = `SELECT identity, coalesce(subject, ''), relation, coalesce(definition, '') FROM (${queries.join('\n UNION ALL ')}) q ORDER BY 1, 4`;

/** All of a database, and of the roles and settings of its server. */
export async function catalogDump(database: TestDatabase): Promise<CatalogLine[]> {
  const rows = await database.rows(sql);
  return rows.map(([identity, subject, relation, definition]) => ({
    identity: identity!,
    subject: subject!,
    relation: relation ?? null,
    definition: definition!,
  }));
}

/** What is in one of the dumps alone, or in both with another definition. */
export function changedLines(before: readonly CatalogLine[], after: readonly CatalogLine[]): CatalogLine[] {
  const keyOf = ({ identity, definition }: CatalogLine): string => `${identity}\n${definition}`;
  const [then, now] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
  return [...before.filter((one) => !now.has(keyOf(one))), ...after.filter((one) => !then.has(keyOf(one)))];
}
