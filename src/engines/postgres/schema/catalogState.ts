import type { Transaction } from '../connect/transaction.ts';

/** Statistics and large objects do not belong to a schema. */
const ignored = ['pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_largeobject_metadata'];

const named = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

const catalogsQuery = `
  SELECT c.relname AS name FROM pg_class c
   WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared
     AND c.relname NOT IN (${named(ignored)}) AND has_table_privilege(c.oid, 'SELECT')
   ORDER BY c.relname`;

/** The catalogs of a server do not change. */
const queries = new WeakMap<object, string>();

/**
 * A text that changes with every change of the catalogs: how many rows each has, and the sum of the transactions that
 * wrote them. A row that is written again, or another in the place of a removed one, has a later transaction.
 */
export async function catalogState(transaction: Transaction): Promise<string> {
  const query = queries.get(transaction.database) ?? (await stateQuery(transaction));
  queries.set(transaction.database, query);
  const [row] = await transaction.rows<{ state: string }>(query);
  return row!.state;
}

async function stateQuery(transaction: Transaction): Promise<string> {
  const catalogs = await transaction.rows<{ name: string }>(catalogsQuery);
  const parts = catalogs.map(
    ({ name }) => `(SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_catalog.${name})`,
  );
  const roles = `(SELECT string_agg(concat_ws(' ', r.oid, r.rolname, r.rolsuper), E'\\n' ORDER BY r.oid) FROM pg_roles r)`;
  const members = `(SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_auth_members)`;
  return `SELECT concat_ws(', ', current_user, ${roles}, ${members}, ${parts.join(', ')}) AS state`;
}
