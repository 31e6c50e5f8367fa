import type { TableName } from '../../../core/names.ts';
import type { Transaction } from '../connect/transaction.ts';
import { newColumn, usesWhere } from './features.ts';
import { extensionOf } from './extensionTables.ts';
import { type CatalogScope, relationsInScope } from './scope.ts';

/** A row of pg_attribute with what is needed to make the column again. Texts are SQL. */
export interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  /** Absent if it is the default of the type. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** The expression of the default or of the generated column. */
  readonly expression: string | null;
  readonly defaultOid: string | null;
  readonly generated: '' | 's' | 'v';
  readonly identity: '' | 'a' | 'd';
  /** False: it comes from a table that this one inherits from. */
  readonly local: boolean;
  /** These four where they are not as usual. */
  readonly storage: string | null;
  readonly compression: string | null;
  readonly statistics: number | null;
  readonly options: readonly string[] | null;
  /** See `usesWhere`. */
  readonly uses: readonly string[];
}

/** A row of pg_constraint. */
export interface CatalogConstraint {
  readonly oid: string;
  readonly name: string;
  readonly type: 'c' | 'p' | 'u' | 'x' | 'f' | 'n';
  readonly definition: string;
  readonly valid: boolean;
  readonly local: boolean;
  readonly inherited: boolean;
  readonly noInherit: boolean;
  /** It belongs to the same constraint of a partitioned table. */
  readonly hasParent: boolean;
  readonly columns: readonly string[];
  readonly references: { readonly schema: string; readonly name: string } | null;
  readonly referencedColumns: readonly string[];
  /** Indexes of partitions that have to be put together before it finds the key that it needs. */
  readonly indexParts: readonly string[] | null;
  /** Storage options of the index behind it. */
  readonly indexName: TableName | null;
  readonly indexOptions: readonly string[] | null;
  /** See `usesWhere`. */
  readonly uses: readonly string[];
}

/** A row of pg_index. */
export interface CatalogIndex {
  readonly oid: string;
  readonly name: TableName;
  readonly definition: string;
  readonly unique: boolean;
  readonly primary: boolean;
  /** False for one that was begun and never finished. */
  readonly whole: boolean;
  readonly ofConstraint: boolean;
  readonly clustered: boolean;
  readonly replicaIdentity: boolean;
  /** How much is gathered about its expressions, where it is not as usual. */
  readonly statistics: readonly { readonly place: number; readonly target: number }[];
  /** Set where equal values in these columns are what makes two rows the same: a btree over whole columns and rows. */
  readonly keyColumns: readonly string[] | null;
  /** See `usesWhere`. */
  readonly uses: readonly string[];
}

/** A table with all that belongs to it alone. */
export interface CatalogTable {
  readonly oid: string;
  readonly name: TableName;
  readonly partitioned: boolean;
  readonly materialized: boolean;
  /** The one that makes it, as its object is named. */
  readonly extension: string | null;
  readonly unlogged: boolean;
  readonly owner: string;
  /** The type that its columns follow. */
  readonly ofType: string | null;
  /** Absent if it is `heap`. */
  readonly accessMethod: string | null;
  readonly options: readonly string[] | null;
  readonly partitionKey: string | null;
  /** It is a partition of its one parent. */
  readonly partitionBound: string | null;
  /** The tables that it inherits from or is a partition of. */
  readonly parents: readonly TableName[];
  readonly parentOids: readonly string[];
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i';
  /** See `usesWhere`; without what its parts use. */
  readonly uses: readonly string[];
  readonly columns: readonly CatalogColumn[];
  readonly constraints: readonly CatalogConstraint[];
  readonly indexes: readonly CatalogIndex[];
  readonly triggers: readonly string[];
}

/**
 * Of tables, given the SQL for their oids, the server's version, and the condition under which the server may be asked to
 * make their parts again, which waits for who holds the table for himself.
 */
type TableQuery = (tables: string, version: number, isWhole: (table: string) => string) => string;
type OfTable<Row> = Row & { readonly table: string };
type TableRow = Omit<CatalogTable, 'columns' | 'constraints' | 'indexes' | 'triggers'>;

/** Reads the user's tables and materialized views, or those of a scope. */
export async function loadTables(transaction: Transaction, scope?: CatalogScope): Promise<CatalogTable[]> {
  const relations = relationsInScope(scope);
  const isWhole = (table: string): string => scope?.isWhole(table) ?? 'true';
  const { version } = transaction.database.server;
  const read = <Row>(query: TableQuery): Promise<Row[]> =>
    transaction.rows<Row>(query(relations, version, isWhole));
  const [tables, ...parts] = await transaction.together(
    () => read<TableRow>(tableQuery),
    () => read<OfTable<CatalogColumn>>(columnQuery),
    () => read<OfTable<CatalogConstraint>>(constraintQuery),
    () => read<OfTable<CatalogIndex>>(indexQuery),
    () => read<OfTable<{ name: string }>>(triggerQuery),
  );
  const columns = groupByTable(parts[0]);
  const constraints = groupByTable(parts[1]);
  const indexes = groupByTable(parts[2]);
  const triggers = groupByTable(parts[3]);
  return tables.map((table) => ({
    ...table,
    columns: columns.get(table.oid) ?? [],
    constraints: constraints.get(table.oid) ?? [],
    indexes: indexes.get(table.oid) ?? [],
    triggers: (triggers.get(table.oid) ?? []).map((trigger) => trigger.name),
  }));
}

