import { formatTableName, type TableName, splitOutsideQuotes } from '../../../core/names.ts';
import type { SchemaScope } from '../../engine.ts';
import type { Transaction } from '../connect/transaction.ts';
import { isMarked, isOpen } from './extensionTables.ts';

/**
 * Conditions that keep a query to what is the user's: not the server's own schemas, nothing temporary, nothing that an
 * extension brings.
 */
export function isUsers(namespace: string, catalog: string, oid: string): string {
  return `(SELECT n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' FROM pg_namespace n
            WHERE n.oid = ${namespace})
      AND NOT EXISTS (SELECT FROM pg_depend made WHERE made.classid = '${catalog}'::regclass
                       AND made.objid = ${oid} AND made.deptype = 'e')`;
}

/** SQL: a table `c` whose rows are carried: a user's, or one in which an extension holds rows of users. */
export const holdsUsersRows = `
  (${isUsers('c.relnamespace', 'pg_class', 'c.oid')} OR c.relkind = 'r' AND ${isMarked('c.oid')} AND ${isOpen})`;

/** The server's own objects have oids below this. */
export const firstUserOid = 16_384;

/** The rows of the catalogs that a part of a schema is made of. */
export class CatalogScope {
  /** Objects that nothing is known to need, which are meant by their names. */
  readonly names: readonly string[];
  readonly #oids: ReadonlyMap<string, readonly string[]>;
  /** Tables that foreign keys or sequences tie to those of the scope: their statements are not asked. */
  readonly #tied: readonly string[];

  constructor(
    oids: ReadonlyMap<string, readonly string[]>,
    tied: readonly string[] = [],
    names: readonly string[] = [],
  ) {
    this.#oids = oids;
    this.#tied = tied;
    this.names = names;
  }

  /** The rows of a catalog. */
  of(catalog: string): readonly string[] {
    return this.#oids.get(catalog) ?? [];
  }

