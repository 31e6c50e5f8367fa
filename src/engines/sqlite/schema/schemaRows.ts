import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';

/** A row of `sqlite_schema`. */
export interface SchemaRow {
  readonly type: string;
  readonly name: string;
  /** As it was written, which need not be how the table is called now. */
  readonly tableName: string;
  /** 0 for what has no rows of its own. */
  readonly rootPage: number;
  /** Null for an index that a constraint of its table makes. */
  readonly sql: string | null;
}

/** An object that somebody wrote a statement for. */
export type WrittenObject = SchemaRow & { readonly sql: string };

export function readSchemaRows(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
): Promise<SchemaRow[]> {
  return connection.all<SchemaRow>(
    `SELECT type AS type, name AS name, tbl_name AS tableName, coalesce(rootpage, 0) AS rootPage, sql AS sql
     FROM ${quote(schema)}.sqlite_schema ORDER BY rowid`,
    [],
    signal,
  );
}

/** Objects of some types. */
export async function readObjects(
  connection: Connection,
  schema: string,
  types: readonly string[],
  signal?: AbortSignal,
): Promise<WrittenObject[]> {
  const rows = await readSchemaRows(connection, schema, signal);
  return rows.filter((row): row is WrittenObject => row.sql !== null && types.includes(row.type));
}