function groupByTable<Row extends { readonly table: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.table);
    if (group) group.push(row);
    else groups.set(row.table, [row]);
  }
  return groups;
}

/** The name of the relation `c` as JSON. */
const nameOf = (relation: string): string =>
  `(SELECT json_build_object('schema', n.nspname, 'name', ${relation}.relname)
      FROM pg_namespace n WHERE n.oid = ${relation}.relnamespace)`;

const columnNames = (numbers: string, table: string): string =>
  `ARRAY(SELECT (SELECT b.attname FROM pg_attribute b WHERE b.attrelid = ${table} AND b.attnum = x)
           FROM unnest(${numbers}) x)`;

const tableUses = (version: number): string =>
  usesWhere(
    {
      methodOfParts: `c.relkind = 'p' AND c.relam <> 0`,
      newOptions: `EXISTS (SELECT FROM pg_class o, unnest(o.reloptions) x WHERE o.oid IN (c.oid, c.reltoastrelid)
                 AND x ~ '^(autovacuum_vacuum_max_threshold|vacuum_max_eager_freeze_failure_rate)=')`,
    },
    version,
  );

/** The scale in a type modifier of numeric, in the form of version 15 and later; earlier versions allow at most 1000. */
const scale = '((((a.atttypmod - 4) & 2047) # 1024) - 1024)';
const hasCollation = (name: string): string =>
  `a.attcollation = (SELECT o.oid FROM pg_collation o
                      WHERE o.collname = '${name}' AND o.collnamespace = 'pg_catalog'::regnamespace)`;

const columnUses = (version: number): string =>
  usesWhere(
    {
      virtualColumn: `a.attgenerated = 'v'`,
      oddScale: `a.atttypid IN ('numeric'::regtype, 'numeric[]'::regtype) AND a.atttypmod >= 4
               AND ${scale} NOT BETWEEN 0 AND ((a.atttypmod - 4) >> 16)`,
      unicodeRoot: hasCollation('unicode'),
      builtinCollation: hasCollation('pg_c_utf8'),
      unicodeCollation: hasCollation('pg_unicode_fast'),
      // The oids of the server's own functions are the same everywhere.
      uuids: `d.adbin::text ~ ':funcid (6428|6429|6430) '`,
    },
    version,
  );

const isOfParts = `EXISTS (SELECT FROM pg_class p WHERE p.oid = k.conrelid AND p.relkind = 'p')`;

const constraintUses = (version: number): string =>
  usesWhere(
    {
      temporalKey: `${newColumn('k', 'conperiod')}::boolean`,
      notEnforced: `NOT ${newColumn('k', 'conenforced')}::boolean`,
      setSomeColumns: `${newColumn('k', 'confdelsetcols')} IS NOT NULL`,
      notNullVariant: `k.contype = 'n' AND (k.connoinherit OR NOT k.convalidated)`,
      uncheckedOfParts: `k.contype = 'f' AND NOT k.convalidated AND ${isOfParts}`,
      exclusionOfParts: `k.contype = 'x' AND ${isOfParts}`,
      nullsNotDistinct: `k.contype = 'u' AND EXISTS (
    SELECT FROM pg_index i WHERE i.indexrelid = k.conindid AND ${newColumn('i', 'indnullsnotdistinct')}::boolean)`,
    },
    version,
  );

/** Whether the column `a` differs from what a new child table would inherit from its parents. */
export const differsFromAbove = (attribute: string): string => `
  CASE WHEN a.attinhcount > 0 AND NOT (SELECT r.relispartition FROM pg_class r WHERE r.oid = a.attrelid) THEN EXISTS (
    WITH RECURSIVE above AS (
      SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = a.attrelid
      UNION SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = above.inhparent)
    SELECT FROM above JOIN pg_attribute p ON p.attrelid = above.inhparent AND p.attname = a.attname
     WHERE p.${attribute} <> a.${attribute}) ELSE false END`;