  /** SQL: the oids of its tables and materialized views. */
  relations(): string {
    return listed([...this.of('pg_class'), ...this.#tied]);
  }

  /** SQL: that a table is one of the scope itself; a function that makes its parts again would wait for its lock. */
  isWhole(table: string): string {
    return `${table} = ANY (${listed(this.of('pg_class'))})`;
  }

  /** SQL: the row `d` of pg_depend belongs to an object of the scope. */
  dependencies(): string {
    const parts = [...this.#oids, ['pg_class', this.#tied] as const].map(
      ([catalog, oids]) => `(d.classid = '${catalog}'::regclass AND d.objid = ANY (${listed(oids)}))`,
    );
    return `(${parts.join(' OR ')})`;
  }
}

/** SQL: oids, which come from the catalogs. */
const listed = (oids: readonly string[]): string => `'{${oids.join(',')}}'::oid[]`;

/** SQL: the oids of tables and materialized views. */
export function relationsInScope(scope: CatalogScope | undefined): string {
  const all = `SELECT c.oid FROM pg_class c
     WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
       AND ${holdsUsersRows}`;
  return scope ? `${all} AND c.oid = ANY (${scope.relations()})` : all;
}

/** The scope of one table by itself. */
export async function scopeOfTable(
  transaction: Transaction,
  { schema, name }: TableName,
): Promise<CatalogScope> {
  const tables = await transaction.rows<{ oid: string }>(
    `SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relname = $1 AND n.nspname = $2`,
    [name, schema ?? ''],
  );
  return new CatalogScope(new Map([['pg_class', tables.map(({ oid }) => oid)]]));
}

interface Row {
  readonly catalog: string;
  readonly oid: string;
}

/** The catalog rows of these tables and names, and of everything that they need. Waits for no lock. */
export async function findScope(
  transaction: Transaction,
  { tables, names }: SchemaScope,
): Promise<CatalogScope> {
  const named = new Set(names);
  const relations = await transaction.rows<Relation>(relationQuery, [[...named].map(lastPart)]);
  const found = new Map<string, Set<string>>();
  const isNew = ({ catalog, oid }: Row): boolean => {
    const oids = found.get(catalog) ?? new Set();
    found.set(catalog, oids);
    return oids.size < oids.add(oid).size;
  };
  let open = relations
    .filter(({ readable, table, ...name }) => {
      return named.has(readable) || named.has(formatTableName(name)) || (table && tables(name));
    })
    .map(({ host }): Row => ({ catalog: 'pg_class', oid: host }))
    .filter(isNew);
  while (open.length > 0) {
    const values = [open.map(({ catalog }) => catalog), open.map(({ oid }) => oid)];
    open = (await transaction.rows<Row>(neededQuery, values)).filter(isNew);
  }
  const own = [...(found.get('pg_class') ?? [])];
  const tied = await transaction.rows<{ oid: string; index: boolean }>(tiedQuery, [own]);
  // For an index, only its parent matters.
  for (const { oid, index } of tied) if (index) isNew({ catalog: 'pg_class', oid });
  return new CatalogScope(
    new Map([...found].map(([catalog, oids]) => [catalog, [...oids]])),
    tied.filter(({ index }) => !index).map(({ oid }) => oid),
    [...named],
  );
}

/** The name in a schema, without quotes. */
function lastPart(name: string): string {
  const last = splitOutsideQuotes(name, '.').at(-1) ?? '';
  const isQuoted = last.length > 1 && last.startsWith('"') && last.endsWith('"');
  return isQuoted ? last.slice(1, -1).replaceAll('""', '"') : last;
}

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly readable: string;
  readonly table: boolean;
  /** Its own oid, or an index's table. */
  readonly host: string;
}

const relationQuery = `
  SELECT n.nspname AS schema, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS readable,
         c.relkind IN ('r', 'p') AS "table", coalesce(i.indrelid, c.oid) AS host
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
   WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND (c.relkind IN ('r', 'p') OR c.relname = ANY ($1::text[]))`;

/** The table that a foreign key references is not a part of its table. */
const isForeignKey = `d.classid = 'pg_constraint'::regclass
  AND EXISTS (SELECT FROM pg_constraint k WHERE k.oid = d.objid AND k.contype = 'f')`;

/** Catalogs whose parts have rows of their own: defaults, constraints, their indexes, triggers. */
const hosts = ['pg_class', 'pg_constraint', 'pg_type', 'pg_opfamily', 'pg_opclass']
  .map((name) => `'${name}'::regclass`)
  .join(', ');

/** For catalog rows ($1, $2): the rows that they need, and those that belong to them. */
const neededQuery = `
  WITH open AS MATERIALIZED (SELECT x.catalog::regclass AS catalog, x.oid FROM unnest($1::text[], $2::oid[]) x (catalog, oid))
  SELECT d.refclassid::regclass AS catalog, d.refobjid AS oid
    FROM open JOIN pg_depend d ON d.classid = open.catalog AND d.objid = open.oid
   WHERE NOT (${isForeignKey})
   UNION
  SELECT d.classid::regclass, d.objid
    FROM open JOIN pg_depend d ON d.refclassid = open.catalog AND d.refobjid = open.oid
   WHERE d.deptype IN ('a', 'i', 'P', 'S') AND d.refclassid IN (${hosts})`;

/** Tables at the other end of foreign keys of these relations, with their partitions, and those that take numbers from the same sequences. */
const tiedQuery = `
  WITH RECURSIVE ends AS MATERIALIZED (
    SELECT k.confrelid AS oid FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = ANY ($1::oid[])
     UNION
    SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = ANY ($1::oid[])
     UNION
    SELECT f.adrelid FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
     WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::oid[])
       AND d.refobjid IN (SELECT q.seqrelid FROM pg_sequence q)),
  tied AS (
    SELECT oid FROM ends
     UNION
    SELECT i.inhrelid FROM tied JOIN pg_inherits i ON i.inhparent = tied.oid)
  SELECT oid, false AS index FROM tied
   UNION
  SELECT i.indexrelid, true FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM tied)`;
