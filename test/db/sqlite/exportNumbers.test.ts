import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { DatabaseSync } from 'node:sqlite';
import { runCli } from '../../support/cli.ts';
import { ensureDebianPackages } from '../../support/debianPackages.ts';
import { randomSource } from '../../support/randomSource.ts';
import { testEngines } from '../../support/testDatabases.ts';

describe('sqlite: numbers in exports', () => {
  it('INSERTs of random numbers give the same ones, also to an old SQLite', async () => {
    ensureDebianPackages(['sqlite3']);
    const random = randomSource('random numbers');
    const engine = testEngines.find(({ id }) => id === 'sqlite')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      for (const one of [database, other])
        await one.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b)');
      const file = new DatabaseSync(database.url.slice('sqlite:'.length));
      const insert = file.prepare('INSERT INTO t (a, b) VALUES (?, ?)');
      const rows = 20_000;
      file.exec('BEGIN');
      for (let row = 0; row < rows; row += 1) {
        const any = random.bytes(8).readDoubleBE();
        const usual = Number(
          ((random.below(2 ** 30) / 1024) * (random.below(2 ** 20) - 2 ** 19)).toFixed(random.below(13)),
        );
        const number = row % 2 === 0 && Number.isFinite(any) ? any : usual;
        insert.run(number, number);
      }
      for (const number of [
        5e-324,
        -5e-324,
        2 ** -1022,
        Number.MAX_VALUE,
        1e22,
        1e23,
        1e-7,
        2 ** 53,
        2 ** 63,
        -0,
        0.1,
      ]) {
        insert.run(number, number);
      }
      file.exec('COMMIT');
      file.close();
      const run = await runCli(['export', database.url, '-t', 't', '--format', 'sql']);
      assert.equal(run.code, 0, run.stderr);
      const args = ['-bail', other.url.slice('sqlite:'.length)];
      const read = spawnSync('sqlite3', args, { input: run.stdout, encoding: 'utf8' });
      assert.equal(read.stderr, '');
      const compared = await runCli(['compare', database.url, other.url]);
      assert.equal(compared.code, 0, compared.stdout);
    } finally {
      await database.remove();
      await other.remove();
    }
  });
});
