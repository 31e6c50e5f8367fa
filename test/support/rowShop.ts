import { backUp } from './restores.ts';
import { useTemporaryFolder } from './temporaryFolder.ts';
import type { TestDatabase, TestEngine } from './testDatabases.ts';

/** Tables of a shop, of which rows are chosen. */
export const shop = `
  CREATE TABLE customers (id integer PRIMARY KEY, name varchar(20) NOT NULL);
  CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers (id) ON DELETE CASCADE,
    status varchar(9) CHECK (status <> 'bad'), code varchar(9) UNIQUE);
  CREATE TABLE lines (order_id integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE, number integer NOT NULL,
    article varchar(9), PRIMARY KEY (order_id, number));
  CREATE TABLE log (line varchar(20), amount numeric);
  INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid');
  INSERT INTO orders VALUES (1, 1, 'open', 'a'), (2, 1, 'paid', 'b'), (3, 2, 'paid', 'c'), (4, NULL, 'open', NULL);
  INSERT INTO lines VALUES (1, 1, 'x'), (1, 2, 'y'), (3, 1, 'x'), (3, 2, NULL);
  INSERT INTO log VALUES ('a', 1), ('a', 1), ('b', 2), (NULL, NULL)`;

/** What somebody did by mistake. */
export const accident = `
  DELETE FROM lines WHERE order_id = 3;
  DELETE FROM orders WHERE id = 3;
  UPDATE orders SET status = 'lost' WHERE id = 2;
  INSERT INTO orders VALUES (9, 1, 'new', 'z');
  DELETE FROM log WHERE line = 'a'`;

/** The rows of all tables. Where SQLite puts a row that comes back, its key does not say. */
export async function contentOf(database: TestDatabase): Promise<unknown> {
  const rows: Record<string, unknown> = {};
  for (const table of ['customers', 'orders', 'lines', 'log'])
    rows[table] = (await database.rows(`SELECT * FROM ${table}`)).map((row) => JSON.stringify(row)).sort();
  return rows;
}

/** Inside a mocha `describe`: gives every test a shop and a backup of it. Returns the folder of the backup. */
export function useShopBackup(
  testEngine: TestEngine,
  take: (made: { readonly database: TestDatabase; readonly file: string }) => void,
): ReturnType<typeof useTemporaryFolder> {
  const folder = useTemporaryFolder();
  let made: TestDatabase | undefined;
  beforeEach(async () => {
    const [database, file] = [await testEngine.create(), folder.file('before.dbbackup')];
    made = database;
    take({ database, file });
    await database.run(shop);
    await backUp(database, file);
  });
  afterEach(() => made?.remove());
  return folder;
}
