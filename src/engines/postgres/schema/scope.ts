import type { TableName } from '../../../core/names.ts';

/**
 * Conditions that keep a query to what is the user's: not the server's own schemas, nothing temporary, nothing that an
 * extension brings (it comes back with the extension).
 */
export function isUsers(namespace: string, catalog: string, oid: string): string {
  return `(SELECT n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' FROM pg_namespace n
            WHERE n.oid = ${namespace})
      AND NOT EXISTS (SELECT FROM pg_depend made WHERE made.classid = '${catalog}'::regclass
                       AND made.objid = ${oid} AND made.deptype = 'e')`;
}

/** The oids of tables and materialized views: all, or of the table with this name (as the parameters $1 and $2). */
export function relationsInScope(name: TableName | undefined): { sql: string; values: string[] } {
  const all = `SELECT c.oid FROM pg_class c
     WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
       AND ${isUsers('c.relnamespace', 'pg_class', 'c.oid')}`;
  if (!name) return { sql: all, values: [] };
  return {
    sql: `${all} AND c.relkind <> 'm' AND c.relname = $1
       AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = $2)`,
    values: [name.name, name.schema ?? ''],
  };
}
