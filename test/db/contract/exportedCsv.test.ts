import assert from 'node:assert/strict';
import { runCli } from '../../support/cli.ts';
import { ensureDebianPackages } from '../../support/debianPackages.ts';
import { hard, ownProgram, quoted, rowsSql, tableSql } from '../../support/hardTables.ts';
import { randomSource } from '../../support/randomSource.ts';
import { testEngines } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('CSV through the programs of the engines', () => {
  const folder = useTemporaryFolder();

  it('\\copy reads back what was there', async () => {
    ensureDebianPackages(['postgresql-client']);
    const engine = testEngines.find(({ id }) => id === 'postgres')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      const table = hard['postgres']!;
      await database.run(`${table.first} ${tableSql(table)}; ${rowsSql(table)}`);
      // Before its version 18, psql ends a file at a line of a text that is \. alone.
      await database.run(String.raw`DELETE FROM hard WHERE words ~ '\n\\\.\n'`);
      await other.run(`${table.first} ${tableSql(table)}`);
      const columns = table.columns
        .map((column) => /^(?:"(?:[^"]|"")+"|\w+)/.exec(column)![0])
        .filter((name) => name !== 'twice')
        .join(', ');
      for (const [more, copy] of [
        [[], 'FORMAT csv, HEADER'],
        [['--separator', '\\t', '--no-header'], `FORMAT csv, DELIMITER E'\\t'`],
        [['--separator', ';', '--null', 'NULL'], `FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL'`],
      ] as const) {
        const out = folder.file(`${more.length}.csv`);
        const run = await runCli([
          'export',
          database.url,
          '-t',
          'hard',
          '--format',
          'csv',
          '--out',
          out,
          ...more,
        ]);
        assert.equal(run.code, 0, run.stderr);
        await other.run('TRUNCATE hard');
        ownProgram(other, `\\copy hard (${columns}) FROM '${out}' WITH (${copy})\n`);
        const query = 'SELECT hard::text FROM hard ORDER BY id';
        assert.deepEqual(await other.rows(query), await database.rows(query));
      }
    } finally {
      await database.remove();
      await other.remove();
    }
  });

  it('.import reads back what was there', async () => {
    ensureDebianPackages(['sqlite3']);
    const engine = testEngines.find(({ id }) => id === 'sqlite')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      const columns = [
        'id INTEGER PRIMARY KEY',
        'words TEXT',
        '"a ""b"", c" TEXT',
        'amount REAL',
        'small INTEGER',
      ];
      const table = { ...hard['sqlite']!, columns };
      const { words, amount, small } = table.values;
      const values = {
        words: words!,
        amount: amount!.filter((value) => !/9e999/.test(value)),
        small: small!,
      };
      await database.run(`${tableSql(table)}; ${rowsSql({ ...table, values })}`);
      await other.run(tableSql(table));
      const out = folder.file('hard.csv');
      const args = ['-t', 'hard', '--format', 'csv', '--no-header', '--null', '<null>', '--out', out];
      assert.equal((await runCli(['export', database.url, ...args])).code, 0);
      ownProgram(other, `.mode csv\n.import ${out} hard\n`);
      // The program knows no NULL in CSV.
      await other.run(
        ['words', '"a ""b"", c"', 'amount', 'small']
          .map((name) => `UPDATE hard SET ${name} = NULL WHERE ${name} = '<null>';`)
          .join(''),
      );
      assert.equal(await other.dump(), await database.dump());
    } finally {
      await database.remove();
      await other.remove();
    }
  });

  it('of random texts and numbers are read back', async () => {
    const random = randomSource('random texts');
    const engine = testEngines.find(({ id }) => id === 'postgres')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      for (const one of [database, other])
        await one.run('CREATE TABLE t (id integer PRIMARY KEY, a text, b float8)');
      const letters = ['"', ',', '\r', '\n', '\\', '.', ' ', "'", 'N', 'é', '😀', '\t', ';'];
      const rows = Array.from({ length: 300 }, (_, id) => {
        const text = Array.from({ length: random.below(8) }, () => random.pick(letters)).join('');
        const number = (random.below(2 ** 30) / 7) * 10 ** (random.below(600) - 300);
        return `(${id}, ${random.below(9) === 0 ? 'NULL' : quoted(text)}, ${number})`;
      });
      await database.run(`INSERT INTO t VALUES ${rows.join(', ')}`);
      await database.run(String.raw`DELETE FROM t WHERE a ~ '(^|[\r\n])\\\.($|[\r\n])'`);
      const out = folder.file('t.csv');
      const run = await runCli(['export', database.url, '-t', 't', '--format', 'csv', '--out', out]);
      assert.equal(run.code, 0, run.stderr);
      ownProgram(other, `\\copy t FROM '${out}' WITH (FORMAT csv, HEADER)\n`);
      assert.equal(await other.dump(), await database.dump());
    } finally {
      await database.remove();
      await other.remove();
    }
  });
});
