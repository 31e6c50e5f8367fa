import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { agedBackup } from '../support/agedBackups.ts';
import { runCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

interface Listed {
  readonly backups: readonly {
    readonly file: string;
    readonly time: string;
    readonly bytes: number;
    readonly pinned: boolean;
    readonly engine?: string;
    readonly complete?: boolean;
    readonly rows?: number;
    readonly name?: string;
    readonly encryption?: string;
    readonly problem?: string;
    readonly madeHere?: boolean;
    readonly lastProof?: { readonly proved: boolean; readonly time: string };
    readonly tables?: readonly { readonly name: string; readonly rows: number }[];
  }[];
}

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: restore-point list and pin`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let backups: string;
    let env: Record<string, string>;

    const run = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCli(words, { cwd: folder.path, env });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const listed = async (...words: string[]): Promise<Listed['backups']> =>
      (JSON.parse(await run('list', ...words, '--json')) as Listed).backups;

    beforeEach(async () => {
      backups = folder.file('backups');
      env = { XDG_STATE_HOME: folder.file('state') };
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE orders (id integer PRIMARY KEY);
        CREATE TABLE customers (id integer PRIMARY KEY);
        INSERT INTO orders VALUES (1), (2), (3);
        INSERT INTO customers VALUES (1)`);
    });
    afterEach(() => database.remove());

    it('shows what the backups of a folder hold, newest first, grouped by database', async () => {
      await run('backup', database.url, '--out', 'backups/whole.dbbackup', '--name', 'before migration 42');
      await run('backup', database.url, '--out', 'backups/orders.dbbackup', '--tables', 'orders');
      const other = await testEngine.create();
      try {
        await run('backup', other.url, '--out', 'backups/other.dbbackup', '--schema-only');
      } finally {
        await other.remove();
      }
      await agedBackup(
        path.join(backups, 'whole.dbbackup'),
        path.join(backups, 'old.dbbackup'),
        '2020-02-29T12:00:00Z',
      );
      await writeFile(path.join(backups, 'broken.dbbackup'), 'no backup');
      await writeFile(path.join(backups, 'notes.txt'), 'no backup either');
      const found = await listed();
      assert.deepEqual(
        found.filter(({ problem }) => problem === undefined).map(({ file }) => path.basename(file)),
        ['other.dbbackup', 'orders.dbbackup', 'whole.dbbackup', 'old.dbbackup'],
      );
      const whole = found.find(({ file }) => file.endsWith('whole.dbbackup'))!;
      assert.equal(whole.name, 'before migration 42');
      assert.equal(whole.engine, testEngine.id);
      assert.deepEqual([whole.complete, whole.rows, whole.pinned, whole.madeHere], [true, 4, false, true]);
      assert.deepEqual(whole.tables?.map(({ name, rows }) => `${name} ${rows}`).sort(), [
        'customers 1',
        'orders 3',
      ]);
      assert.equal(found.find(({ file }) => file.endsWith('old.dbbackup'))!.madeHere, false);
      assert.match(
        found.find(({ file }) => file.endsWith('broken.dbbackup'))!.problem!,
        /Not a Restore Point backup/,
      );
      const text = await run('list');
      assert.match(text, /part: (public\.)?orders +3 rows .*backups\/orders\.dbbackup\n/);
      assert.match(text, /whole +4 rows .*backups\/whole\.dbbackup +"before migration 42"\n/);
      assert.match(text, /2020-02-29 \d\d:00 +whole +4 rows/);
      assert.match(
        text,
        /Encrypted or damaged\n.*broken\.dbbackup +Not a Restore Point backup, or the file is damaged/,
      );
      assert.match(text, /schema only +0 rows .*other\.dbbackup\n/);
      assert.match(text, /\n5 backups, [\d.]+ KB\n$/);
      assert.doesNotMatch(text, /notes/);
    });

    it('says of encrypted backups what can be said, and everything with the passphrase', async () => {
      const secret = { ...env, RESTORE_POINT_PASSPHRASE: 'correct horse battery staple' };
      const words = ['backup', database.url, '--out', 'backups/secret.dbbackup.age', '--encrypt'];
      assert.equal((await runCli(words, { cwd: folder.path, env: secret })).code, 0);
      const [locked] = await listed('backups');
      assert.deepEqual(
        [locked?.encryption, locked?.rows, locked?.problem],
        ['passphrase', undefined, undefined],
      );
      assert.match(await run('list'), /Encrypted or damaged\n.*secret\.dbbackup\.age +encrypted\n/);
      const opened = await runCli(['list', '--json'], { cwd: folder.path, env: secret });
      const [backup] = (JSON.parse(opened.stdout) as Listed).backups;
      assert.deepEqual([backup?.encryption, backup?.rows, backup?.madeHere], ['passphrase', 4, true]);
      const wrong = { ...env, RESTORE_POINT_PASSPHRASE: 'another one' };
      const refused = await runCli(['list', '--json'], { cwd: folder.path, env: wrong });
      const [still] = (JSON.parse(refused.stdout) as Listed).backups;
      assert.deepEqual(
        [still?.encryption, still?.rows, still?.problem],
        ['passphrase', undefined, undefined],
      );
    });

    it('pins and unpins a backup with a file beside it', async () => {
      await run('backup', database.url, '--out', 'backups/a.dbbackup');
      assert.match(await run('pin', 'backups/a.dbbackup'), /^Pinned/);
      assert.match(await run('pin', 'backups/a.dbbackup'), /^Pinned/);
      assert.deepEqual((await readdir(backups)).sort(), ['a.dbbackup', 'a.dbbackup.pinned']);
      assert.equal((await listed())[0]?.pinned, true);
      assert.match(await run('list'), /a\.dbbackup +pinned\n/);
      assert.match(await run('unpin', 'backups/a.dbbackup'), /^Unpinned/);
      assert.deepEqual(await readdir(backups), ['a.dbbackup']);
      assert.equal((await listed())[0]?.pinned, false);
      const gone = await runCli(['pin', 'backups/b.dbbackup'], { cwd: folder.path, env });
      assert.equal(gone.code, 1);
      assert.match(gone.stderr, /The backup cannot be pinned: there is no such file or folder/);
      assert.equal((await runCli(['pin', 'backups/notes.txt'], { cwd: folder.path, env })).code, 2);
      assert.deepEqual(await readdir(backups), ['a.dbbackup']);
    });

    it('says when a backup was proved', async () => {
      await run('backup', database.url, '--out', 'backups/a.dbbackup');
      await run('prove', 'backups/a.dbbackup', ...(testEngine.id === 'postgres' ? [database.url] : []));
      assert.match(await run('list'), /a\.dbbackup +proved \d{4}-\d\d-\d\d \d\d:\d\d\n/);
      const [backup] = await listed();
      assert.equal(backup?.lastProof?.proved, true);
    });

    it('says what a backup does not hold', async () => {
      await run('backup', database.url, '--out', 'backups/a.dbbackup', '--exclude-rows', 'customers');
      assert.match(await run('list'), /all but the rows of (public\.)?customers +3 rows/);
    });

    it('a folder that was named must exist', async () => {
      await run('backup', database.url, '--out', 'backups/a.dbbackup');
      for (const words of [['bakcups'], ['backups', 'nowhere'], ['nowhere/deeper', '--json']]) {
        const { code, stdout, stderr } = await runCli(['list', ...words], { cwd: folder.path, env });
        assert.deepEqual([code, stdout.includes('a.dbbackup')], [1, false], stdout);
        assert.match(stdout + stderr, /The folder cannot be read: there is no such file or folder/);
      }
      const file = await runCli(['list', 'backups/a.dbbackup'], { cwd: folder.path, env });
      assert.equal(file.code, 2);
      assert.match(file.stderr, /This is a file, not a folder/);
    });

    it('an empty folder, the usual one that is missing, and several', async () => {
      assert.equal(await run('list'), 'There are no backups in backups.\n');
      await mkdir(folder.file('empty'));
      assert.deepEqual(await listed('empty'), []);
      await mkdir(folder.file('more'));
      await run('backup', database.url, '--out', 'backups/a.dbbackup');
      await run('backup', database.url, '--out', 'more/b.dbbackup');
      const names = (await listed('backups', 'more')).map(({ file }) => path.relative(folder.path, file));
      assert.deepEqual(names, [path.join('more', 'b.dbbackup'), path.join('backups', 'a.dbbackup')]);
      await rm(backups, { recursive: true });
      await writeFile(backups, 'a file');
      const { code, stderr } = await runCli(['list'], { cwd: folder.path, env });
      assert.equal(code, 1);
      assert.match(stderr, /The folder cannot be read: a part of the path is not a folder/);
    });
  });
}
