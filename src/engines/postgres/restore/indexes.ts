import type { BackedUpTable } from '../../../core/manifest.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import type { TablePlan } from '../../../core/plan.ts';
import { describeFailure } from '../connect/errors.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** An index that is rebuilt after the rows are loaded, on its own or for a constraint. */
export interface LiveIndex {
  readonly table: TableName;
  readonly name: string;
  readonly definition: string;
  readonly comment: string | null;
  /** The constraint's definition, where the index is one's. Both have one name. */
  readonly constraint: string | null;
  readonly constraintComment: string | null;
}

/** Rows of a table from which on building its indexes at once is faster than keeping them up row by row. */
const worthwhileRows = 20_000;

/** Kilobytes to sort with: the server's default of 64 MB sorts the indexes of a large table in pieces. */
const sortKilobytes = 512 * 1024;

/**
 * The indexes that make room while the tables are filled: those of tables that become large, which this user can put
 * back exactly as they are. Foreign keys that use them must be dropped already. Other indexes stay, and only cost time:
 * what depends on them, is a part of another index, has a mark of its own (CLUSTER, replica identity, tablespace,
 * statistics, storage options of a constraint), calls functions of users, or would be seen by an event trigger that is
 * still on.
 */
export async function findIndexes(
  transaction: Transaction,
  tables: readonly TablePlan[],
): Promise<LiveIndex[]> {
  const large = tables.filter(({ create, backup }) => !create && isLarge(backup));
  if (large.length === 0) return [];
  const names = large.map(({ target: { schema, name } }) => ({ schema, name }));
  return transaction.rows<LiveIndex>(indexQuery(callsNothing), [JSON.stringify(names)]);
}

/** The unique indexes and exclusion constraints of a table that can be dropped in the same way, except its primary key. */
export async function findUnique(
  transaction: Transaction,
  { schema, name }: TableName,
): Promise<LiveIndex[]> {
  return transaction.rows<LiveIndex>(indexQuery(tellsApart), [JSON.stringify([{ schema, name }])]);
}

export function isLarge({ rows }: BackedUpTable): boolean {
  return rows >= worthwhileRows;
}

/** For the rest of the transaction. */
export async function sortInMemory(transaction: Transaction): Promise<void> {
  await transaction.run(
    `SELECT set_config('maintenance_work_mem', greatest(setting::bigint, ${sortKilobytes})::text, true)
       FROM pg_settings WHERE name = 'maintenance_work_mem'`,
  );
}

export async function dropIndexes(transaction: Transaction, indexes: readonly LiveIndex[]): Promise<void> {
  for (const { table, name, constraint } of indexes) {
    const index = quoteName({ ...table, name });
    await transaction.run(
      constraint === null
        ? `DROP INDEX ${index}`
        : `ALTER TABLE ONLY ${quoteName(table)} DROP CONSTRAINT ${quoteIdentifier(name)}`,
    );
  }
}

/** Builds them again. Throws `database` with the table when its rows violate one. */
export async function buildIndexes(transaction: Transaction, indexes: readonly LiveIndex[]): Promise<void> {
  for (const index of indexes) {
    try {
      for (const sql of statementsOf(index))
        await transaction.define(async () => void (await transaction.run(sql)));
    } catch (error) {
      throw describeFailure(error, { table: formatTableName(index.table) });
    }
  }
}

function statementsOf({
  table,
  name,
  definition,
  comment,
  constraint,
  constraintComment,
}: LiveIndex): string[] {
  const on = `${quoteIdentifier(name)} ON ${quoteName(table)}`;
  return [
    constraint === null
      ? definition
      : `ALTER TABLE ONLY ${quoteName(table)} ADD CONSTRAINT ${quoteIdentifier(name)} ${constraint}`,
    ...(comment === null
      ? []
      : [`COMMENT ON INDEX ${quoteName({ ...table, name })} IS ${quoteLiteral(comment)}`]),
    ...(constraintComment === null
      ? []
      : [`COMMENT ON CONSTRAINT ${on} IS ${quoteLiteral(constraintComment)}`]),
  ];
}

const tellsApart = `(d.indisunique OR d.indisexclusion) AND NOT d.indisprimary`;

const callsNothing = `
  NOT EXISTS (SELECT FROM pg_depend p
               WHERE p.classid = 'pg_class'::regclass AND p.objid = i.oid AND p.refclassid = 'pg_proc'::regclass)`;

const indexQuery = (condition: string): string => `
  SELECT json_build_object('schema', n.nspname, 'name', t.relname) AS "table", i.relname AS name,
         pg_get_indexdef(i.oid) AS definition, obj_description(i.oid, 'pg_class') AS comment,
         pg_get_constraintdef(k.oid) AS "constraint", obj_description(k.oid, 'pg_constraint') AS "constraintComment"
    FROM json_to_recordset($1::json) x (schema text, name text)
    JOIN pg_namespace n ON n.nspname = x.schema
    JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = x.name
    JOIN pg_index d ON d.indrelid = t.oid
    JOIN pg_class i ON i.oid = d.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
   WHERE t.relkind = 'r' AND d.indisvalid AND d.indisready AND NOT d.indisclustered AND NOT d.indisreplident
     AND i.reltablespace = 0 AND NOT i.relispartition
     AND (k.oid IS NULL OR (i.reloptions IS NULL AND k.conname = i.relname AND k.conislocal AND k.coninhcount = 0 AND k.conparentid = 0))
     AND pg_has_role(t.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')
     AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.oid AND coalesce(a.attstattarget, -1) <> -1)
     AND NOT EXISTS (SELECT FROM pg_seclabel s WHERE s.objoid IN (i.oid, k.oid))
     AND NOT EXISTS (SELECT FROM pg_event_trigger e WHERE e.evtenabled <> 'D')
     AND NOT EXISTS (SELECT FROM pg_depend p
                      WHERE p.classid = 'pg_class'::regclass AND p.objid = i.oid
                        AND p.deptype IN ('e', 'x'))
     AND ${condition}
     AND NOT EXISTS (SELECT FROM pg_depend p
                      WHERE (p.refclassid = 'pg_class'::regclass AND p.refobjid = i.oid
                             OR p.refclassid = 'pg_constraint'::regclass AND p.refobjid = k.oid
                                AND NOT (p.classid = 'pg_class'::regclass AND p.objid = i.oid)))
   ORDER BY i.oid`;
