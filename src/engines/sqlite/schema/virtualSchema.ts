import type { VirtualTable } from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';
import { writeSchema } from './schemaOrder.ts';

/** Names virtual tables to a schema that has their shadow tables already. Their modules are not run. */
export async function nameVirtualTables(
  connection: Connection,
  schema: string,
  tables: readonly VirtualTable[],
): Promise<void> {
  if (tables.length === 0) return;
  await writeSchema(connection, schema, async () => {
    for (const { name, sql } of tables) {
      await connection.run(
        `INSERT INTO ${quote(schema)}.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)`,
        [name, sql],
      );
    }
  });
}