const tableQuery: TableQuery = (tables, version, isWhole) => `
  SELECT c.oid, ${nameOf('c')} AS name,
         c.relkind = 'p' AS partitioned, c.relkind = 'm' AS materialized, ${extensionOf('c.oid')} AS extension,
         pg_get_userbyid(c.relowner) AS owner,
         CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS "ofType",
         c.relpersistence = 'u' AS unlogged,
         (SELECT am.amname FROM pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap') AS "accessMethod",
         c.reloptions || (SELECT array_agg('toast.' || x) FROM pg_class t, unnest(t.reloptions) x
                           WHERE t.oid = c.reltoastrelid) AS options,
         CASE WHEN ${isWhole('c.oid')} THEN pg_get_partkeydef(c.oid) END AS "partitionKey",
         CASE WHEN ${isWhole('c.oid')} THEN pg_get_expr(c.relpartbound, c.oid) WHEN c.relispartition THEN '' END AS "partitionBound",
         coalesce((SELECT json_agg(i.inhparent::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid), '[]')
           AS "parentOids",
         coalesce((SELECT json_agg(${nameOf('p')} ORDER BY i.inhseqno)
                     FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                    WHERE i.inhrelid = c.oid), '[]') AS parents,
         c.relreplident::text AS "replicaIdentity", ${tableUses(version)} AS uses
    FROM pg_class c
    JOIN pg_namespace s ON s.oid = c.relnamespace
   WHERE c.oid IN (${tables})
   ORDER BY s.nspname, c.relname`;

const columnQuery: TableQuery = (tables, version, isWhole) => `
  SELECT a.attrelid AS "table", a.attname AS name,
         format_type(a.atttypid, a.atttypmod) AS type,
         (SELECT format('%I.%I', n.nspname, o.collname)
            FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
           WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation) AS collation,
         a.attnotnull AS "notNull",
         CASE WHEN ${isWhole('a.attrelid')} THEN pg_get_expr(d.adbin, d.adrelid) END AS expression, d.oid AS "defaultOid",
         a.attgenerated::text AS generated, a.attidentity::text AS identity, a.attislocal AS local,
         CASE WHEN a.attstorage <> t.typstorage OR ${differsFromAbove('attstorage')} THEN
           CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                             ELSE 'EXTENDED' END END AS storage,
         CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
         CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END AS statistics,
         a.attoptions AS options, ${columnUses(version)} AS uses
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid IN (${tables}) AND a.attnum > 0 AND NOT a.attisdropped
   ORDER BY a.attrelid, a.attnum`;

const constraintQuery: TableQuery = (tables, version, isWhole) => `
  SELECT k.conrelid AS "table", k.oid, k.conname AS name, k.contype::text AS type,
         CASE WHEN k.contype NOT IN ('c', 'x') OR ${isWhole('k.conrelid')} THEN pg_get_constraintdef(k.oid) ELSE '' END AS definition,
         k.convalidated AS valid, k.conislocal AS local, k.coninhcount > 0 AS inherited,
         k.connoinherit AS "noInherit", k.conparentid <> 0 AS "hasParent",
         ${columnNames('k.conkey', 'k.conrelid')} AS columns,
         (SELECT ${nameOf('r')} FROM pg_class r WHERE r.oid = k.confrelid) AS "references",
         ${columnNames('k.confkey', 'k.confrelid')} AS "referencedColumns",
         CASE WHEN k.contype = 'f' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = k.conindid) THEN
           (WITH RECURSIVE below AS (
              SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = k.conindid
              UNION ALL SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.inhrelid)
            SELECT json_agg(format('pg_class %s partition of an index', inhrelid)) FROM below) END AS "indexParts",
         (SELECT ${nameOf('i')} FROM pg_class i WHERE i.oid = k.conindid) AS "indexName",
         (SELECT i.reloptions FROM pg_class i WHERE i.oid = k.conindid) AS "indexOptions", ${constraintUses(version)} AS uses
    FROM pg_constraint k
   WHERE k.conrelid IN (${tables}) AND k.contype IN ('c', 'p', 'u', 'x', 'f', 'n')
   ORDER BY k.conrelid, k.conname`;

const indexQuery: TableQuery = (tables, version, isWhole) => `
  SELECT i.indrelid AS "table", i.indexrelid AS oid, ${nameOf('x')} AS name,
         CASE WHEN ${isWhole('i.indrelid')} THEN pg_get_indexdef(i.indexrelid) ELSE '' END AS definition,
         i.indisunique AS unique, i.indisprimary AS primary,
         EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
           AS "ofConstraint",
         x.relkind = 'I' OR i.indisvalid AS whole,
         i.indisclustered AS clustered, i.indisreplident AS "replicaIdentity",
         coalesce((SELECT json_agg(json_build_object('place', a.attnum, 'target', a.attstattarget) ORDER BY a.attnum)
                     FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0), '[]') AS statistics,
         CASE WHEN i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
               AND x.relam = (SELECT am.oid FROM pg_am am WHERE am.amname = 'btree')
              THEN ${columnNames('(i.indkey::int2[])[0:i.indnkeyatts - 1]', 'i.indrelid')} END AS "keyColumns",
         ${usesWhere({ nullsNotDistinct: `${newColumn('i', 'indnullsnotdistinct')}::boolean` }, version)} AS uses
    FROM pg_index i
    JOIN pg_class x ON x.oid = i.indexrelid
   WHERE i.indrelid IN (${tables})
   ORDER BY i.indrelid, x.relname`;

const triggerQuery: TableQuery = (tables) => `
  SELECT g.tgrelid AS "table", g.tgname AS name
    FROM pg_trigger g
   WHERE g.tgrelid IN (${tables}) AND NOT g.tgisinternal
   ORDER BY g.tgrelid, g.tgname`;
