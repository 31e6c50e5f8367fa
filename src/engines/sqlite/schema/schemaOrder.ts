import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';

/** The unique key of an object: names are one when they differ in the case of ASCII letters alone. */
const objectKey = `type || ' ' || lower(name)`;

/** The objects of one of the connection's databases, in the order in which its schema has them. */
export async function readSchemaOrder(
  connection: Connection,
  schema: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const sql = `SELECT ${objectKey} AS key FROM ${quote(schema)}.sqlite_schema ORDER BY rowid`;
  return (await connection.all<{ key: string }>(sql, [], signal)).map(({ key }) => key);
}

/**
 * Puts the objects of `main` into an order that another database has them in; what that one does not have comes after
 * them. It is the order in which triggers fire, and in which a dump lists everything.
 */
export async function restoreSchemaOrder(connection: Connection, order: readonly string[]): Promise<void> {
  const places = new Map(order.map((key, place) => [key, place]));
  const objects = await connection.all<{ row: number; key: string }>(
    `SELECT rowid AS row, ${objectKey} AS key FROM main.sqlite_schema ORDER BY rowid`,
  );
  const placeOf = ({ key }: { key: string }): number => places.get(key) ?? order.length;
  const sorted = objects.toSorted((a, b) => placeOf(a) - placeOf(b));
  if (sorted.every((object, index) => object === objects[index])) return;
  await writeSchema(connection, 'main', async () => {
    // Two rows may not have one number meanwhile.
    await connection.run('UPDATE main.sqlite_schema SET rowid = -rowid');
    await connection.run(
      `UPDATE main.sqlite_schema AS object SET rowid = sorted.key + 1
       FROM temp.json_each(?) AS sorted WHERE object.rowid = -sorted.value`,
      [JSON.stringify(sorted.map(({ row }) => row))],
    );
  });
}

/** Lets `work` write the `sqlite_schema` of a database itself; afterwards every connection reads it again. */
export async function writeSchema(
  connection: Connection,
  schema: string,
  work: () => Promise<unknown>,
): Promise<void> {
  await connection.all('PRAGMA writable_schema = ON');
  try {
    await work();
    const number = `PRAGMA ${quote(schema)}.schema_version`;
    const version = await connection.get<{ schema_version: number }>(number);
    await connection.all(`${number} = ${((version?.schema_version ?? 0) + 1) | 0}`);
  } finally {
    await connection.all('PRAGMA writable_schema = RESET');
  }
}
