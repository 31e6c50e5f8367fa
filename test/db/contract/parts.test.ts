import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { type BackupSelection, takeBackup } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Manifest } from '../../../src/core/manifest.ts';
import type { RestorePlan } from '../../../src/core/plan.ts';
import { describeReasons } from '../../../src/core/related.ts';
import { engineById } from '../../../src/engines/registry.ts';
import {
  restoreBackup,
  type RestoreOptions,
  type RestoreReport,
} from '../../../src/restore/restoreBackup.ts';
import { failure } from '../../support/errors.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopRows, shopSchema } from '../shop.ts';

async function backUp(
  database: TestDatabase,
  file: string,
  selection: BackupSelection = {},
): Promise<Manifest> {
  const session = await database.connect({ readOnly: true });
  try {
    await takeBackup(session, { file, logger: silentLogger, selection });
  } finally {
    await session.close();
  }
  const archive = await Archive.open(file, engineById);
  await archive.close();
  return archive.manifest;
}

async function restore(
  file: string,
  database: TestDatabase,
  options: Partial<RestoreOptions> = {},
): Promise<{ report: RestoreReport; plan: RestorePlan }> {
  const session = await database.connect();
  let plan: RestorePlan | undefined;
  try {
    const report = await restoreBackup(file, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode: 'replace',
      logger: silentLogger,
      confirm: (found) => {
        plan = found;
        return Promise.resolve(true);
      },
      ...options,
    });
    return { report, plan: plan! };
  } finally {
    await session.close();
  }
}

/** A dump without the order in which objects were made. */
async function sorted(database: TestDatabase): Promise<string[]> {
  return (await database.dump()).split('\n').sort();
}

