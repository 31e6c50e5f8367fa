import { tableKey, type TableName } from '../../../core/names.ts';
import type { RestorePlan, TablePlan } from '../../../core/plan.ts';
import { quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';
import type { Rows } from './verify.ts';

/** A partitioned table whose rows are routed to their partitions again, with the partitions that contain them. */
export interface RootTable {
  readonly root: TableName;
  readonly leaves: readonly TableName[];
  /** All leaves have the columns in one order, so that a row is the same bytes in each of them. */
  readonly alike: boolean;
}

/**
 * The partitioned tables among these tables' ancestors that put equal values into other partitions in another database:
 * the hash of an enum's label, of a name of an object or of a role is that of a number that the server gave it. Also of
 * what holds such a value, and of what an operator class of users hashes. Of several, the highest one.
 */
export async function findRoots(
  transaction: Transaction,
  tables: readonly TablePlan[],
): Promise<RootTable[]> {
  if (tables.length === 0) return [];
  return transaction.rows<RootTable>(rootQuery, [
    JSON.stringify(tables.map(({ target }) => quoteName(target))),
  ]);
}

/**
 * The tables through which rows can be inserted, by the keys of their leaves. To be replaced, all leaves have to be restored: the
 * rows of one may belong to another one now. What is read back of all of them is compared with the backup at once.
 */
export function usableRoots(
  roots: readonly RootTable[],
  { mode, tables }: Pick<RestorePlan, 'mode' | 'tables'>,
): Map<string, RootTable> {
  const planned = new Set(tables.map(({ target }) => tableKey(target)));
  const usable = roots.filter(
    ({ leaves, alike }) =>
      mode !== 'replace' || (alike && leaves.every((leaf) => planned.has(tableKey(leaf)))),
  );
  return new Map(usable.flatMap((root) => root.leaves.map((leaf) => [tableKey(leaf), root])));
}

/** As tables of the plan: the roots, and partitions that get rows of others without being restored themselves. */
export function withOthers(
  { tables }: Pick<RestorePlan, 'tables'>,
  roots: ReadonlySet<RootTable>,
): TablePlan[] {
  const planned = new Set(tables.map(({ target }) => tableKey(target)));
  return [...roots].flatMap(({ root, leaves }) => {
    const of = tables.find(({ target }) => leaves.some((leaf) => tableKey(leaf) === tableKey(target)))!;
    return [root, ...leaves]
      .filter((name) => !planned.has(tableKey(name)))
      .map((target) => ({ ...of, target }));
  });
}

/** Sums of what is found in the partitions of a root, and of what should be. */
export class RootSums {
  readonly #sums = new Map<RootTable, { left: number; expected: Rows; found: Rows }>();

  /** Adds those of one partition; gives both sums when all of them are there. */
  add(root: RootTable, expected: Rows, found: Rows): { expected: Rows; found: Rows } | undefined {
    const none = { rows: 0, digest: '0' };
    const before = this.#sums.get(root) ?? { left: root.leaves.length, expected: none, found: none };
    const sums = {
      left: before.left - 1,
      expected: sum(before.expected, expected),
      found: sum(before.found, found),
    };
    this.#sums.set(root, sums);
    return sums.left === 0 ? sums : undefined;
  }
}

/** The digest of rows is a sum itself. */
function sum(one: Rows, other: Rows): Rows {
  const rows = one.rows + other.rows;
  if (one.digest === undefined || other.digest === undefined) return { rows, digest: undefined };
  const digest = BigInt.asUintN(64, BigInt(`0x${one.digest}`) + BigInt(`0x${other.digest}`));
  return { rows, digest: digest.toString(16).padStart(16, '0') };
}

const nameOf = (alias: string): string =>
  `(SELECT json_build_object('schema', n.nspname, 'name', ${alias}.relname) FROM pg_namespace n WHERE n.oid = ${alias}.relnamespace)`;

const rootQuery = `
  WITH RECURSIVE wanted AS (
    SELECT DISTINCT a.relid
      FROM json_array_elements_text($1::json) x (name)
      JOIN pg_class c ON c.oid = to_regclass(x.name) AND c.relispartition
     CROSS JOIN LATERAL pg_partition_ancestors(c.oid) a (relid)),
  hashed AS (
    SELECT p.partrelid, k.place, p.partclass[k.place - 1] AS opclass
      FROM pg_partitioned_table p
     CROSS JOIN LATERAL generate_series(1, p.partnatts) k (place)
     WHERE p.partstrat = 'h' AND p.partrelid IN (SELECT relid FROM wanted)),
  held AS (
    SELECT h.partrelid, t.oid
      FROM hashed h
      JOIN pg_partitioned_table p ON p.partrelid = h.partrelid
      JOIN pg_attribute a ON a.attrelid = h.partrelid AND a.attnum = p.partattrs[h.place - 1]
      JOIN pg_type t ON t.oid = a.atttypid
    UNION
    SELECT h.partrelid, x.oid
      FROM held h
      JOIN pg_type t ON t.oid = h.oid
      LEFT JOIN pg_range r ON r.rngtypid = t.oid OR r.rngmultitypid = t.oid
      LEFT JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype), (r.rngsubtype), (a.atttypid)) x (oid)
     WHERE x.oid <> 0),
  moving AS (
    SELECT h.partrelid FROM held h JOIN pg_type t ON t.oid = h.oid
     WHERE t.typtype = 'e'
        OR t.typnamespace = 'pg_catalog'::regnamespace AND (t.typname ~ '^reg' OR t.typname = 'aclitem')
    UNION
    SELECT h.partrelid FROM hashed h JOIN pg_opclass o ON o.oid = h.opclass
     WHERE o.opcnamespace <> 'pg_catalog'::regnamespace OR o.opcintype IN ('anyenum'::regtype, 'record'::regtype)),
  highest AS (
    SELECT m.partrelid AS oid FROM moving m
     WHERE NOT EXISTS (SELECT FROM pg_partition_ancestors(m.partrelid) a (relid)
                        JOIN moving above ON above.partrelid = a.relid WHERE a.relid <> m.partrelid))
  SELECT ${nameOf('c')} AS root,
         json_agg(${nameOf('l')}) AS leaves,
         count(DISTINCT (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attnum) FROM pg_attribute a
                          WHERE a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped)) = 1 AS alike
    FROM highest h
    JOIN pg_class c ON c.oid = h.oid
   CROSS JOIN LATERAL pg_partition_tree(h.oid) t
    JOIN pg_class l ON l.oid = t.relid AND t.isleaf
   GROUP BY c.oid, c.relname, c.relnamespace`;
