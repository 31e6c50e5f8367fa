import type { Connection } from '../connect/connection.ts';
import { foldName, quote } from '../connect/identifiers.ts';
import { readObjects } from './schemaRows.ts';

/**
 * Takes the triggers off the tables that are written: SQLite cannot silence them. They are part of the transaction,
 * as all of the schema. Resolves to what puts them back, with the very text that they had and in their order.
 */
export async function removeTriggers(
  connection: Connection,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const written = new Set(tables.map(foldName));
  const all = await readObjects(connection, 'main', ['trigger']);
  const triggers = all.filter(({ tableName }) => written.has(foldName(tableName)));
  for (const { name } of triggers) await connection.run(`DROP TRIGGER main.${quote(name)}`);
  return async () => {
    for (const { sql } of triggers) await connection.run(sql);
  };
}
