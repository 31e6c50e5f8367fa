import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { Keys } from '../../../src/archive/encryption/keys.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { backUp, failure, restore } from '../../support/restores.ts';
import { linesOf, restoreChosen, writtenTexts } from '../../support/rowRestores.ts';
import { accident, contentOf, shop, useShopBackup } from '../../support/rowShop.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: restoring chosen rows`, () => {
    let database: TestDatabase;
    let file: string;
    const folder = useShopBackup(testEngine, (made) => ({ database, file } = made));

    const safetyFiles = async (): Promise<string[]> =>
      (await readdir(folder.file('safety')).catch(() => [])).map((name) => folder.file(`safety/${name}`));

    it('brings back what is gone, changes back what was changed, and deletes what was added where that is asked for', async () => {
      const before = await contentOf(database);
      await database.run(accident);
      const lines = await linesOf(file, database);
      const report = await restoreChosen(file, database, { lines, deleteAdded: true });
      assert.deepEqual(await contentOf(database), before);
      assert.deepEqual(writtenTexts(report).sort(), [
        'lines inserted order_id=3,number=1',
        'lines inserted order_id=3,number=2',
        'log inserted line=a,amount=1',
        'log inserted line=a,amount=1',
        'orders deleted id=9',
        'orders inserted id=3',
        'orders updated id=2',
      ]);
      const orders = report.tables.find(({ table }) => table.name === 'orders')!;
      assert.deepEqual([orders.inserted, orders.updated, orders.deleted], [1, 1, 1]);
      assert.deepEqual([report.conflicts, report.skipped, report.overwritten], [[], 0, 0]);
    });

    it('leaves rows alone that only the database has, and counts them', async () => {
      await database.run(accident);
      const report = await restoreChosen(file, database, { lines: await linesOf(file, database) });
      const orders = report.tables.find(({ table }) => table.name === 'orders')!;
      assert.deepEqual([orders.inserted, orders.updated, orders.deleted, orders.leftAlone], [1, 1, 0, 1]);
      assert.deepEqual(await database.rows('SELECT id, status FROM orders WHERE id = 9'), [['9', 'new']]);
    });

    it('writes only the rows of the lines', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database, ({ kind }) => kind === 'changed');
      const report = await restoreChosen(file, database, { lines });
      assert.deepEqual(writtenTexts(report), ['orders updated id=2']);
      assert.deepEqual(await database.rows('SELECT count(*) FROM lines'), [['2']]);
    });

    it('restores the rows that fulfill a condition', async () => {
      await database.run(accident);
      const report = await restoreChosen(file, database, {
        where: [
          ['orders', `id IN (1, 3) OR status = 'new'`],
          ['lines', 'number = 2'],
        ],
        deleteAdded: true,
      });
      assert.deepEqual(writtenTexts(report).sort(), [
        'lines inserted order_id=3,number=2',
        'orders deleted id=9',
        'orders inserted id=3',
      ]);
      assert.deepEqual(await database.rows('SELECT status FROM orders WHERE id = 2'), [['lost']]);
      const none = await restoreChosen(file, database, { where: [['orders', 'id = 1']] });
      assert.deepEqual(writtenTexts(none), []);
    });

    it('refuses a condition that is none, and a table that is not there', async () => {
      const bad = await failure(restoreChosen(file, database, { where: [['orders', 'no such thing']] }));
      assert.deepEqual([bad.code, bad.details.unchanged], ['usage', 'Nothing was changed.']);
      const missing = await failure(restoreChosen(file, database, { where: [['nothing', 'id = 1']] }));
      assert.equal(missing.code, 'usage');
      assert.match(missing.message, /The backup has no table named nothing/);
      await database.run('DROP TABLE log');
      const gone = await failure(restoreChosen(file, database, { where: [['log', 'amount = 1']] }));
      assert.match(gone.message, /The database has no table named (public\.)?log/);
      const twice = await failure(
        restoreChosen(file, database, {
          where: [
            ['orders', 'id = 1'],
            ['orders', 'id = 2'],
          ],
        }),
      );
      assert.match(twice.message, /two conditions for (public\.)?orders/);
    });

    it('takes exactly these rows back with the safety backup, and takes that back too', async () => {
      await database.run(accident);
      const after = await contentOf(database);
      const lines = await linesOf(file, database);
      const options = { safetyFolder: folder.file('safety') };
      const report = await restoreChosen(file, database, { ...options, lines, deleteAdded: true });
      assert.deepEqual(await safetyFiles(), [report.safetyBackup]);
      const restored = await contentOf(database);
      const undone = await restoreChosen(report.safetyBackup!, database, options);
      assert.deepEqual(await contentOf(database), after);
      assert.equal(undone.undo, true);
      await restoreChosen(undone.safetyBackup!, database, options);
      assert.deepEqual(await contentOf(database), restored);
    });

    it('writes a safety backup that says what it is, and that is verified like others', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database, ({ table }) => table.name === 'orders');
      const safetyFolder = folder.file('safety');
      const { safetyBackup } = await restoreChosen(file, database, {
        lines,
        safetyFolder,
        deleteAdded: true,
      });
      const archive = await Archive.open(safetyBackup!, engineById);
      try {
        const { purpose, complete, tables, objects, writtenRows } = archive.manifest;
        assert.deepEqual([purpose, complete, tables, objects], ['safety', false, [], []]);
        const [orders, ...others] = writtenRows!.tables;
        assert.deepEqual(others, []);
        const { name, ...rest } = orders!;
        assert.equal(name.name, 'orders');
        assert.deepEqual(rest, {
          columns: ['id', 'customer_id', 'status', 'code'],
          key: ['id'],
          inserted: 1,
          updated: 1,
          deleted: 1,
        });
        const bytes: Uint8Array[] = [];
        for await (const piece of archive.read(archive.manifest.payloads[0]!)) bytes.push(piece);
        const held = Buffer.concat(bytes).toString().trim().split('\n').sort();
        const schema = name.schema === undefined ? {} : { schema: name.schema };
        const row = (id: number, customer_id: number, status: string, code: string): object => ({
          ...{ id, customer_id, status, code },
        });
        assert.deepEqual(
          held.map((line) => JSON.parse(line) as unknown),
          [
            {
              kind: 'changed',
              key: { id: 2 },
              first: row(2, 1, 'lost', 'b'),
              second: row(2, 1, 'paid', 'b'),
            },
            { kind: 'onlyInFirst', key: { id: 9 }, first: row(9, 1, 'new', 'z') },
            { kind: 'onlyInSecond', key: { id: 3 }, second: row(3, 2, 'paid', 'c') },
          ].map((line) => ({ ...schema, table: 'orders', ...line })),
        );
      } finally {
        await archive.close();
      }
      const verified = await verifyBackup(safetyBackup!, engineById, { logger: silentLogger });
      assert.deepEqual([verified.rows, verified.unproven], [3, []]);
    });

    it('is not restored as if it were a backup of tables', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database);
      const { safetyBackup } = await restoreChosen(file, database, {
        lines,
        safetyFolder: folder.file('safety'),
      });
      const before = await database.dump();
      const error = await failure(restore(safetyBackup!, database));
      assert.equal(error.code, 'usage');
      assert.match(
        error.message,
        /Nothing was restored: .* holds no tables, only the rows that a restore wrote/,
      );
      assert.equal(await database.dump(), before);
    });

    it('encrypts the safety backup like the backup', async () => {
      const identity = await generateX25519Identity();
      const keys = new Keys({ identities: [identity] });
      const sealed = folder.file('sealed.dbbackup.age');
      const lock = { recipients: [await identityToRecipient(identity)] };
      await backUp(database, sealed, undefined, { lock });
      await database.run(accident);
      const after = await database.dump();
      const lines = await linesOf(file, database);
      const options = { keys, safetyFolder: folder.file('safety') };
      const report = await restoreChosen(sealed, database, { ...options, lines });
      assert.match(report.safetyBackup!, /\.dbbackup\.age$/);
      await restoreChosen(report.safetyBackup!, database, options);
      assert.equal(await database.dump(), after);
    });

    it('leaves no file where nothing had to be written', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database, ({ table }) => table.name !== 'log');
      await restoreChosen(file, database, { lines, deleteAdded: true });
      const safetyFolder = folder.file('safety');
      const report = await restoreChosen(file, database, { lines, deleteAdded: true, safetyFolder });
      assert.deepEqual([writtenTexts(report), report.safetyBackup], [[], undefined]);
      assert.ok(report.tables.every(({ unchanged }) => unchanged > 0));
      assert.deepEqual(await safetyFiles(), []);
    });

    it('does in a rehearsal what the restore then does, and changes nothing', async () => {
      await database.run(accident);
      const after = await database.dump();
      const lines = await linesOf(file, database);
      const options = { lines, deleteAdded: true, safetyFolder: folder.file('safety') };
      const rehearsed = await restoreChosen(file, database, { ...options, dryRun: true });
      assert.equal(await database.dump(), after);
      assert.deepEqual(await safetyFiles(), []);
      let asked: unknown;
      const confirm = (plan: typeof rehearsed): Promise<boolean> => {
        asked = { ...plan, milliseconds: 0 };
        return Promise.resolve(false);
      };
      const refused = await failure(restoreChosen(file, database, { ...options, confirm }));
      assert.deepEqual([refused.code, refused.details.unchanged], ['cancelled', 'Nothing was changed.']);
      assert.equal(await database.dump(), after);
      assert.deepEqual(asked, { ...rehearsed, milliseconds: 0 });
      const report = await restoreChosen(file, database, options);
      assert.deepEqual(report.tables, rehearsed.tables);
    });

    it('runs no trigger, and counters go on behind the values', async () => {
      const sqlite = testEngine.id === 'sqlite';
      await database.run(
        sqlite
          ? `CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, v text); CREATE TABLE told (v text);
             INSERT INTO t (v) VALUES ('a'), ('b'), ('c');
             CREATE TRIGGER tell AFTER INSERT ON t BEGIN INSERT INTO told VALUES (new.v); END`
          : `CREATE TABLE t (id serial PRIMARY KEY, v text); CREATE TABLE told (v text);
             INSERT INTO t (v) VALUES ('a'), ('b'), ('c');
             CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN INSERT INTO told VALUES (new.v); RETURN new; END';
             CREATE TRIGGER tell AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tell()`,
      );
      const whole = folder.file('whole.dbbackup');
      await backUp(database, whole);
      await database.run('DELETE FROM t WHERE id = 3');
      await restoreChosen(whole, database, { lines: await linesOf(whole, database) });
      assert.deepEqual(await database.rows('SELECT count(*) FROM told'), [['0']]);
      await database.run(`INSERT INTO t (v) VALUES ('d')`);
      assert.deepEqual(await database.rows(`SELECT id FROM t WHERE v = 'd'`), [['4']]);
    });

    describe('columns that only one side has', () => {
      it('are not written, or get their default, and a safety backup brings their values back', async () => {
        await database.run(accident);
        await database.run(`
          ALTER TABLE orders ADD COLUMN note varchar(20) DEFAULT 'none';
          UPDATE orders SET note = 'mine' WHERE id IN (2, 9);
          ALTER TABLE lines DROP COLUMN article`);
        const after = await database.dump();
        const lines = await linesOf(file, database);
        const options = { safetyFolder: folder.file('safety') };
        const report = await restoreChosen(file, database, { ...options, lines, deleteAdded: true });
        assert.match(report.notes.join('\n'), /orders: the backup does not have note: .* get the default/);
        assert.match(report.notes.join('\n'), /lines: the database does not have article: not written/);
        assert.deepEqual(await database.rows('SELECT id, note FROM orders ORDER BY id'), [
          ['1', 'none'],
          ['2', 'mine'],
          ['3', 'none'],
          ['4', 'none'],
        ]);
        await restoreChosen(report.safetyBackup!, database, options);
        assert.equal(await database.dump(), after);
      });

      it('leaves generated columns to the database', async () => {
        await database.run(`CREATE TABLE g (id integer PRIMARY KEY, a integer, twice integer GENERATED ALWAYS AS (a * 2) STORED);
          INSERT INTO g (id, a) VALUES (1, 1), (2, 2)`);
        const whole = folder.file('whole.dbbackup');
        await backUp(database, whole);
        const before = await database.dump();
        await database.run('DELETE FROM g WHERE id = 1; UPDATE g SET a = 9 WHERE id = 2');
        await restoreChosen(whole, database, { lines: await linesOf(whole, database) });
        assert.equal(await database.dump(), before);
      });
    });

    it('says when the backup was taken from another database', async () => {
      await database.run(accident);
      const other = await testEngine.create();
      try {
        await other.run(shop);
        await other.run('DELETE FROM log');
        const report = await restoreChosen(file, other, { lines: await linesOf(file, other) });
        assert.ok(report.otherSource !== undefined);
      } finally {
        await other.remove();
      }
    });
  });
}