const tables = ['customers', 'orders', 'lines', 'employees', 'teams', 'log', 'notes'];

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: schema only, data only, related tables`, () => {
    const folder = useTemporaryFolder();
    const made: TestDatabase[] = [];
    let shop: TestDatabase;
    let file: string;

    async function newDatabase(...statements: string[]): Promise<TestDatabase> {
      const database = await testEngine.create();
      made.push(database);
      for (const sql of statements) await database.run(sql);
      return database;
    }

    const rowsOf = (database: TestDatabase): Promise<unknown> =>
      Promise.all(tables.map((table) => database.rows(`SELECT * FROM ${table} ORDER BY 1, 2`)));

    beforeEach(async () => {
      file = folder.file('part.dbbackup');
      shop = await newDatabase(shopSchema(testEngine.id), shopRows);
      await shop.run('CREATE VIEW totals AS SELECT sum(total) AS total FROM orders');
    });

    afterEach(async () => {
      for (const database of made.splice(0)) await database.remove();
    });

    /** A database with the shop's schema and no row in it, made without Restore Point. */
    const emptyShop = (): Promise<TestDatabase> =>
      newDatabase(shopSchema(testEngine.id), 'CREATE VIEW totals AS SELECT sum(total) AS total FROM orders');

    it('backs up the schema without rows, and makes it anew', async () => {
      const manifest = await backUp(shop, file, { only: 'schema' });
      assert.deepEqual([manifest.complete, manifest.only, manifest.allObjects], [false, 'schema', true]);
      assert.deepEqual([manifest.tables.length, manifest.sequences.length], [tables.length, 0]);
      assert.ok(manifest.tables.every(({ rows, where }) => rows === 0 && where === undefined));
      const other = await newDatabase();
      const { report, plan } = await restore(file, other);
      assert.equal(plan.only, 'schema');
      assert.equal(report.created.length, tables.length);
      assert.deepEqual(await sorted(other), await sorted(await emptyShop()));
    });

    it('holds no row of any table in a backup of the schema', async () => {
      await shop.run(`INSERT INTO customers (id, name) VALUES (99, 'a name that must not travel')`);
      const { payloads } = await backUp(shop, file, { only: 'schema' });
      const archive = await Archive.open(file, engineById);
      try {
        for (const chunk of payloads.flatMap(({ chunks }) => chunks)) {
          const bytes = Buffer.from(await archive.readChunk(chunk));
          assert.equal(bytes.indexOf('must not travel'), -1);
        }
      } finally {
        await archive.close();
      }
    });

    it('restores the schema alone of a whole backup: what is missing, and no rows', async () => {
      await backUp(shop, file);
      await shop.run(
        `DROP VIEW totals; DROP TABLE lines; DROP TABLE notes; UPDATE customers SET name = 'kept'`,
      );
      const before = await shop.rows('SELECT * FROM customers ORDER BY id');
      const { report } = await restore(file, shop, { only: 'schema' });
      assert.deepEqual(report.created.map(({ name }) => name).sort(), ['lines', 'notes']);
      assert.deepEqual(await shop.rows('SELECT * FROM customers ORDER BY id'), before);
      assert.deepEqual(await shop.rows('SELECT * FROM lines'), []);
      assert.equal((await shop.rows('SELECT * FROM totals')).length, 1);
      const other = await newDatabase();
      await restore(file, other, { only: 'schema' });
      assert.deepEqual(await sorted(other), await sorted(await emptyShop()));
    });

    it('leaves rows alone where everything is there', async () => {
      await backUp(shop, file, { only: 'schema' });
      const before = await shop.dump();
      const { report } = await restore(file, shop);
      assert.deepEqual(report.tables, []);
      assert.equal(await shop.dump(), before);
    });

    it('backs up rows without the schema, and writes them into tables that are there', async () => {
      const manifest = await backUp(shop, file, { only: 'data' });
      assert.deepEqual([manifest.complete, manifest.only, manifest.objects], [false, 'data', []]);
      const other = await emptyShop();
      const { plan } = await restore(file, other);
      assert.deepEqual([plan.only, plan.create], ['data', []]);
      assert.deepEqual(await rowsOf(other), await rowsOf(shop));
      await other.run(`INSERT INTO orders (customer_id, total) VALUES (1, 1)`);
      assert.deepEqual(await other.rows('SELECT max(id) FROM orders'), [['4']]);
    });

    for (const whole of [true, false]) {
      it(`refuses rows alone where a table is missing (${whole ? 'whole' : 'data only'} backup)`, async () => {
        await backUp(shop, file, whole ? {} : { only: 'data' });
        const other = await emptyShop();
        await other.run('DROP TABLE notes');
        const before = await other.dump();
        const error = await failure(restore(file, other, { only: 'data' }), 'refused');
        assert.match(error.message, /notes: it is missing, and a restore of rows only/);
        assert.equal(await other.dump(), before);
        await restore(file, other, { only: 'data', tables: [{ name: 'customers' }] });
        assert.equal((await other.rows('SELECT * FROM customers')).length, 3);
      });
    }

    it('refuses the part that a backup does not hold', async () => {
      await backUp(shop, file, { only: 'schema' });
      assert.match(
        (await failure(restore(file, shop, { only: 'data' }), 'refused')).message,
        /only the schema, no rows/,
      );
      const other = folder.file('data.dbbackup');
      await backUp(shop, other, { only: 'data' });
      assert.match(
        (await failure(restore(other, shop, { only: 'schema' }), 'refused')).message,
        /only rows, no schema/,
      );
    });

    it('restores with a table those that it hangs together with', async () => {
      await backUp(shop, file);
      await shop.run('DELETE FROM lines; DELETE FROM orders; DELETE FROM notes');
      const options = { tables: [{ name: 'orders' }], withRelated: true };
      const { plan } = await restore(file, shop, options);
      const why = Object.fromEntries(
        plan.tables.map(({ target, related = [] }) => [
          target.name,
          describeReasons(related).replaceAll('public.', ''),
        ]),
      );
      assert.deepEqual(why, {
        customers: 'referenced by orders.customer_id',
        orders: '',
        lines: 'references orders (order_id)',
      });
      assert.deepEqual(
        [
          await shop.rows('SELECT count(*) FROM orders'),
          await shop.rows('SELECT count(*) FROM lines'),
          await shop.rows('SELECT count(*) FROM notes'),
        ],
        [[['3']], [['4']], [['0']]],
      );
      const circle = await restore(file, shop, { tables: [{ name: 'teams' }], withRelated: true });
      assert.deepEqual(circle.plan.tables.map(({ target }) => target.name).sort(), ['employees', 'teams']);
      await failure(restore(file, shop, { withRelated: true }), 'usage');
    });
  });
}
