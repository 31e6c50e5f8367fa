import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { commandLine } from '../../src/cli/commandLine.ts';
import type { RowsReport } from '../../src/restore/chosenRows/rowsReport.ts';
import { type CliRun, cliCommand, runCli } from '../support/cli.ts';
import { runInTerminal } from '../support/terminal.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

for (const testEngine of testEngines) {
  const { id } = testEngine;
  const prefix = id === 'postgres' ? 'public\\.' : '';
  describe(`${id}: chosen rows on the command line`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;
    let rows: string;

    beforeEach(async () => {
      file = folder.file('shop.dbbackup');
      rows = folder.file('rows.json');
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE customers (id integer PRIMARY KEY, name varchar(20));
        CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers (id), status varchar(20));
        INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob');
        INSERT INTO orders VALUES (1, 1, 'open'), (2, 1, 'paid'), (3, 2, 'paid')`);
      assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
      await database.run(`
        DELETE FROM orders WHERE id = 3; DELETE FROM customers WHERE id = 2;
        UPDATE orders SET status = 'lost' WHERE id = 2; INSERT INTO orders VALUES (9, 1, 'new')`);
      const compared = await runCli(['compare', file, database.url, '--rows', 'all', '--json']);
      assert.equal(compared.code, 5);
      await writeFile(rows, compared.stdout);
    });
    afterEach(() => database.remove());

    const env = (): Record<string, string> => ({ XDG_STATE_HOME: folder.file('state') });
    const restore = (from: string, ...words: string[]): Promise<CliRun> =>
      runCli(['restore', from, database.url, ...words], { env: env() });
    const orders = (): Promise<(string | null)[][]> =>
      database.rows('SELECT id, status FROM orders ORDER BY id');

    it('restores the rows of a file, names them, and takes them back', async () => {
      const before = await database.dump();
      const { code, stdout, stderr } = await restore(file, '--rows-file', rows, '--delete-added', '--yes');
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /^Restored and verified 4 rows in /);
      for (const line of [
        `  ${prefix}customers: 1 inserted, 0 updated, 0 deleted`,
        `  ${prefix}orders: 1 inserted, 1 updated, 1 deleted`,
        '    inserted  id 3',
        '    updated   id 2',
        '    deleted   id 9',
      ])
        assert.match(stdout, new RegExp(`^${line}$`, 'm'));
      assert.deepEqual(await orders(), [
        ['1', 'open'],
        ['2', 'paid'],
        ['3', 'paid'],
      ]);
      const safety = /^To take these rows back, restore (.*)$/m.exec(stdout)![1]!;
      const inspected = await runCli(['inspect', safety]);
      assert.match(inspected.stdout, /the rows that a restore wrote/);
      assert.match(
        inspected.stdout,
        new RegExp(`^  ${prefix}orders +1 inserted, 1 updated, 1 deleted$`, 'm'),
      );
      assert.match(
        (await runCli(['verify', safety])).stdout,
        /^The safety backup of rows is sound: 2 tables, 4 rows/,
      );
      const undone = await restore(safety, '--yes', '--json');
      assert.equal(undone.code, 0, undone.stderr);
      const report = JSON.parse(undone.stdout) as RowsReport;
      assert.deepEqual([report.undo, report.skipped], [true, 0]);
      assert.equal(await database.dump(), before);
    });

    it('refuses to do anything else with a safety backup of rows', async () => {
      const { stdout } = await restore(file, '--rows-file', rows, '--yes', '--json');
      const { safetyBackup = '' } = JSON.parse(stdout) as RowsReport;
      const told = /holds no tables, only the rows that a restore wrote/;
      for (const words of [
        ['compare', safetyBackup, database.url],
        ['export', safetyBackup, '--table', 'orders', '--format', 'csv'],
        ['salvage', safetyBackup, '--out', folder.file('salvaged.dbbackup')],
      ]) {
        const run = await runCli(words);
        assert.equal(run.code, 2, words[0]);
        assert.match(run.stderr, told);
      }
      const wrong = [['--mode', 'merge'], ['--tables', 'orders'], ['--data-only'], ['--rows-file', rows]];
      for (const words of [...wrong, ['--where', 'orders: id = 1']]) {
        const run = await restore(safetyBackup, ...words, '--yes');
        assert.equal(run.code, 2, words.join(' '));
        assert.match(run.stderr, /holds the rows that a restore wrote/);
      }
    });

    it('restores rows for which a condition holds, with all that belongs to them', async () => {
      const { code, stdout } = await restore(
        file,
        '--where',
        'orders: id IN (2, 3)',
        '--with-related',
        '--yes',
        '--json',
      );
      assert.equal(code, 0, stdout);
      const report = JSON.parse(stdout) as RowsReport;
      assert.deepEqual(
        report.tables.map(({ table, rows: written }) => [table.name, written]),
        [
          ['customers', [{ done: 'inserted', key: { id: 2 } }]],
          ['orders', written(report, 'orders')],
        ],
      );
      assert.deepEqual(
        written(report, 'orders')
          .map(({ done, key }) => `${done} ${JSON.stringify(key)}`)
          .sort(),
        ['inserted {"id":3}', 'updated {"id":2}'],
      );
      assert.deepEqual(
        report.related.map(({ table, key, reason }) => [table.name, key, reason.relation, reason.columns]),
        [['customers', { id: 2 }, 'referenced by', ['customer_id']]],
      );
    });

    it('lists conflicts by row, says what to do, and writes nothing', async () => {
      await database.run(
        `UPDATE orders SET status = 'now' WHERE id = 2; INSERT INTO customers VALUES (2, 'Eve')`,
      );
      const before = await database.dump();
      const text = await restore(file, '--rows-file', rows, '--yes');
      assert.deepEqual([text.code, text.stdout], [1, '']);
      assert.match(
        text.stderr,
        new RegExp(`^  ${prefix}orders: id 2: changed since: status 'lost' → 'now'$`, 'm'),
      );
      assert.match(
        text.stderr,
        new RegExp(`^  ${prefix}customers: id 2: there again, with other values: name 'Bob' → 'Eve'$`, 'm'),
      );
      assert.match(
        text.stderr,
        /^restore-point: 2 rows changed in the database since the comparison\. Nothing was changed\. .*--on-conflict skip/m,
      );
      const json = await restore(file, '--rows-file', rows, '--yes', '--json');
      const { error } = JSON.parse(json.stdout) as { error: { code: string; conflicts: { kind: string }[] } };
      assert.deepEqual(
        [error.code, error.conflicts.map(({ kind }) => kind).sort()],
        ['refused', ['changed', 'there']],
      );
      assert.equal(await database.dump(), before);
      const skipped = await restore(file, '--rows-file', rows, '--yes', '--on-conflict', 'skip');
      assert.equal(skipped.code, 0, skipped.stderr);
      assert.match(skipped.stdout, /^Conflicts: 2 rows skipped$/m);
      assert.match(skipped.stdout, /→ 'now' \(skipped\)$/m);
      assert.match(
        skipped.stdout,
        new RegExp(
          `orders: 1 inserted, 0 updated, 0 deleted, 1 left alone \\(only the database has it\\)$`,
          'm',
        ),
      );
    });

    it('names a parent that is missing', async () => {
      const child = await restore(file, '--where', 'orders: id = 3', '--yes');
      assert.equal(child.code, 1);
      assert.match(
        child.stderr,
        new RegExp(`orders: id 3: it references a row of ${prefix}customers that is missing: id 2$`, 'm'),
      );
      assert.match(child.stderr, /add --with-related/);
    });

    it('rehearses, and reads the standard input', async () => {
      const before = await database.dump();
      const { code, stdout } = await restore(file, '--rows-file', rows, '--dry-run');
      assert.equal(code, 0);
      assert.match(stdout, /^Rehearsed and verified 3 rows in .*; rolled back, nothing was changed:$/m);
      assert.equal(await database.dump(), before);
      let out = '';
      const sink = new Writable({
        write: (text: Buffer, _encoding, done) => ((out += text.toString()), done()),
      });
      const lines = (await runCli(['compare', file, database.url, '--rows', 'all', '--json'])).stdout;
      const stdin = Readable.from([Buffer.from(lines)]);
      const words = ['restore', file, database.url, '--rows-file', '-', '--dry-run', '--json'];
      const status = await commandLine(
        words,
        { stdin, stdout: sink, stderr: sink },
        new AbortController().signal,
      );
      assert.equal(status, 0, out);
      assert.equal((JSON.parse(out) as RowsReport).tables.length, 2);
    });

    it('asks with what a rehearsal has shown', async () => {
      const command = [...cliCommand, 'restore', file, database.url, '--rows-file', rows];
      const options = { cwd: folder.file('.'), env: env() };
      const no = await runInTerminal(command, { ...options, typed: ['n'] });
      assert.equal(no.code, 130, no.shown);
      assert.match(no.shown, /This writes chosen rows in .*, and no other row:/);
      assert.match(
        no.shown,
        new RegExp(
          `${prefix}orders: 1 row returns, 1 changes back, nothing is deleted, 1 left alone \\(only the database has it\\)`,
        ),
      );
      const yes = await runInTerminal(command, { ...options, typed: ['y'] });
      assert.equal(yes.code, 0, yes.shown);
      assert.match(yes.shown, /Restored and verified 3 rows/);
    });

    it('refuses a file that cannot be read, and lines that are none', async () => {
      const missing = await restore(file, '--rows-file', folder.file('nothing.json'), '--yes');
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /The file of rows cannot be read: there is no such file/);
      await writeFile(rows, Buffer.from('\ufeff{"table":"orders"}\r\n', 'utf16le'));
      const utf16 = await restore(file, '--rows-file', rows, '--yes');
      assert.match(utf16.stderr, /Line 1 .*UTF-16.*save it as UTF-8/);
      await writeFile(rows, '\ufeff{"table": "orders", "kind": "new"}\r\n');
      const kind = await restore(file, '--rows-file', rows, '--yes');
      assert.match(kind.stderr, /Line \d .*it has no kind of difference/);
    });
  });
}

function written({ tables }: RowsReport, name: string): RowsReport['tables'][number]['rows'] {
  return tables.find(({ table }) => table.name === name)!.rows;
}

describe('the arguments of chosen rows', () => {
  const refused: readonly (readonly [words: string, message: RegExp])[] = [
    ['--rows-file a --where t:x', /--rows-file and --where exclude each other/],
    ['--rows-file -', /nobody can be asked: add --yes or --dry-run/],
    ['--where t', /does not have the form 'table: condition'/],
    ['--rows-file a --mode merge', /--rows-file and --mode exclude each other/],
    ['--where t:x --tables t', /--where and --tables exclude each other/],
    ['--where t:x --into-schema s', /--where and --into-schema exclude each other/],
    ['--rows-file a --create-database', /--rows-file and --create-database exclude each other/],
    ['--rows-file a --schema-only', /--rows-file and --schema-only exclude each other/],
    ['--delete-added', /--delete-added needs --rows-file or --where/],
    ['--rows-file a --on-conflict ask', /--on-conflict must be one of stop, skip, overwrite/],
    ['--with-related', /--with-related needs --tables, --rows-file or --where/],
  ];
  for (const [words, message] of refused) {
    it(`are refused: ${words}`, async () => {
      const { code, stderr } = await runCli(['restore', 'b.dbbackup', 'sqlite:a.db', ...words.split(' ')]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    });
  }
});
