import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sqlite3 from 'sqlite3';
import { firstOrderId, sampleRows, type SampleValue } from './sampleData.ts';

const tables = `
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (date('now'))
  );
  CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    price DECIMAL(10,2) NOT NULL CONSTRAINT price_not_negative CHECK (price >= 0),
    photo BLOB,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
  );
  CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ordered_at DATETIME NOT NULL,
    status TEXT NOT NULL DEFAULT 'new'
      CONSTRAINT status_known CHECK (status IN ('new', 'paid', 'shipped', 'delivered', 'cancelled')),
    note TEXT
  );
  CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line_no INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (order_id, line_no)
  );
  CREATE TABLE orders_audit (
    order_id INTEGER NOT NULL,
    old_status TEXT NOT NULL,
    new_status TEXT NOT NULL,
    changed_at DATETIME NOT NULL
  );`;

const indexesTriggerAndView = `
  CREATE INDEX orders_by_customer ON orders (customer_id, ordered_at);
  CREATE INDEX orders_to_do ON orders (ordered_at) WHERE status IN ('new', 'paid');
  CREATE INDEX order_lines_by_product ON order_lines (product_id);

  CREATE TRIGGER orders_keep_audit AFTER UPDATE OF status ON orders WHEN old.status <> new.status
  BEGIN
    INSERT INTO orders_audit (order_id, old_status, new_status, changed_at)
    VALUES (new.id, old.status, new.status, strftime('%Y-%m-%d %H:%M:%f', 'now') || '000');
  END;

  CREATE VIEW order_totals AS
  SELECT o.id AS order_id, c.name AS customer, o.ordered_at, o.status,
    count(l.line_no) AS lines, round(total(l.quantity * l.unit_price), 2) AS total
  FROM orders o
  JOIN customers c ON c.id = o.customer_id
  LEFT JOIN order_lines l ON l.order_id = o.id
  GROUP BY o.id;`;

const settings = {
  'restorePoint.connections': [
    { id: 'shop', name: 'Shop (SQLite)', engine: 'sqlite', file: '${workspaceFolder}/shop.db' },
  ],
};

const readme = `# Try Restore Point here

\`shop.db\` is the database of a small stationery shop, with customers, products and orders. None of it is real:
break it and get it back.

1. **Back up.** Click *Restore Point* in the Activity Bar. Under *Connections*, right-click *Shop (SQLite)* and
   choose *Back Up Database…*.
2. **Lose something.** Open a terminal in this folder and delete the last 20 orders, with their 42 lines:

   \`\`\`
   npx node -e "new (require('node:sqlite').DatabaseSync)('shop.db').exec('DELETE FROM orders WHERE id > 1100')"
   \`\`\`

   Refresh *Connections*: *orders* now has 100 of its 120 rows.
3. **Restore.** Under *Backups*, right-click the new backup and choose *Restore Backup…*. Restore Point shows what it
   will write and asks first. Afterwards *orders* has its 120 rows again, and every order line is back.

To start over, delete \`shop.db\` and run \`npm start\` again.
`;

function open(file: string): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file, (error) => (error ? reject(error) : resolve(database)));
  });
}

function close(database: sqlite3.Database): Promise<void> {
  return new Promise((resolve, reject) => database.close((error) => (error ? reject(error) : resolve())));
}

function execute(database: sqlite3.Database, sql: string): Promise<void> {
  return new Promise((resolve, reject) => database.exec(sql, (error) => (error ? reject(error) : resolve())));
}

function run(database: sqlite3.Database, sql: string, values: SampleValue[]): Promise<void> {
  return new Promise((resolve, reject) =>
    database.run(sql, values, (error) => (error ? reject(error) : resolve())),
  );
}

async function fill(database: sqlite3.Database): Promise<void> {
  for (const [table, rows] of Object.entries(sampleRows())) {
    for (const row of rows) {
      await run(database, `INSERT INTO ${table} VALUES (${row.map(() => '?').join(', ')})`, row);
    }
  }
  // A deleted order: the AUTOINCREMENT counter is one ahead of the highest id, and must stay there.
  await execute(
    database,
    `INSERT INTO orders (customer_id, ordered_at) SELECT customer_id, ordered_at FROM orders WHERE id = ${firstOrderId};
     DELETE FROM orders WHERE id = (SELECT max(id) FROM orders);`,
  );
}

/**
 * Creates the sample shop as a SQLite database, with the same rows every time.
 * Replaces an existing database and its journal files. The file appears only when it is complete.
 */
export async function makeShopDatabase(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.new`;
  for (const suffix of ['', '-journal']) await rm(unfinished + suffix, { force: true });
  const database = await open(unfinished);
  try {
    await execute(database, `PRAGMA foreign_keys = ON; BEGIN; ${tables}`);
    await fill(database);
    await execute(database, `${indexesTriggerAndView} COMMIT;`);
  } finally {
    await close(database);
  }
  // SQLite would apply the old database's journal to the new one.
  for (const suffix of ['-journal', '-wal', '-shm']) await rm(file + suffix, { force: true });
  await rename(unfinished, file);
}

/**
 * Creates a workspace to try the extension in: `shop.db`, a connection to it in `.vscode/settings.json`,
 * and a README.md. Keeps existing files, unless `fresh` asks for new ones.
 */
export async function makeSampleWorkspace(folder: string, { fresh = false } = {}): Promise<void> {
  await mkdir(join(folder, '.vscode'), { recursive: true });
  const texts = {
    '.vscode/settings.json': `${JSON.stringify(settings, null, 2)}\n`,
    'README.md': readme,
  };
  for (const [name, text] of Object.entries(texts)) {
    const file = join(folder, name);
    if (fresh || !existsSync(file)) await writeFile(file, text);
  }
  const shop = join(folder, 'shop.db');
  if (fresh || !existsSync(shop)) await makeShopDatabase(shop);
}
