import assert from 'node:assert/strict';
import { runCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

for (const testEngine of testEngines) {
  const { id } = testEngine;
  const prefix = id === 'postgres' ? 'public\\.' : '';
  describe(`${id}: parts on the command line`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    async function run(...words: string[]): Promise<string> {
      const { code, stdout, stderr } = await runCli(words);
      assert.equal(code, 0, stderr);
      return `${stdout}${stderr}`;
    }

    beforeEach(async () => {
      file = folder.file('part.dbbackup');
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE products (id integer PRIMARY KEY);
        CREATE TABLE orders (id integer PRIMARY KEY, product_id integer REFERENCES products (id));
        INSERT INTO products VALUES (1), (2), (3);
        INSERT INTO orders VALUES (10, 1), (11, 2)`);
    });
    afterEach(() => database.remove());

    it('tells what related rows came, and why, when it is taken, inspected and restored', async () => {
      const said = await run(
        'backup',
        database.url,
        '--out',
        file,
        '--where',
        'orders: id = 11',
        '--with-related',
      );
      assert.match(said, /2 tables, 2 rows/);
      assert.match(said, new RegExp(`${prefix}products +1 row +referenced by ${prefix}orders\\.product_id`));
      const inspect = await run('inspect', file);
      assert.match(inspect, /orders +1 row +where id = 11\n/);
      assert.match(
        inspect,
        new RegExp(`products +1 row +related: referenced by ${prefix}orders\\.product_id`),
      );
      await database.run('DELETE FROM orders WHERE id = 11; DELETE FROM products WHERE id = 2');
      await run('restore', file, database.url, '--mode', 'insert-missing', '--yes');
      assert.deepEqual(await database.rows('SELECT id, product_id FROM orders ORDER BY id'), [
        ['10', '1'],
        ['11', '2'],
      ]);
      const plan = await run('restore', file, database.url, '--tables', 'orders', '--with-related', '--yes');
      assert.match(
        plan,
        new RegExp(`products +3 rows now +1 row in the backup +referenced by ${prefix}orders\\.product_id`),
      );
      assert.match(plan, /products: .*replace removes all other rows/);
    });

    it('says in JSON why rows came', async () => {
      const report = JSON.parse(
        await run('backup', database.url, '--out', file, '--tables', 'orders', '--with-related', '--json'),
      ) as { tables: { name: string; related?: unknown }[] };
      const schema = id === 'postgres' ? { schema: 'public' } : {};
      assert.deepEqual(report.tables.find(({ name }) => name === 'products')?.related, [
        { relation: 'referenced by', table: { ...schema, name: 'orders' }, columns: ['product_id'] },
      ]);
    });

    it('backs up and restores the schema and the rows apart', async () => {
      await run('backup', database.url, '--out', file, '--schema-only');
      assert.match(await run('inspect', file), /, schema only\n.*products +no rows/);
      const rows = folder.file('rows.dbbackup');
      await run('backup', database.url, '--out', rows, '--data-only');
      assert.match(await run('inspect', rows), /, rows only, no schema\n.*products +3 rows/);
      const other = await testEngine.create();
      try {
        const early = await runCli(['restore', rows, other.url, '--yes']);
        assert.equal(early.code, 1);
        assert.match(early.stderr, /it is missing, and a restore of rows only creates no tables/);
        assert.match(
          await run('restore', file, other.url, '--yes'),
          /no rows were written[^]*creates what is missing .* writes no rows/,
        );
        assert.match(
          await run('restore', rows, other.url, '--yes'),
          /writes rows of .*, and creates nothing/,
        );
        assert.deepEqual(
          await other.rows('SELECT * FROM orders ORDER BY id'),
          await database.rows('SELECT * FROM orders ORDER BY id'),
        );
      } finally {
        await other.remove();
      }
    });

    it('restores into another schema where there are such', async () => {
      await run('backup', database.url, '--out', file);
      const words = ['restore', file, database.url, '--into-schema', 'Copy of it', '--yes'];
      if (id === 'sqlite') {
        const refused = await runCli(words);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /has no schemas/);
        return;
      }
      const said = await run(...words);
      assert.match(said, /into the schema Copy of it/);
      assert.match(said, /"Copy of it"\.orders +created +2 rows after/);
      assert.deepEqual(await database.rows('SELECT count(*) FROM "Copy of it".orders'), [['2']]);
    });

    it('knows what does not go together', async () => {
      for (const words of [
        ['backup', database.url, '--with-related'],
        ['backup', database.url, '--schema-only', '--data-only'],
        ['restore', file, database.url, '--with-related'],
        ['restore', file, database.url, '--into-schema', ''],
      ]) {
        const { code, stderr } = await runCli(words);
        assert.equal(code, 2, `${words.join(' ')}: ${stderr}`);
      }
    });
  });
}
