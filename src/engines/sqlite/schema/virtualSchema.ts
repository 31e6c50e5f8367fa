import type { VirtualTable } from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';

/** Names virtual tables to a schema, where it may be written: see `writeSchema`. */
export async function insertVirtualTables(
  connection: Connection,
  schema: string,
  tables: readonly VirtualTable[],
): Promise<void> {
  for (const { name, sql } of tables) {
    await connection.run(
      `INSERT INTO ${quote(schema)}.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)`,
      [name, sql],
    );
  }
}
