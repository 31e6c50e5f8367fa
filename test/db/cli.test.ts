import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { runCli, startCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: the command line`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    beforeEach(async () => {
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE orders (id integer primary key, note text);
        INSERT INTO orders VALUES (1, 'one'), (2, 'two'), (3, NULL)`);
    });
    afterEach(() => database.remove());

    it('backs up, inspects, verifies, rehearses and restores', async () => {
      const file = folder.file('a.dbbackup');
      const backup = await startCli(['backup', database.url, '--out', file]);
      assert.equal(backup.code, 0, backup.stderr);
      assert.match(backup.stdout, /^Backed up 1 table, 3 rows, .* in .*: .*a\.dbbackup\n/);
      const inspect = await startCli(['inspect', file]);
      assert.match(inspect.stdout, /orders +3 rows/);
      const named = await startCli(['salvage', file, '--out', folder.file('x.zip')]);
      assert.equal(named.code, 2);
      assert.match(named.stderr, /x\.zip: The name of a backup must end in \.dbbackup/);
      const verify = await startCli(['verify', file]);
      assert.match(verify.stdout, /^The backup is sound: 1 table, 3 rows/);
      await database.run('DELETE FROM orders WHERE id > 1');
      const rehearsal = await startCli(['restore', file, database.url, '--dry-run']);
      assert.equal(rehearsal.code, 0, rehearsal.stderr);
      assert.match(rehearsal.stdout, /rolled back, nothing was changed/);
      assert.deepEqual(await database.rows('SELECT count(*) FROM orders'), [['1']]);
      const restore = await startCli(['restore', file, database.url, '--yes']);
      assert.equal(restore.code, 0, restore.stderr);
      assert.match(restore.stdout, /orders +1 row before +3 rows after/);
      assert.match(restore.stdout, /The state before the restore is in .*\.dbbackup/);
      assert.deepEqual(await database.rows('SELECT * FROM orders ORDER BY id'), [
        ['1', 'one'],
        ['2', 'two'],
        ['3', null],
      ]);
    });

    it('says why a backup cannot be written under a name, whatever the reason', async () => {
      const { code, stderr } = await runCli([
        'backup',
        database.url,
        '--out',
        folder.file(`${'a'.repeat(300)}.dbbackup`),
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /The backup cannot be written: ENAMETOOLONG/);
    });

    it('takes --out for a folder or a file by its name, and makes no folder in the place of a file', async () => {
      const backUp = (out: string): ReturnType<typeof runCli> =>
        runCli(['backup', database.url, '--out', out], { cwd: folder.path });
      await mkdir(folder.file('v1.2'));
      await writeFile(folder.file('taken'), 'precious');
      const refused = ['x.zip', 'x.dbbackup.gz', 'new/shop.sql', 'taken', 'x.DBBACKUP'];
      for (const out of refused) {
        const { code, stderr } = await backUp(out);
        assert.equal(code, 2, stderr);
        assert.match(stderr, /The name of a backup must end in \.dbbackup\. Choose another name/);
      }
      assert.deepEqual((await readdir(folder.path)).sort(), ['taken', 'v1.2']);
      for (const out of ['v1.2', 'v1.3/', 'plain', '.hidden']) {
        const { code, stderr } = await backUp(out);
        assert.equal(code, 0, stderr);
        assert.equal((await readdir(folder.file(out))).length, 1, out);
      }
    });

    it('prints one JSON object with --json', async () => {
      const backup = await runCli(['backup', database.url, '--out', folder.path, '--json']);
      const report = JSON.parse(backup.stdout) as { file: string; rows: number };
      assert.equal(report.rows, 3);
      assert.equal(path.dirname(report.file), folder.path);
      const restore = await runCli([
        'restore',
        report.file,
        database.url,
        '--yes',
        '--json',
        '--mode',
        'merge',
      ]);
      const done = JSON.parse(restore.stdout) as { tables: { rowsAfter: number }[]; mode: string };
      assert.deepEqual([done.mode, done.tables[0]?.rowsAfter], ['merge', 3]);
      const wrong = await runCli(['verify', folder.file('none.dbbackup'), '--json']);
      assert.equal((JSON.parse(wrong.stdout) as { error: { code: string } }).error.code, 'file');
    });

    it('names what a backup does not hold also with --json, where people read it', async () => {
      const args = ['backup', database.url, '--out', folder.path, '--exclude-rows', 'orders'];
      const note = /not carried: rows (public\.)?orders \(they were excluded\)/;
      const text = await runCli(args);
      assert.match(text.stdout, note);
      assert.equal(text.stderr, '');
      const json = await runCli([...args, '--json']);
      assert.equal((JSON.parse(json.stdout) as { leftOut: object[] }).leftOut.length, 1);
      assert.match(json.stderr, new RegExp(`^warning: ${note.source}`));
    });

    it('takes the id of a connection in the settings of the workspace', async () => {
      await mkdir(folder.file('.vscode'));
      const url = new URL(database.url);
      const connection =
        id === 'sqlite'
          ? { id: 'shop', engine: id, file: database.url.slice('sqlite:'.length) }
          : {
              ...{
                id: 'shop',
                engine: id,
                host: url.hostname,
                port: Number(url.port),
                passwordEnv: 'SHOP_PASSWORD',
              },
              ...{ user: url.username, database: url.pathname.slice(1) },
            };
      const settings = `// a comment\n${JSON.stringify({ 'restorePoint.connections': [connection] })}`;
      await writeFile(folder.file('.vscode/settings.json'), settings);
      const env = { SHOP_PASSWORD: decodeURIComponent(url.password) };
      const backup = await runCli(['backup', 'shop', '--trust-settings'], { cwd: folder.path, env });
      assert.equal(backup.code, 0, backup.stderr);
      assert.equal((await readdir(folder.file('backups'))).length, 1);
      const unknown = await runCli(['backup', 'shp'], { cwd: folder.path });
      assert.equal(unknown.code, 2);
      assert.match(unknown.stderr, /"shp" is neither a URL nor a connection .* It has: shop\./);
    });

    it('refuses to write without a terminal or --yes', async () => {
      const file = folder.file('a.dbbackup');
      await runCli(['backup', database.url, '--out', file]);
      const restore = await runCli(['restore', file, database.url]);
      assert.equal(restore.code, 2);
      assert.match(restore.stderr, /no terminal.*Nothing was changed\. Add --yes/);
    });

    it('never overwrites a backup, and exits with 3 for what is none', async () => {
      const file = folder.file('a.dbbackup');
      await writeFile(file, 'precious');
      const backup = await runCli(['backup', database.url, '--out', file]);
      assert.equal(backup.code, 2);
      assert.equal(await readFile(file, 'utf8'), 'precious');
      const verify = await runCli(['verify', file]);
      assert.equal(verify.code, 3);
      assert.match(verify.stderr, /^restore-point: .*a\.dbbackup: Not a Restore Point backup/);
      const restore = await runCli(['restore', file, database.url, '--yes']);
      assert.equal(restore.code, 3);
    });

    it('says in one line what is wrong with its arguments, and exits with 2', async () => {
      const wrong: [string[], RegExp][] = [
        [[], /The command is missing/],
        [['bakcup'], /Unknown command "bakcup"/],
        [['backup'], /<connection> is missing/],
        [['restore', 'x'], /<connection> is missing/],
        [['verify', 'a', 'b'], /"b" is an extra argument/],
        [['backup', database.url, '--compression', 'rar'], /zstd, gzip, none, not "rar"/],
        [
          ['restore', 'a', database.url, '--mode', 'x'],
          /--mode must be one of replace, merge, insert-missing, not "x"/,
        ],
        [['backup', database.url, '--where', 'orders'], /--where "orders" does not have the form/],
        [['backup', database.url, '--frobnicate'], /frobnicate/],
        [['backup', database.url, '--tables', 'nope'], /no table named nope/],
        [['backup', 'mysql://root:s3cret@localhost/shop'], /: MySQL is not supported yet\. Use sqlite:/],
        [['backup', 'mariadb:shop'], /: MariaDB is not supported yet/],
        [['backup', 'jdbc:sqlserver://localhost;database=shop'], /: SQL Server is not supported yet/],
        [['backup', 's3cret://localhost/shop'], /: Unsupported database URL\. Use sqlite:/],
      ];
      for (const [args, message] of wrong) {
        const run = await runCli(args);
        assert.equal(run.code, 2, `${args.join(' ')}: ${run.stderr}`);
        assert.match(run.stderr, message);
        assert.equal(run.stderr.trim().split('\n').length, 1, run.stderr);
        assert.equal(run.stdout, '');
        assert.doesNotMatch(run.stderr, /s3cret/);
      }
    });

    it('never prints a password', async () => {
      const password = id === 'postgres' ? decodeURIComponent(new URL(database.url).password) : undefined;
      const url = database.url.replace(/\/[^/]*$/, '/no-such-database');
      const run = await runCli(['backup', url, '--verbose', '--json']);
      assert.equal(run.code, 1);
      assert.notEqual(run.stderr, '');
      if (password) assert.ok(!`${run.stdout}${run.stderr}`.includes(password), 'the password was printed');
    });
  });
}

describe('sqlite: a target that is not there', () => {
  const folder = useTemporaryFolder();

  it('is created by a restore, but not for a file that is no backup', async () => {
    const [sqlite] = testEngines;
    const database = await sqlite!.create();
    await database.run(`CREATE TABLE t (a); INSERT INTO t VALUES (1), ('x')`);
    const file = folder.file('a.dbbackup');
    await runCli(['backup', database.url, '--out', file]);
    await database.remove();
    const run = await runCli(['restore', file, `sqlite:${folder.file('new.db')}`, '--yes']);
    assert.equal(run.code, 0, run.stderr);
    await writeFile(folder.file('b.dbbackup'), 'x');
    await runCli(['restore', folder.file('b.dbbackup'), `sqlite:${folder.file('other.db')}`, '--yes']);
    assert.deepEqual((await readdir(folder.path)).sort(), ['a.dbbackup', 'b.dbbackup', 'new.db']);
  });
});
