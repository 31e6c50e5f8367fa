import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import type { BackupSelection } from '../../../src/backup/takeBackup.ts';
import type { BackedUpTable } from '../../../src/core/manifest.ts';
import { describeReason } from '../../../src/core/related.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { failure } from '../../support/errors.ts';
import { backUp, restore } from '../../support/restores.ts';
import { quoted, randomRelations, relatedRows } from '../../support/randomRelations.ts';
import { randomSource } from '../../support/randomSource.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { casesOf } from '../../support/sample.ts';

const where = (table: string, condition: string): BackupSelection['where'] => [
  { table: { name: table }, condition },
];

/** What of a database points at nothing, by its own judgement. */
async function dangling(database: TestDatabase): Promise<unknown[]> {
  if (database.engine.id === 'sqlite') return await database.rows('PRAGMA foreign_key_check');
  return await database.rows(`SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated`);
}

async function foreignKeys(database: TestDatabase): Promise<number> {
  const query =
    database.engine.id === 'sqlite'
      ? `SELECT count(DISTINCT t.name || ' ' || k.id) FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) k`
      : `SELECT count(*) FROM pg_constraint WHERE contype = 'f'`;
  return Number((await database.rows(query))[0]![0]);
}

/** Customers with orders, order lines and products; products hang together with all other orders. */
const shopSchema = `
  CREATE TABLE regions (id integer PRIMARY KEY);
  CREATE TABLE customers (id integer PRIMARY KEY, region_id integer REFERENCES regions (id),
    invited_by integer REFERENCES customers (id));
  CREATE TABLE products (id integer PRIMARY KEY, supplier_id integer);
  CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers (id),
    payer_id integer REFERENCES customers (id));
  CREATE TABLE lines (order_id integer REFERENCES orders (id), position integer,
    product_id integer REFERENCES products (id), PRIMARY KEY (order_id, position));
  CREATE TABLE notes (id integer PRIMARY KEY, order_id integer, position integer,
    FOREIGN KEY (order_id, position) REFERENCES lines (order_id, position));
  CREATE TABLE stock (product_id integer PRIMARY KEY REFERENCES products (id), amount integer);
  CREATE TABLE unrelated (id integer PRIMARY KEY);
  INSERT INTO regions VALUES (1), (2), (3);
  INSERT INTO customers VALUES (1, 1, NULL), (2, 2, 1), (3, 3, NULL), (4, NULL, 3);
  INSERT INTO products (id) VALUES (10), (11), (12);
  INSERT INTO orders VALUES (100, 1, 1), (101, 1, 4), (102, 3, 3), (103, 3, 2), (104, NULL, NULL);
  INSERT INTO lines VALUES (100, 1, 10), (100, 2, NULL), (101, 1, 11), (102, 1, 10), (103, 1, 12), (104, 1, 12);
  INSERT INTO notes VALUES (1, 100, 1), (2, 102, 1), (3, 100, NULL), (4, NULL, NULL);
  INSERT INTO stock VALUES (10, 5), (12, 7);
  INSERT INTO unrelated VALUES (1);`;

/** Customer 1, who invited 2, who pays for order 103 of customer 3; and customer 4, who only pays for one. */
const belongsToFirst: Readonly<Record<string, readonly string[]>> = {
  customers: ['1', '2', '3', '4'],
  orders: ['100', '101', '103'],
  lines: ['100/1', '100/2', '101/1', '103/1'],
  notes: ['1'],
  products: ['10', '11', '12'],
  regions: ['1', '2', '3'],
};

