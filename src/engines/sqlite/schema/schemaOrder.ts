import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';
import type { ConvertText } from './textEncoding.ts';

/**
 * The unique key of an object: its name as it is stored, in hexadecimal digits. Names are one when they differ in
 * the case of ASCII letters alone.
 */
const objectKey = `type || ' ' || hex(CAST(lower(name) AS BLOB))`;

/** The same order for a database that stores names in another encoding. */
export function convertSchemaOrder(order: readonly string[], convert: ConvertText): readonly string[] {
  return order.map((key) => {
    const [type = '', name = ''] = key.split(' ');
    const converted = convert(Buffer.from(name, 'hex'));
    return converted ? `${type} ${converted.toString('hex').toUpperCase()}` : key;
  });
}

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
  await connection.run('CREATE TEMP TABLE restore_point_order (key PRIMARY KEY, place)');
  await connection.run(
    `INSERT OR IGNORE INTO temp.restore_point_order SELECT value, key FROM temp.json_each(?)`,
    [JSON.stringify(order)],
  );
  await connection.run(
    `CREATE TEMP TABLE restore_point_places AS
     SELECT object.rowid AS old, row_number() OVER (ORDER BY place IS NULL, place, object.rowid) AS new
     FROM main.sqlite_schema AS object LEFT JOIN temp.restore_point_order ON key = ${objectKey}`,
  );
  await connection.run('CREATE INDEX temp.restore_point_places_old ON restore_point_places (old)');
  const moved = 'SELECT 1 AS found FROM temp.restore_point_places WHERE old <> new LIMIT 1';
  if ((await connection.get(moved)) !== undefined) {
    await writeSchema(connection, 'main', async () => {
      // Two rows may not have one number meanwhile.
      await connection.run('UPDATE main.sqlite_schema SET rowid = -rowid');
      await connection.run(
        `UPDATE main.sqlite_schema SET rowid =
           (SELECT new FROM temp.restore_point_places WHERE old = -main.sqlite_schema.rowid)`,
      );
    });
  }
  await connection.run('DROP TABLE temp.restore_point_places');
  await connection.run('DROP TABLE temp.restore_point_order');
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
