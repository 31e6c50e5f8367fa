import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { commandLine } from '../../src/cli/commandLine.ts';
import { parseRowLine } from '../../src/core/rowLines.ts';
import { type CliRun, runCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

for (const testEngine of testEngines) {
  const { id } = testEngine;
  const prefix = id === 'postgres' ? 'public\\.' : '';
  describe(`${id}: comparing on the command line`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    beforeEach(async () => {
      file = folder.file('shop.dbbackup');
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE orders (id integer PRIMARY KEY, status varchar(20), big bigint);
        CREATE TABLE customers (id integer PRIMARY KEY);
        CREATE TABLE log (line varchar(20));
        INSERT INTO orders VALUES (1, 'open', 9007199254740993), (2, 'paid', NULL), (3, 'it''s', 1);
        INSERT INTO customers VALUES (1), (2);
        INSERT INTO log VALUES ('a'), ('a')`);
      const { code, stderr } = await runCli(['backup', database.url, '--out', file]);
      assert.equal(code, 0, stderr);
    });
    afterEach(() => database.remove());

    const compare = (...words: string[]): Promise<CliRun> => runCli(['compare', ...words]);
    const change = (): Promise<void> =>
      database.run(`DELETE FROM orders WHERE id = 1; UPDATE orders SET status = 'lost' WHERE id = 3;
        INSERT INTO orders VALUES (4, 'new', 4); INSERT INTO log VALUES ('a')`);

    it('says that two sides are equal, with exit code 0', async () => {
      const { code, stdout, stderr } = await compare(file, database.url);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout, 'The two sides are equal.\n3 tables are equal (7 rows).\n');
      const json = await compare(database.url, file, '--json');
      assert.equal(json.code, 0);
      assert.equal((JSON.parse(json.stdout) as { equal: boolean }).equal, true);
      const lines = await compare(file, file, '--json', '--rows', 'all');
      assert.deepEqual([lines.code, lines.stdout, lines.stderr], [0, '', '']);
    });

    it('shows what differs, changed tables first, with exit code 5', async () => {
      await change();
      const { code, stdout } = await compare(file, database.url);
      assert.equal(code, 5);
      const lines = stdout.trimEnd().split('\n');
      assert.equal(lines[0], 'The two sides differ:');
      assert.match(
        stdout,
        new RegExp(
          `\\n  ${prefix}orders +1 only in the first +1 only in the second +1 changed +1 the same\\n`,
        ),
      );
      assert.match(
        stdout,
        new RegExp(`\\n  ${prefix}log +0 only in the first +1 only in the second +0 changed +2 the same\\n`),
      );
      assert.equal(lines.at(-1), '1 table is equal (2 rows).');
    });

    it('prints rows readably, as many as are wanted', async () => {
      await change();
      const all = await compare(file, database.url, '--rows', 'all', '--tables', 'orders');
      assert.equal(all.code, 5);
      assert.match(all.stdout, new RegExp(`^${prefix}orders\\n`));
      assert.match(all.stdout, /\n {2}only in the first +id 1: status 'open', big 9007199254740993\n/);
      assert.match(all.stdout, /\n {2}changed +id 3: status 'it''s' → 'lost'\n/);
      assert.match(all.stdout, /\n {2}only in the second +id 4: status 'new', big 4\n/);
      const one = await compare(file, database.url, '--rows', '1', '--exclude', 'log');
      assert.equal(
        one.stdout.split('\n').filter((line) => /^ {2}(only in the \w+ +id|changed +id)/.test(line)).length,
        1,
      );
    });

    it('prints one object, with the rows that are wanted in it', async () => {
      await change();
      const { code, stdout } = await compare(file, database.url, '--json', '--rows', '2');
      assert.equal(code, 5);
      const json = JSON.parse(stdout) as { equal: boolean; tables: Record<string, unknown>[] };
      assert.equal(json.equal, false);
      const orders = json.tables.find(({ name }) => name === 'orders')!;
      const { rows, ...rest } = orders;
      const schema = id === 'postgres' ? { schema: 'public' } : {};
      const counts = { onlyInFirst: 1, onlyInSecond: 1, changed: 1, same: 1 };
      assert.deepEqual(rest, { ...schema, name: 'orders', ...counts, key: ['id'] });
      assert.equal((rows as unknown[]).length, 2);
    });

    it('prints every row that differs as a line that can be read back', async () => {
      await change();
      await database.run('CREATE TABLE extra (x integer)');
      const { code, stdout, stderr } = await compare(file, database.url, '--json', '--rows', 'all');
      assert.equal(code, 5);
      assert.match(stderr, /warning: tables only in the second: .*extra/);
      const lines = stdout.trimEnd().split('\n');
      assert.equal(lines.length, 4);
      const rows = lines.map((line, at) => parseRowLine(line, at + 1));
      const deleted = rows.find(({ kind }) => kind === 'onlyInFirst');
      assert.deepEqual(
        [...deleted!.first!],
        [
          ['id', { kind: 'integer', text: '1' }],
          ['status', { kind: 'text', text: 'open' }],
          ['big', { kind: 'integer', text: '9007199254740993' }],
        ],
      );
    });

    it('ends with an error when nobody reads its lines any more', async () => {
      const rows = Array.from({ length: 1000 }, (_, at) => `(${at + 10}, 'new', 1)`);
      await database.run(`INSERT INTO orders VALUES ${rows.join(', ')}`);
      let stderr = '';
      const stdout = new Writable({
        write: (_text, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
      });
      const terminal = {
        stdin: Readable.from([]),
        stdout,
        stderr: new Writable({
          write: (text: Buffer, _encoding, done) => {
            stderr += text.toString();
            done();
          },
        }),
      };
      const words = ['compare', file, database.url, '--rows', 'all', '--json'];
      assert.equal(await commandLine(words, terminal, new AbortController().signal), 1);
      assert.match(
        stderr,
        /could not be written to the standard output: the program that reads it has ended/,
      );
    });

    it('opens encrypted backups, and refuses wrong words', async () => {
      const secret = folder.file('secret.dbbackup.age');
      const env = { RESTORE_POINT_PASSPHRASE: 'a long passphrase' };
      assert.equal((await runCli(['backup', database.url, '--out', secret, '--encrypt'], { env })).code, 0);
      assert.equal((await runCli(['compare', secret, database.url], { env })).code, 0);
      assert.equal((await runCli(['compare', file, secret], { env })).code, 0);
      assert.equal((await runCli(['compare', secret, file])).code, 4);
      for (const words of [
        [file],
        [file, database.url, file],
        [file, database.url, '--rows', 'some'],
        [file, database.url, '--rows', '-1'],
        [file, database.url, '--tables', 'nothing'],
      ]) {
        assert.equal((await compare(...words)).code, 2, words.join(' '));
      }
      const missing = await compare(folder.file('missing.dbbackup'), database.url);
      assert.equal(missing.code, 1);
    });

    it('takes the id of a connection in the settings', async () => {
      await mkdir(folder.file('.vscode'));
      const [, password] = /:\/\/[^:/@]+:([^@]*)@/.exec(database.url) ?? [];
      const url = database.url.replace(`:${password}@`, '@');
      const withPassword = password === undefined ? {} : { passwordEnv: 'SHOP_PASSWORD' };
      const connection = { id: 'shop', url, ...withPassword };
      await writeFile(
        folder.file('.vscode/settings.json'),
        JSON.stringify({ 'restorePoint.connections': [connection] }),
      );
      const { code, stderr } = await runCli(['compare', 'shop', file, '--trust-settings'], {
        cwd: folder.path,
        env: { SHOP_PASSWORD: decodeURIComponent(password ?? '') },
      });
      assert.equal(code, 0, stderr);
    });
  });
}

describe('comparing databases of different kinds', () => {
  const folder = useTemporaryFolder();

  it('is refused', async () => {
    const [sqlite, postgres] = await Promise.all(testEngines.map((engine) => engine.create()));
    try {
      await sqlite!.run('CREATE TABLE t (x integer)');
      const file = folder.file('one.dbbackup');
      assert.equal((await runCli(['backup', sqlite!.url, '--out', file])).code, 0);
      const { code, stderr } = await runCli(['compare', file, postgres!.url]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /The first side is SQLite and the second is PostgreSQL: databases of different engines cannot be compared/,
      );
    } finally {
      await Promise.all([sqlite!.remove(), postgres!.remove()]);
    }
  });
});
