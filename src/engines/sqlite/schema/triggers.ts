import type { Connection } from '../connect/connection.ts';
import { foldName, quote } from '../connect/identifiers.ts';

interface TriggerText {
  readonly name: string;
  readonly sql: string;
}

/**
 * Takes the triggers off the tables that are written: SQLite cannot silence them. They are part of the transaction,
 * as all of the schema. Resolves to what puts them back, with the very text that they had and in their order.
 */
export async function removeTriggers(
  connection: Connection,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const written = new Set(tables.map(foldName));
  const all = await connection.all<TriggerText & { tableName: string }>(
    `SELECT name AS name, tbl_name AS tableName, sql AS sql FROM main.sqlite_schema
     WHERE type = 'trigger' ORDER BY rowid`,
  );
  const triggers = all.filter(({ tableName }) => written.has(foldName(tableName)));
  for (const { name } of triggers) await connection.run(`DROP TRIGGER main.${quote(name)}`);
  return async () => {
    for (const { sql } of triggers) await connection.run(sql);
  };
}
