import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { parseTableNames } from '../../../src/core/names.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { backUp, failure, restore } from '../../support/restores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopSchema, shopRows } from '../shop.ts';
import { textRows } from '../../support/typedRows.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: backup and restore`, () => {
    const folder = useTemporaryFolder();
    const made: TestDatabase[] = [];
    let shop: TestDatabase;
    let file: string;

    async function newDatabase(): Promise<TestDatabase> {
      const database = await testEngine.create();
      made.push(database);
      return database;
    }

    beforeEach(async () => {
      shop = await newDatabase();
      file = folder.file('shop.dbbackup');
      await shop.run(shopSchema(testEngine.id));
      await shop.run(shopRows);
    });

    afterEach(async () => {
      for (const database of made.splice(0)) await database.remove();
    });

    it('brings a whole database into an empty one', async () => {
      const report = await backUp(shop, file);
      assert.equal(report.rows, 21);
      const other = await newDatabase();
      const restored = await restore(file, other);
      assert.equal(restored.created.length, restored.tables.length);
      const tables = ['customers', 'orders', 'lines', 'employees', 'teams', 'log', 'notes'];
      for (const table of tables) {
        const query = `SELECT * FROM ${table} ORDER BY 1, 2`;
        assert.deepEqual(await other.rows(query), await shop.rows(query), table);
      }
    });

    it('brings a damaged database back exactly', async () => {
      const before = await shop.dump();
      await backUp(shop, file);
      await shop.run(`
        DELETE FROM lines WHERE order_id = 1;
        UPDATE customers SET name = 'x';
        INSERT INTO orders (customer_id, total) VALUES (1, 5);
        DELETE FROM log;
      `);
      assert.notEqual(await shop.dump(), before);
      const report = await restore(file, shop);
      assert.equal(await shop.dump(), before);
      const lines = report.tables.find((change) => change.table.name === 'lines');
      assert.deepEqual([lines?.rowsBefore, lines?.rowsAfter], [2, 4]);
    });

    it('goes on counting where it was', async () => {
      await backUp(shop, file);
      await shop.run(`DELETE FROM lines; DELETE FROM orders`);
      await restore(file, shop);
      await shop.run(`INSERT INTO orders (customer_id, total) VALUES (1, 1)`);
      assert.deepEqual(await shop.rows('SELECT max(id) FROM orders'), [['4']]);
      const other = await newDatabase();
      await restore(file, other);
      await other.run(`INSERT INTO orders (customer_id, total) VALUES (1, 1)`);
      assert.deepEqual(await other.rows('SELECT max(id) FROM orders'), [['4']]);
    });

    it('lets no trigger fire, and leaves them as they were', async () => {
      await backUp(shop, file);
      const before = await shop.rows('SELECT count(*) FROM log');
      await restore(file, shop, { tables: [{ name: 'orders' }] });
      await restore(file, shop, { tables: [{ name: 'orders' }], mode: 'merge' });
      assert.deepEqual(await shop.rows('SELECT count(*) FROM log'), before);
      await shop.run(`INSERT INTO orders (customer_id, total) VALUES (1, 9)`);
      assert.notDeepEqual(await shop.rows('SELECT count(*) FROM log'), before);
    });

    it('merges: adds and updates rows from the backup; keeps all other rows', async () => {
      await backUp(shop, file);
      await shop.run(`
        DELETE FROM lines WHERE order_id = 1;
        UPDATE customers SET name = 'changed' WHERE id = 2;
        INSERT INTO customers (id, name) VALUES (77, 'new');
      `);
      const names = ['customers', 'lines'].map((name) => ({ name }));
      const report = await restore(file, shop, { mode: 'merge', tables: names });
      const changes = new Map(report.tables.map((change) => [change.table.name, change]));
      assert.deepEqual([changes.get('customers')?.inserted, changes.get('customers')?.updated], [0, 1]);
      assert.deepEqual([changes.get('lines')?.inserted, changes.get('lines')?.updated], [2, 0]);
      assert.deepEqual(await shop.rows('SELECT id, name FROM customers ORDER BY id'), [
        ['1', 'Ada'],
        ['2', 'Ğüneş 名前'],
        ['3', null],
        ['77', 'new'],
      ]);
    });

    it('inserts what is missing, and touches nothing else', async () => {
      await backUp(shop, file);
      await shop.run(`
        DELETE FROM lines WHERE order_id = 1;
        UPDATE lines SET quantity = 99 WHERE order_id = 2;
        UPDATE customers SET name = 'changed' WHERE id = 2;
      `);
      const names = ['customers', 'lines'].map((name) => ({ name }));
      const report = await restore(file, shop, { mode: 'insert-missing', tables: names });
      const lines = report.tables.find((change) => change.table.name === 'lines');
      assert.deepEqual([lines?.inserted, lines?.updated, lines?.rowsAfter], [2, 0, 4]);
      assert.deepEqual(await shop.rows('SELECT quantity FROM lines ORDER BY order_id, position'), [
        ...[['1'], ['2'], ['99'], ['99']],
      ]);
      assert.deepEqual(await shop.rows('SELECT name FROM customers WHERE id = 2'), [['changed']]);
    });

    it('refuses to merge a table without a key', async () => {
      await backUp(shop, file);
      const error = await failure(restore(file, shop, { mode: 'merge', tables: [{ name: 'log' }] }));
      assert.equal(error.code, 'refused');
      assert.match(error.message, /log: it has no primary key/);
    });

    it('leaves rows of unrestored tables that point at restored ones alone', async () => {
      const before = await shop.dump();
      await backUp(shop, file, { tables: [{ name: 'customers' }] });
      await shop.run(`UPDATE customers SET name = 'x'`);
      await restore(file, shop);
      assert.equal(await shop.dump(), before);
    });

    it('does not commit rows that would point at nothing', async () => {
      await backUp(shop, file, { tables: [{ name: 'customers' }] });
      await shop.run(`INSERT INTO customers (id, name) VALUES (50, 'late');
                      INSERT INTO orders (customer_id, total) VALUES (50, 1)`);
      const before = await shop.dump();
      const error = await failure(restore(file, shop));
      assert.equal(error.code, 'database');
      assert.match(`${error.details.place?.table} ${error.message}`, /orders/);
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.equal(await shop.dump(), before);
    });

    it('changes nothing when the last table fails, and names table, row and cause', async () => {
      await shop.run(`INSERT INTO notes (id, n) VALUES (10, -1)`);
      await backUp(shop, file);
      await shop.run(`DELETE FROM notes WHERE n < 0`);
      await shop.run(recreateNotes(testEngine.id));
      await shop.run(`UPDATE customers SET name = 'kept'`);
      const before = await shop.dump();
      const error = await failure(restore(file, shop));
      assert.equal(error.code, 'database');
      assert.match(error.details.place?.table ?? '', /notes/);
      assert.equal(error.details.place?.row, 3);
      assert.match(error.message, /n_positive/);
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.equal(await shop.dump(), before);
    });

    it('rehearses without changing anything', async () => {
      await backUp(shop, file);
      await shop.run(`DELETE FROM lines`);
      const before = await shop.dump();
      const report = await restore(file, shop, { dryRun: true });
      const lines = report.tables.find((change) => change.table.name === 'lines');
      assert.deepEqual([lines?.rowsBefore, lines?.rowsAfter], [0, 4]);
      assert.equal(await shop.dump(), before);
    });

    it('keeps the state before in a safety backup that brings it back', async () => {
      await backUp(shop, file);
      await shop.run(`UPDATE customers SET name = 'precious'; DELETE FROM lines`);
      const before = await shop.dump();
      const report = await restore(file, shop, { safetyFolder: folder.file('safety') });
      assert.ok(report.safetyBackup);
      assert.notEqual(await shop.dump(), before);
      await restore(report.safetyBackup, shop);
      assert.equal(await shop.dump(), before);
    });

    it('writes nothing when the user says no', async () => {
      await backUp(shop, file);
      await shop.run(`DELETE FROM lines`);
      const before = await shop.dump();
      const safetyFolder = folder.file('safety');
      const error = await failure(
        restore(file, shop, { safetyFolder, confirm: () => Promise.resolve(false) }),
      );
      assert.equal(error.code, 'cancelled');
      assert.equal(await shop.dump(), before);
      await assert.rejects(readdir(safetyFolder));
    });

    it('takes no safety backup for a file whose rows are damaged', async () => {
      await backUp(shop, file);
      const bytes = await readFile(file);
      bytes[100]! ^= 1;
      await writeFile(file, bytes);
      await shop.run(`DELETE FROM lines`);
      const before = await shop.dump();
      const safetyFolder = folder.file('safety');
      const error = await failure(restore(file, shop, { safetyFolder }));
      assert.equal(error.code, 'damaged-backup');
      assert.match(error.message, /checksum|was changed|damaged/);
      assert.match(error.details.next ?? '', /Use another backup file.*salvage this one/);
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.equal(await shop.dump(), before);
      await assert.rejects(readdir(safetyFolder));
    });

    it('changes nothing when the safety backup fails, and says that it was that', async () => {
      await backUp(shop, file);
      await shop.run(`DELETE FROM lines`);
      const before = await shop.dump();
      const safetyFolder = path.join(file, 'no-folder');
      const error = await failure(restore(file, shop, { safetyFolder }));
      assert.match(error.message, /^The safety backup failed: .*: a part of the path is not a folder$/);
      assert.equal(await shop.dump(), before);
    });

    it('takes only the tables and rows that were asked for', async () => {
      const selection = {
        exclude: [{ name: 'log' }, { name: 'notes' }],
        where: [
          {
            table: { name: 'orders' },
            condition: `customer_id IN (SELECT id FROM customers WHERE name = 'Ada') -- all`,
          },
        ],
      };
      const report = await backUp(shop, file, selection);
      const rows = Object.fromEntries(
        report.tables.map(({ table, rows: count }) => [table.name.name, count]),
      );
      assert.deepEqual(rows, { customers: 3, employees: 4, lines: 4, orders: 2, teams: 2 });
      const pattern = { tables: parseTableNames('l*, teams') };
      const fitting = await backUp(shop, folder.file('pattern.dbbackup'), pattern);
      assert.deepEqual(fitting.tables.map(({ table }) => table.name.name).sort(), ['lines', 'log', 'teams']);
    });

    it('looks at a condition without reading a row', async () => {
      const session = await shop.connect({ readOnly: true });
      try {
        const { name } = (await session.listTables()).find((table) => table.name.name === 'orders')!;
        const check = (where: string): Promise<void> => session.checkCondition(name, where);
        for (const where of ['id = 1', 'total > 0 -- of today', 'id IN (SELECT id FROM orders)'])
          await check(where);
        const escapes = [
          ...['1=1) OR (1=1', '1=1)::text::boolean OR (1=1', 'true] || ARRAY[true', 'true, true'],
          ...['true) IS NOT NULL OR true IN (true', 'true THEN 1 WHEN false', 'id = 1 /*'],
        ];
        for (const where of ['nonsense = 1', 'id = ', ...escapes, 'true; DELETE FROM orders', '']) {
          assert.equal((await failure(check(where))).code, 'usage', where);
        }
      } finally {
        await session.close();
      }
    });

    it('says which table is not there, and which condition the database refuses', async () => {
      const missing = await failure(backUp(shop, file, { tables: [{ name: 'nope' }] }));
      assert.equal(missing.code, 'usage');
      const where = [{ table: { name: 'orders' }, condition: `nonsense = 1` }];
      const wrong = await failure(backUp(shop, file, { where }));
      assert.match(wrong.message, /nonsense/);
      const tricky = [{ table: { name: 'orders' }, condition: `true); DELETE FROM lines; --` }];
      await failure(backUp(shop, file, { where: tricky }));
      assert.deepEqual(await shop.rows('SELECT count(*) FROM lines'), [['4']]);
      assert.deepEqual(await readdir(folder.path), []);
    });

    it('verifies a backup without a database', async () => {
      await backUp(shop, file);
      const report = await verifyBackup(file, engineById, { logger: silentLogger });
      assert.equal(report.rows, 21);
    });

    it('tells of a column that is gone, before anything is written', async () => {
      await backUp(shop, file);
      await shop.run(`ALTER TABLE notes DROP COLUMN n`);
      const before = await shop.dump();
      const error = await failure(restore(file, shop));
      assert.equal(error.code, 'refused');
      assert.match(error.message, /notes: the column n of the backup no longer exists/);
      assert.equal(await shop.dump(), before);
    });

    it('stops a backup where it is, and leaves no file', async () => {
      const abort = new AbortController();
      const report = (event: ProgressEvent): void => {
        if (event.phase === 'snapshot' || event.phase === 'read') abort.abort();
      };
      const error = await failure(backUp(shop, file, undefined, { signal: abort.signal, report }));
      assert.equal(error.code, 'cancelled');
      assert.deepEqual(await readdir(folder.path), []);
    });

    for (const phase of ['check', 'prepare', 'load', 'constraints', 'verify'] as const) {
      it(`stops a restore in the phase "${phase}", and changes nothing`, async () => {
        await backUp(shop, file);
        await shop.run(`UPDATE customers SET name = 'kept'; DELETE FROM lines`);
        const before = await shop.dump();
        const abort = new AbortController();
        const seen = new Set<string>();
        const report = (event: ProgressEvent): void => {
          seen.add(event.phase);
          if (event.phase === phase) abort.abort();
        };
        // Without a safety backup an engine may check the file while it prepares.
        const safetyFolder = folder.file('safety');
        const error = await failure(restore(file, shop, { signal: abort.signal, report, safetyFolder }));
        assert.ok(seen.has(phase), `the phase ${phase} was never reached`);
        assert.equal(error.code, 'cancelled', String(error.stack));
        assert.equal(await shop.dump(), before);
      });
    }

    it('takes names for names, whatever they are', async () => {
      const hostile = [
        '"; DROP TABLE x; --',
        'a.b',
        'a as b',
        '__proto__',
        'constructor',
        '$x',
        'what?',
        "it's",
        '名前',
      ];
      const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
      for (const [index, name] of hostile.entries()) {
        const columns = hostile.map((column) => `${quote(column)} text`).join(', ');
        await shop.run(`CREATE TABLE ${quote(name)} (${columns}, primary key (${quote('a.b')}))`);
        const values = hostile.map((column) => `'${column.replaceAll("'", "''")} ${index}'`).join(', ');
        await shop.run(`INSERT INTO ${quote(name)} VALUES (${values})`);
      }
      const before = await shop.dump();
      await backUp(shop, file);
      for (const name of hostile) await shop.run(`UPDATE ${quote(name)} SET "constructor" = 'broken'`);
      await restore(file, shop);
      assert.equal(await shop.dump(), before);
      for (const name of hostile) await shop.run(`DELETE FROM ${quote(name)}`);
      await restore(file, shop, { mode: 'merge', tables: hostile.map((name) => ({ name })) });
      assert.equal(await shop.dump(), before);
      const other = await newDatabase();
      await restore(file, other);
      assert.deepEqual(await other.rows(`SELECT * FROM "a.b"`), await shop.rows(`SELECT * FROM "a.b"`));
    });

    it('reads a page of rows out of the file alone', async () => {
      await backUp(shop, file);
      const { Archive } = await import('../../../src/archive/archiveReader.ts');
      const archive = await Archive.open(file, engineById);
      const payload = await shop.engine.openPayload(archive, archive.manifest, { logger: silentLogger });
      const customers = archive.manifest.tables.find(({ table }) => table.name.name === 'customers');
      assert.ok(customers);
      const query = { columns: ['name', 'id'], after: 1, limit: 10 };
      assert.deepEqual(await textRows(payload.rows(customers, query)), [
        ['Ğüneş 名前', '2'],
        [null, '3'],
      ]);
      await payload.close();
      await archive.close();
      assert.equal(path.extname(file), '.dbbackup');
    });
  });
}

/** The same table with a constraint that one row of the backup breaks. */
function recreateNotes(engine: 'sqlite' | 'postgres'): string {
  if (engine === 'postgres') return `ALTER TABLE notes ADD CONSTRAINT n_positive CHECK (n > 0)`;
  return `
    CREATE TABLE notes2 (id integer primary key, n integer CONSTRAINT n_positive CHECK (n > 0));
    INSERT INTO notes2 SELECT * FROM notes; DROP TABLE notes; ALTER TABLE notes2 RENAME TO notes`;
}
