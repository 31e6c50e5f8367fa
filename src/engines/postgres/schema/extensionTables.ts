import { tableKey, type TableName } from '../../../core/names.ts';
import { quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** SQL: the oids of tables and sequences of extensions that hold data of users, as the extensions say. */
const marked = 'SELECT unnest(x.extconfig) FROM pg_extension x';

/** SQL: a table of an extension that holds rows of users. */
export const isMarked = (oid: string): string => `${oid} IN (${marked})`;

/** SQL: the user can read all rows of the table `c`. What an extension has closed to him is left out, and named. */
export const isOpen = `
  (has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid))`;

/** SQL: a sequence of an extension that goes on for users: the extension says so, or a column of such a table owns it. */
export const isMarkedSequence = (oid: string): string => `
  (has_table_privilege(${oid}, 'SELECT') AND ${oid} IN (
     ${marked}
      UNION ALL
     SELECT d.objid FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        AND d.refobjsubid > 0 AND d.refobjid IN (${marked})))`;

/** SQL: the extension that makes the table with this oid, as its object is named; NULL where users made it. */
export const extensionOf = (oid: string): string =>
  `(SELECT quote_ident(x.extname) FROM pg_extension x WHERE ${oid} = ANY (x.extconfig))`;

const blank = `E' \\n\\r\\t'`;

/** SQL: what the extension `x` puts behind `FROM` for the rows of users in this table; NULL where all rows are users'. */
export const conditionOf = (x: string, oid: string): string =>
  `nullif(btrim(${x}.extcondition[array_position(${x}.extconfig, ${oid})], ${blank}), '')`;

/**
 * SQL conditions that tell the rows of users from those that an extension brings, by the keys of its tables; absent where
 * all rows are users'. An extension may write whatever can follow `FROM`.
 */
export async function loadUsersRows(transaction: Transaction): Promise<Map<string, string>> {
  const rows = await transaction.rows<{ name: TableName; condition: string }>(usersRowsQuery);
  return new Map(
    rows.map(({ name, condition }) => [
      tableKey(name),
      `ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT ctid FROM ONLY ${quoteName(name)} ${condition}\n))`,
    ]),
  );
}

const usersRowsQuery = `
  SELECT json_build_object('schema', n.nspname, 'name', c.relname) AS name, m.condition
    FROM pg_extension x
   CROSS JOIN LATERAL unnest(x.extconfig, x.extcondition) m (oid, condition)
    JOIN pg_class c ON c.oid = m.oid AND c.relkind = 'r'
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE btrim(m.condition, ${blank}) <> ''`;
