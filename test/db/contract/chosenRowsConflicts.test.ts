import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { backUp, failure } from '../../support/restores.ts';
import {
  conflictTexts,
  keyText,
  linesOf,
  relatedOf,
  restoreChosen,
  writtenTexts,
} from '../../support/rowRestores.ts';
import { accident, contentOf, useShopBackup } from '../../support/rowShop.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: chosen rows that cannot be as they were`, () => {
    let database: TestDatabase;
    let file: string;
    const folder = useShopBackup(testEngine, (made) => ({ database, file } = made));

    const safetyFiles = async (): Promise<string[]> =>
      (await readdir(folder.file('safety')).catch(() => [])).map((name) => folder.file(`safety/${name}`));

    describe('what changed since the comparison', () => {
      let lines: string[];

      beforeEach(async () => {
        await database.run(accident);
        lines = await linesOf(file, database, ({ table }) => table.name === 'orders');
        // Changed since, there again and gone since.
        await database.run(`
          UPDATE orders SET status = 'now' WHERE id = 2;
          INSERT INTO orders VALUES (3, 3, 'again', 'c');
          UPDATE orders SET status = 'then' WHERE id = 9`);
      });

      const found = [
        'orders changed id=2 status',
        'orders changed id=9 status',
        'orders there id=3 customer_id,status',
      ];

      it('stops it by default, names every row, and changes nothing', async () => {
        const before = await database.dump();
        const safetyFolder = folder.file('safety');
        const error = await failure(
          restoreChosen(file, database, { lines, deleteAdded: true, safetyFolder }),
        );
        assert.deepEqual([error.code, error.details.unchanged], ['refused', 'Nothing was changed.']);
        assert.deepEqual(conflictTexts(error.details.conflicts!).sort(), found);
        assert.match(error.message, /^3 rows changed in the database since the comparison$/);
        assert.match(error.details.next!, /--on-conflict skip.*--on-conflict overwrite/);
        const changed = error.details.conflicts!.find(({ key }) => keyText(key) === 'id=2')!;
        assert.deepEqual(
          [changed.wanted, changed.seen, changed.now].map((row) => row?.['status']),
          ['paid', 'lost', 'now'],
        );
        assert.equal(await database.dump(), before);
        assert.deepEqual(await safetyFiles(), []);
      });

      it('skips these rows, and writes the others', async () => {
        await database.run('DELETE FROM orders WHERE id = 9');
        const report = await restoreChosen(file, database, { lines, deleteAdded: true, onConflict: 'skip' });
        assert.deepEqual(writtenTexts(report), []);
        assert.equal(report.skipped, 2);
        const more = await linesOf(file, database, ({ table }) => table.name === 'lines');
        const both = [...lines, ...more];
        const second = await restoreChosen(file, database, { lines: both, onConflict: 'skip' });
        assert.deepEqual(writtenTexts(second).sort(), [
          'lines inserted order_id=3,number=1',
          'lines inserted order_id=3,number=2',
        ]);
        assert.deepEqual(conflictTexts(second.conflicts).sort(), [
          'orders changed id=2 status skipped',
          'orders there id=3 customer_id,status skipped',
        ]);
        assert.deepEqual(await database.rows('SELECT status FROM orders ORDER BY id'), [
          ['open'],
          ['now'],
          ['again'],
          ['open'],
        ]);
      });

      it('overwrites them where that is asked for, and the safety backup brings back what was overwritten', async () => {
        const before = await database.dump();
        const options = { safetyFolder: folder.file('safety') };
        const report = await restoreChosen(file, database, {
          ...options,
          lines,
          deleteAdded: true,
          onConflict: 'overwrite',
        });
        assert.deepEqual(
          conflictTexts(report.conflicts).sort(),
          found.map((text) => `${text} overwritten`),
        );
        assert.deepEqual([report.skipped, report.overwritten], [0, 3]);
        assert.deepEqual(await database.rows('SELECT id, status FROM orders ORDER BY id'), [
          ['1', 'open'],
          ['2', 'paid'],
          ['3', 'paid'],
          ['4', 'open'],
        ]);
        await restoreChosen(report.safetyBackup!, database, options);
        assert.equal(await database.dump(), before);
      });

      it('brings a row back that is gone since, only to overwrite', async () => {
        const changed = lines.filter((line) => line.includes('"changed"'));
        await database.run('DELETE FROM orders WHERE id = 2');
        const error = await failure(restoreChosen(file, database, { lines: changed }));
        assert.deepEqual(conflictTexts(error.details.conflicts!), ['orders gone id=2']);
        const skipped = await restoreChosen(file, database, { lines: changed, onConflict: 'skip' });
        assert.deepEqual(writtenTexts(skipped), []);
        const report = await restoreChosen(file, database, { lines: changed, onConflict: 'overwrite' });
        assert.deepEqual(writtenTexts(report), ['orders inserted id=2']);
      });
    });

    describe('what the database refuses', () => {
      it('is a conflict of a constraint: another row has the unique value', async () => {
        await database.run('DELETE FROM lines WHERE order_id = 3; DELETE FROM orders WHERE id = 3');
        const lines = await linesOf(file, database);
        await database.run(`INSERT INTO orders VALUES (7, 1, 'new', 'c')`);
        const before = await database.dump();
        for (const onConflict of ['stop', 'overwrite'] as const) {
          const error = await failure(restoreChosen(file, database, { lines, onConflict }));
          assert.equal(error.code, 'refused');
          const texts = conflictTexts(error.details.conflicts!);
          assert.ok(texts.includes('orders constraint id=3'), texts.join('; '));
          assert.equal(await database.dump(), before);
        }
        const skipped = await restoreChosen(file, database, { lines, onConflict: 'skip' });
        assert.deepEqual(writtenTexts(skipped), []);
        assert.equal(skipped.skipped, 3);
        assert.equal(await database.dump(), before);
      });

      it('is a conflict of a foreign key: a parent is missing, and is brought where that is asked for', async () => {
        const all = await contentOf(database);
        await database.run('DELETE FROM lines; DELETE FROM orders; DELETE FROM customers WHERE id = 2');
        const lines = await linesOf(
          file,
          database,
          ({ table, key }) => table.name === 'lines' && JSON.stringify([...key!.values()]).includes('"3"'),
        );
        assert.equal(lines.length, 2);
        const error = await failure(restoreChosen(file, database, { lines }));
        assert.deepEqual(conflictTexts(error.details.conflicts!), [
          'lines foreign-key order_id=3,number=1 needs orders id=3',
          'lines foreign-key order_id=3,number=2 needs orders id=3',
        ]);
        assert.match(error.details.next!, /add --with-related/);
        const before = await database.dump();
        assert.deepEqual(await relatedOf(file, database, lines), { parents: 2, children: 0 });
        assert.equal(await database.dump(), before);
        const report = await restoreChosen(file, database, { lines, withRelated: true });
        assert.deepEqual(writtenTexts(report).sort(), [
          'customers inserted id=2',
          'lines inserted order_id=3,number=1',
          'lines inserted order_id=3,number=2',
          'orders inserted id=3',
        ]);
        assert.deepEqual(
          report.related
            .map(
              ({ table, key, reason }) =>
                `${table.name} ${keyText(key)} ${reason.relation} ${reason.table.name}`,
            )
            .sort(),
          ['customers id=2 referenced by orders', 'orders id=3 referenced by lines'],
        );
        const rest = await linesOf(file, database);
        await restoreChosen(file, database, { lines: rest });
        assert.deepEqual(await contentOf(database), all);
      });

      it('deletes no row that others reference', async () => {
        await database.run(`INSERT INTO customers VALUES (8, 'Eve')`);
        const lines = await linesOf(file, database);
        await database.run(`INSERT INTO orders VALUES (8, 8, 'new', NULL)`);
        const before = await database.dump();
        const error = await failure(restoreChosen(file, database, { lines, deleteAdded: true }));
        assert.deepEqual(conflictTexts(error.details.conflicts!), ['customers foreign-key id=8']);
        assert.equal(await database.dump(), before);
      });
    });

    it('brings with a row its children that are gone too, and their parents, for lines and conditions', async () => {
      const all = await database.dump();
      await database.run(`
        DELETE FROM lines WHERE order_id = 3; DELETE FROM orders WHERE id = 3; DELETE FROM customers WHERE id = 2`);
      const gone = await database.dump();
      const expected = [
        'customers inserted id=2',
        'lines inserted order_id=3,number=1',
        'lines inserted order_id=3,number=2',
        'orders inserted id=3',
      ];
      for (const table of ['customers', 'orders']) {
        const lines = await linesOf(file, database, (line) => line.table.name === table);
        const along = table === 'customers' ? { parents: 0, children: 3 } : { parents: 1, children: 2 };
        assert.deepEqual(await relatedOf(file, database, lines), along);
        const options = { withRelated: true, safetyFolder: folder.file('safety') };
        for (const chosen of [{ lines }, { where: [[table, 'id IN (2, 3)'] as const] }]) {
          const report = await restoreChosen(file, database, { ...options, ...chosen });
          assert.deepEqual(writtenTexts(report).sort(), expected);
          assert.equal(report.related.length, 3);
          assert.equal(await database.dump(), all);
          await restoreChosen(report.safetyBackup!, database);
          assert.equal(await database.dump(), gone);
        }
      }
    });

    it('follows rows that reference rows of their own table, however long the chain is', async () => {
      const rows = Array.from({ length: 500 }, (_, id) => `(${id}, ${id === 0 ? 'NULL' : id - 1})`);
      await database.run(`CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree (id));
        INSERT INTO tree VALUES ${rows.join(', ')}`);
      const whole = folder.file('whole.dbbackup');
      await backUp(database, whole);
      const before = await database.dump();
      await database.run('DELETE FROM tree');
      const report = await restoreChosen(whole, database, {
        where: [['tree', 'id = 250']],
        withRelated: true,
      });
      assert.equal(report.tables[0]!.inserted, 500);
      assert.equal(await database.dump(), before);
    });
  });
}
