import assert from 'node:assert/strict';
import { runCli } from '../../support/cli.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopRows, shopSchema } from '../shop.ts';

for (const engine of testEngines) {
  describe(`rows that are excluded, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let empty: TestDatabase;

    beforeEach(async () => {
      [database, empty] = [await engine.create(), await engine.create()];
      await database.run(`${shopSchema(engine.id)} ${shopRows} CREATE VIEW last_log AS SELECT * FROM log`);
    });
    afterEach(async () => {
      await database.remove();
      await empty.remove();
    });

    async function run(args: string[], code = 0): Promise<string> {
      const { stdout, stderr, code: found } = await runCli(args);
      assert.equal(found, code, stderr);
      return stdout + stderr;
    }

    async function backUp(...patterns: string[]): Promise<string> {
      const file = folder.file('part.dbbackup');
      const said = await run([
        'backup',
        database.url,
        '--out',
        file,
        ...patterns.flatMap((one) => ['--exclude-rows', one]),
      ]);
      assert.match(said, /not carried: rows /);
      return file;
    }

    const restore = (file: string, target: TestDatabase, ...more: string[]): Promise<string> =>
      run(['restore', file, target.url, '--yes', ...more]);

    /** Without the order in which objects were made, and without this table's rows. */
    const dumpOf = async (target: TestDatabase, without?: RegExp): Promise<string[]> =>
      (await target.dump())
        .split('\n')
        .filter((line) => !without?.test(line))
        .sort();

    const logRows = /^(?:log \d+ text|(?:public\.)?log: )/;

    it('come as an empty table into an empty database, with all else', async () => {
      const file = await backUp('lo*');
      assert.match(await run(['inspect', file]), /log +0 rows +rows excluded/);
      await run(['verify', file]);
      await restore(file, empty);
      assert.deepEqual(await empty.rows('SELECT count(*) FROM log'), [['0']]);
      assert.deepEqual(await dumpOf(empty, logRows), await dumpOf(database, logRows));
    });

    for (const mode of ['replace', 'merge', 'insert-missing'] as const) {
      it(`stay as they are where they are, ${mode}`, async () => {
        const file = await backUp('log');
        const before = await dumpOf(database);
        await database.run(`DELETE FROM notes WHERE id = 2; INSERT INTO log (what) VALUES ('later')`);
        const tables = ['--tables', 'customers,orders,lines,notes,lo*'];
        const said = await restore(file, database, '--mode', mode, ...(mode === 'replace' ? [] : tables));
        assert.match(
          said,
          /log: the backup contains none of its rows, because they were excluded; its rows in the database stay/,
        );
        assert.deepEqual(await database.rows(`SELECT count(*) FROM log WHERE what = 'later'`), [['1']]);
        assert.deepEqual(await database.rows('SELECT count(*) FROM log'), [['4']]);
        assert.deepEqual(
          await dumpOf(database, logRows),
          before.filter((line) => !logRows.test(line)),
        );
      });
    }

    it('are told where others point at them', async () => {
      const file = folder.file('part.dbbackup');
      const said = await run(['backup', database.url, '--out', file, '--exclude-rows', 'customers']);
      assert.match(
        said,
        /Rows of (?:public\.)?orders \(customer_id\) reference rows of (?:public\.)?customers, which were excluded/,
      );
      const into = await restore(file, empty);
      assert.match(
        into,
        engine.id === 'sqlite'
          ? /Rows of orders reference rows of customers/
          : /not restored: foreign key .*: the rows of the table public\.customers were excluded/,
      );
      assert.deepEqual(await empty.rows('SELECT count(*) FROM orders'), [['3']]);
      assert.deepEqual(await empty.rows('SELECT count(*) FROM customers'), [['0']]);
      const before = await dumpOf(database);
      await database.run('UPDATE orders SET total = 1');
      await restore(file, database);
      assert.deepEqual(await dumpOf(database), before);
      // A customer is gone, and the order that comes back points at nothing.
      await database.run('DELETE FROM lines; DELETE FROM orders; DELETE FROM customers WHERE id = 1');
      const after = await dumpOf(database);
      await run(['restore', file, database.url, '--yes'], 1);
      assert.deepEqual(await dumpOf(database), after);
    });

    it('cannot be asked for', async () => {
      const file = await backUp('log');
      const before = await dumpOf(database);
      assert.match(
        await run(['restore', file, database.url, '--yes', '-y', '--tables', 'log'], 1),
        /they were excluded/,
      );
      assert.match(await run(['export', file, '-t', 'log', '--format', 'csv'], 1), /they were excluded/);
      assert.deepEqual(await dumpOf(database), before);
      const out = ['backup', database.url, '--out', folder.file('not.dbbackup'), '--exclude-rows'];
      assert.match(await run([...out, 'none'], 2), /no table named none/);
      assert.match(await run([...out, 'log', '--where', "log: what = 'x'"], 2), /cannot be excluded/);
      assert.match(await run([...out, 'log', '--data-only'], 2), /only the rows/);
      assert.match(await run([...out, 'log', '--schema-only'], 2), /only the schema/);
      assert.match(await run([...out, 'log', '--with-related', '--tables', 'log'], 2), /related rows/);
    });

    it('of a part, and of the schema alone', async () => {
      const file = folder.file('some.dbbackup');
      await run(['backup', database.url, '--out', file, '--tables', 'log,notes', '--exclude-rows', 'log']);
      await restore(file, empty);
      assert.deepEqual(await empty.rows('SELECT count(*) FROM log'), [['0']]);
      assert.deepEqual(await empty.rows('SELECT count(*) FROM notes'), [['2']]);
      const whole = await backUp('lo*');
      const other = await engine.create();
      try {
        await restore(whole, other, '--schema-only');
        assert.deepEqual(await other.rows('SELECT count(*) FROM last_log'), [['0']]);
        await restore(whole, other, '--data-only');
        assert.deepEqual(await other.rows('SELECT count(*) FROM notes'), [['2']]);
      } finally {
        await other.remove();
      }
    });
  });
}
