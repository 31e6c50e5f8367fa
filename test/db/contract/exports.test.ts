import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { ensureDebianPackages } from '../../support/debianPackages.ts';
import { runCli } from '../../support/cli.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { hardTexts } from '../everything/hardTexts.ts';

import { hard, ownProgram, packages, rowsSql, tableSql } from '../../support/hardTables.ts';

for (const engine of testEngines) {
  describe(`exports, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    const table = hard[engine.id]!;
    let database: TestDatabase;
    let other: TestDatabase;
    let backup = '';

    before(() => ensureDebianPackages([packages[engine.id]!]));
    beforeEach(async () => {
      [database, other] = [await engine.create(), await engine.create()];
      await database.run(`${table.first} ${tableSql(table)}; ${rowsSql(table)}`);
      await other.run(`${table.first} ${tableSql(table)}`);
      backup = folder.file('hard.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', backup])).code, 0);
    });
    afterEach(async () => {
      await database.remove();
      await other.remove();
    });

    /** The same from the database and from a backup of it, as a file and on the standard output. */
    async function exported(format: string, ...more: string[]): Promise<string> {
      const args = ['--table', 'hard', '--format', format, ...more];
      const out = folder.file(`hard.${format}`);
      const toFile = await runCli(['export', database.url, ...args, '--out', out]);
      assert.equal(toFile.stderr, '');
      assert.match(toFile.stdout, /^Exported \d+ rows of (?:public\.)?hard: /);
      const text = await readFile(out, 'utf8');
      const live = await runCli(['export', database.url, ...args]);
      const kept = await runCli(['export', backup, ...args]);
      assert.equal(live.code, 0, live.stderr);
      assert.equal(kept.code, 0, kept.stderr);
      assert.equal(live.stdout, text);
      // Which rows are in one statement depends on how they are read.
      if (format !== 'sql') assert.deepEqual(sortedRows(kept.stdout), sortedRows(text));
      keptText = kept.stdout;
      return text;
    }
    let keptText = '';
    const sortedRows = (text: string): string[] => text.replaceAll(/,$/gm, '').split('\n').sort();

    it('as INSERTs give the same rows', async () => {
      ownProgram(other, await exported('sql'));
      assert.deepEqual(rowsOf(await other.dump()), rowsOf(await database.dump()));
    });

    it('as INSERTs through the driver, and from a backup, give the same rows', async () => {
      await exported('sql');
      await other.run(keptText);
      assert.deepEqual(rowsOf(await other.dump()), rowsOf(await database.dump()));
    });

    // Where a counter stands is no row.
    const rowsOf = (dump: string): string[] =>
      dump.split('\n').filter((line) => !/_seq: |^sequence|sqlite_sequence/.test(line));

    it('as JSON can be read, with every digit', async () => {
      const list = await exported('json');
      const lines = await exported('ndjson');
      const objects = JSON.parse(list) as Record<string, unknown>[];
      assert.deepEqual(
        objects,
        lines
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      );
      assert.deepEqual(
        objects.flatMap(({ words }) => (words === null ? [] : [words])),
        hardTexts,
      );
      assert.match(list, /9223372036854775807[,}]/);
      assert.equal('twice' in objects[0]!, false);
    });

    it('never take a name that is taken, and leave nothing when they fail', async () => {
      const out = folder.file('out.csv');
      await writeFile(out, 'mine');
      const taken = await runCli(['export', database.url, '-t', 'hard', '--format', 'csv', '-o', out]);
      assert.equal(taken.code, 2);
      assert.match(taken.stderr, /never overwrites/);
      assert.equal(await readFile(out, 'utf8'), 'mine');
      const args = ['--format', 'csv', '--out', folder.file('new.csv')];
      for (const more of [
        ['-t', 'none'],
        ['-t', 'hard', '--where', 'nonsense +'],
      ]) {
        const failed = await runCli(['export', database.url, ...more, ...args]);
        assert.equal(failed.code, 2, failed.stderr);
      }
      assert.deepEqual((await readdir(folder.path)).sort(), ['hard.dbbackup', 'out.csv']);
      assert.equal((await runCli(['export', backup, '-t', 'hard', ...args])).code, 0);
      assert.equal((await stat(folder.file('new.csv'))).mode & 0o777, 0o600);
    });

    it('take a condition, of a backup the text of a column', async () => {
      const args = ['-t', 'hard', '--format', 'ndjson', '--where'];
      const count = (text: string): number => text.split('\n').length - 1;
      const live = await runCli([
        'export',
        database.url,
        ...args,
        'id > 3',
        '--where',
        "words = '' -- no more",
      ]);
      assert.equal(live.code, 0, live.stderr);
      assert.equal(count(live.stdout), 0);
      assert.equal(count((await runCli(['export', database.url, ...args, 'hard: id < 4'])).stdout), 3);
      assert.equal(count((await runCli(['export', backup, ...args, 'words=  spaces around  '])).stdout), 1);
      const sql = await runCli(['export', backup, ...args, 'id > 3']);
      assert.equal(sql.code, 2);
      assert.match(sql.stderr, /column=text/);
    });

    it('refuse what a format cannot hold, or an option that is not its own', async () => {
      const django = ['--format', 'django'];
      await database.run(
        'CREATE TABLE two (a integer, b integer, PRIMARY KEY (a, b)); CREATE TABLE no (a integer)',
      );
      const refused = async (args: string[], code: number, why: RegExp): Promise<void> => {
        const run = await runCli(['export', database.url, ...args]);
        assert.equal(run.code, code);
        assert.match(run.stderr, why);
        if (!args.includes('--json')) assert.equal(run.stdout, '');
      };
      await refused(['-t', 'two', ...django, '--app-label', 'a'], 1, /2 columns \(a, b\)/);
      await refused(['-t', 'no', ...django, '--app-label', 'a'], 1, /no primary key/);
      await refused(['-t', 'hard', ...django], 2, /--app-label/);
      await refused(['-t', 'hard', '--format', 'sql', '--no-header'], 2, /only works with --format csv/);
      await refused(['-t', '*', '--format', 'csv'], 2, /matches 3 tables/);
      await refused(['-t', 'hard', '--format', 'xml'], 2, /csv, ndjson/);
      await refused(['-t', 'hard', '--format', 'csv', '--separator', '::'], 2, /one character/);
      await refused(['-t', 'hard', '--format', 'csv', '--json'], 2, /--out/);
    });

    it('of what differs have the rows that the other side lacks or has otherwise, and INSERTs bring the lost ones back', async () => {
      await database.run(`DELETE FROM hard WHERE id IN (2, 5); UPDATE hard SET words = 'new' WHERE id = 7`);
      const args = ['-t', 'hard', '--differing-from', database.url, '--format'];
      const lines = await runCli(['export', backup, ...args, 'ndjson']);
      assert.equal(lines.code, 0, lines.stderr);
      const objects = lines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: number; words: string });
      assert.deepEqual(objects.map(({ id }) => id).sort(), [2, 5, 7]);
      assert.equal(objects.find(({ id }) => id === 7)?.words, hardTexts[6]);
      const back = await runCli([
        'export',
        database.url,
        '-t',
        'hard',
        '--differing-from',
        backup,
        '--format',
        'ndjson',
      ]);
      assert.match(back.stdout, /^\{"id":7,"words":"new"[^\n]*\n$/);
      const before = await database.rows('SELECT count(*) FROM hard');
      await database.run('DELETE FROM hard WHERE id = 7');
      const sql = await runCli(['export', backup, ...args, 'sql']);
      await database.run(sql.stdout);
      assert.equal((await runCli(['compare', backup, database.url, '--tables', 'hard'])).code, 0);
      assert.equal(
        Number((await database.rows('SELECT count(*) FROM hard'))[0]![0]),
        Number(before[0]![0]) + 2,
      );
      await database.run('CREATE TABLE later (id integer PRIMARY KEY)');
      const missing = ['export', database.url, '-t', 'later', '--differing-from', backup, '--format', 'csv'];
      assert.equal((await runCli(missing)).code, 2);
    });

    it('of many pages have every row', async () => {
      const numbers =
        engine.id === 'sqlite'
          ? `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 'x' FROM n`
          : `SELECT i, 'x' FROM generate_series(1, 20000) n (i)`;
      await database.run(
        `CREATE TABLE many (id integer PRIMARY KEY, note text); INSERT INTO many ${numbers}`,
      );
      const whole = await runCli(['export', database.url, '-t', 'many', '--format', 'csv', '--no-header']);
      assert.equal(whole.stdout.split('\r\n').length, 20_001);
      await other.run('CREATE TABLE many (id integer PRIMARY KEY, note text)');
      const sql = await runCli(['export', database.url, '-t', 'many', '--format', 'sql']);
      await other.run(sql.stdout);
      const sums = 'SELECT count(*), sum(id) FROM many';
      assert.deepEqual(await other.rows(sums), await database.rows(sums));
    });
  });
}