const ids = (table: string): string =>
  table === 'lines'
    ? `SELECT order_id || '/' || position FROM lines ORDER BY 1`
    : `SELECT id FROM ${table} ORDER BY 1`;

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: related rows`, () => {
    const folder = useTemporaryFolder();
    const made: TestDatabase[] = [];
    let shop: TestDatabase;
    let file: string;

    async function newDatabase(sql = ''): Promise<TestDatabase> {
      const database = await testEngine.create();
      made.push(database);
      if (sql !== '') await database.run(sql);
      return database;
    }

    async function tablesOf(path: string): Promise<readonly BackedUpTable[]> {
      const archive = await Archive.open(path, engineById);
      await archive.close();
      return archive.manifest.tables;
    }

    beforeEach(async () => {
      file = folder.file('part.dbbackup');
      shop = await newDatabase(shopSchema);
    });

    afterEach(async () => {
      for (const database of made.splice(0)) await database.remove();
    });

    it('takes customers and all that belongs to them, and nothing else', async () => {
      const report = await backUp(shop, file, { withRelated: true, where: where('customers', 'id = 1') });
      assert.deepEqual(
        report.tables.map(({ table }) => table.name.name).sort(),
        [...Object.keys(belongsToFirst)].sort(),
      );
      const other = await newDatabase();
      await restore(file, other);
      for (const [table, rows] of Object.entries(belongsToFirst)) {
        assert.deepEqual((await other.rows(ids(table))).flat(), rows, table);
      }
      assert.deepEqual(await dangling(other), []);
    });

    it('says in the file and in the report why rows came', async () => {
      const report = await backUp(shop, file, { withRelated: true, where: where('customers', 'id = 3') });
      const plain = (text: string): string => text.replaceAll('public.', '');
      const why = (tables: readonly BackedUpTable[]): Record<string, string[]> =>
        Object.fromEntries(
          tables.map(({ table, related = [] }) => [
            table.name.name,
            related.map((reason) => plain(describeReason(reason))).sort(),
          ]),
        );
      const expected = {
        customers: [
          'referenced by customers.invited_by',
          'referenced by orders.customer_id',
          'referenced by orders.payer_id',
          'references customers (invited_by)',
        ],
        orders: [
          'referenced by lines.order_id',
          'references customers (customer_id)',
          'references customers (payer_id)',
        ],
        lines: ['referenced by notes (order_id, position)', 'references orders (order_id)'],
        notes: ['references lines (order_id, position)'],
        products: ['referenced by lines.product_id'],
        regions: ['referenced by customers.region_id'],
      };
      assert.deepEqual(why(report.tables), expected);
      assert.deepEqual(why(await tablesOf(file)), expected);
      const customers = report.tables.find(({ table }) => table.name.name === 'customers');
      assert.equal(customers?.where, 'id = 3');
    });

    for (const mode of ['merge', 'insert-missing'] as const) {
      it(`brings exactly these rows back in the mode ${mode}`, async () => {
        await backUp(shop, file, { withRelated: true, where: where('customers', 'id = 1') });
        const all = async (): Promise<unknown[]> =>
          await Promise.all(
            Object.keys(belongsToFirst).map(async (table) =>
              (await shop.rows(`SELECT * FROM ${table}`)).sort(),
            ),
          );
        const before = await all();
        await shop.run(`DELETE FROM notes WHERE id = 1; DELETE FROM lines WHERE order_id IN (100, 101);
                        DELETE FROM orders WHERE id IN (100, 101)`);
        const report = await restore(file, shop, { mode });
        assert.deepEqual(await all(), before);
        const inserted = Object.fromEntries(report.tables.map(({ table, inserted: n }) => [table.name, n]));
        assert.deepEqual(inserted, { customers: 0, orders: 2, lines: 3, notes: 1, products: 0, regions: 0 });
      });
    }

    it('warns that replace removes other rows', async () => {
      await backUp(shop, file, { withRelated: true, where: where('customers', 'id = 1') });
      const report = await restore(file, shop, { dryRun: true });
      const removed = report.warnings.filter((warning) => /replace removes all other rows/.test(warning));
      assert.equal(removed.length, Object.keys(belongsToFirst).length, report.warnings.join('\n'));
    });

    it('takes whole tables whole, and only the rows of others that hang together with them', async () => {
      const report = await backUp(shop, file, { withRelated: true, tables: [{ name: 'orders' }] });
      const rows = Object.fromEntries(report.tables.map(({ table, rows: n }) => [table.name.name, n]));
      assert.deepEqual(rows, { customers: 4, orders: 5, lines: 6, notes: 2, products: 3, regions: 3 });
      assert.equal(
        report.tables.find(({ table }) => table.name.name === 'orders')?.related?.length,
        undefined,
      );
    });

    it('follows no key into an excluded table, and refuses where a row would dangle', async () => {
      const selection = { withRelated: true, where: where('customers', 'id = 1')! };
      const report = await backUp(shop, file, { ...selection, exclude: [{ name: 'notes' }] });
      assert.ok(!report.tables.some(({ table }) => table.name.name === 'notes'));
      const error = await failure(
        backUp(shop, folder.file('other.dbbackup'), { ...selection, exclude: [{ name: 'products' }] }),
        'usage',
      );
      assert.match(error.message, /products is excluded, but rows of .*lines reference it \(product_id\)/);
      await failure(backUp(shop, folder.file('nothing.dbbackup'), { withRelated: true }), 'usage');
    });

    it('says which condition the database refuses', async () => {
      const error = await failure(
        backUp(shop, file, { withRelated: true, where: where('customers', 'nonsense = 1') }),
        'usage',
      );
      assert.match(error.message, /nonsense/);
    });

    it('chooses by a condition that gives another answer each time only once', async () => {
      await shop.run(`INSERT INTO products (id) SELECT id + 1000 FROM customers`);
      const condition = testEngine.id === 'sqlite' ? 'abs(random()) % 2 = 0' : 'random() < 0.5';
      for (let run = 0; run < 5; run++) {
        const other = await newDatabase();
        const path = folder.file(`${run}.dbbackup`);
        await backUp(shop, path, { withRelated: true, where: where('orders', condition) });
        await restore(path, other);
        assert.deepEqual(await dangling(other), []);
      }
    });

    it('goes along chains that are longer than any stack', async () => {
      await shop.run(`
        CREATE TABLE chain (id integer PRIMARY KEY, before integer REFERENCES chain (id));
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO chain SELECT i, CASE WHEN i > 1 THEN i - 1 END FROM n`);
      const all = await backUp(shop, file, { withRelated: true, where: where('chain', 'id = 1') });
      assert.equal(all.rows, 1500);
      const half = await backUp(shop, folder.file('half.dbbackup'), {
        withRelated: true,
        where: where('chain', 'id = 800'),
      });
      assert.equal(half.rows, 1500);
    });

    it('finds what a walk through the rows finds, in random tables', async () => {
      const random = randomSource(`${testEngine.id} related rows`);
      const cases = testEngine.id === 'sqlite' ? casesOf(20, 5) : casesOf(6, 2);
      for (let number = 0; number < cases; number++) {
        const { tables, sql } = randomRelations(random, testEngine.id);
        const [chosen, limit] = [random.below(tables.length), random.below(6)];
        const source = await newDatabase(sql);
        const path = folder.file(`random-${number}.dbbackup`);
        await backUp(source, path, { withRelated: true, where: where(tables[chosen]!.name, `n < ${limit}`) });
        const target = await newDatabase();
        await restore(path, target);
        const expected = relatedRows(tables, chosen, limit);
        const held = new Set((await tablesOf(path)).map(({ table }) => table.name.name));
        for (const [index, { name }] of tables.entries()) {
          const rows = held.has(name) ? await target.rows(`SELECT n FROM ${quoted(name)} ORDER BY n`) : [];
          const wanted = [...expected[index]!].sort((a, b) => a - b).map(String);
          assert.deepEqual(
            rows.flat(),
            wanted,
            `case ${number}, ${name}, n < ${limit} of table ${chosen}: ${sql}`,
          );
        }
        assert.deepEqual(await dangling(target), [], sql);
        const keys = tables.filter(({ name }) => held.has(name)).flatMap(({ parents }) => parents).length;
        assert.equal(await foreignKeys(target), keys, sql);
        for (const database of made.splice(1)) await database.remove();
      }
    });
  });
}
