import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import pg from 'pg';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { runCli } from '../../support/cli.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopRows, shopSchema } from '../shop.ts';

let made = 0;

/** On the server of the tests. */
async function onServer(sql: string, database = 'postgres'): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: (await postgresForTests()).urlOf(database) });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(sql)).rows;
  } finally {
    await client.end();
  }
}

for (const engine of testEngines) {
  describe(`a restore into a new database, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file = '';
    let name = '';

    beforeEach(async () => {
      database = await engine.create();
      await database.run(`${shopSchema(engine.id)} ${shopRows}`);
      file = folder.file('shop.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
      made += 1;
      name = engine.id === 'sqlite' ? folder.file('past.db') : `test_past_${process.pid}_${made}`;
    });
    afterEach(async () => {
      await database.remove();
      if (engine.id === 'postgres') await onServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    });

    const newUrl = (): string =>
      engine.id === 'sqlite' ? `sqlite:${name}` : database.url.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);

    const isThere = async (): Promise<boolean> =>
      engine.id === 'sqlite'
        ? (await readdir(folder.path)).includes(path.basename(name))
        : (await onServer(`SELECT 1 FROM pg_database WHERE datname = '${name}'`)).length > 0;

    /** Of the customers there, once they are there. */
    async function customers(): Promise<string> {
      const out = await runCli(['export', newUrl(), '-t', 'customers', '--format', 'csv']);
      assert.equal(out.code, 0, out.stderr);
      return out.stdout;
    }

    for (const by of ['its URL', 'a name'] as const) {
      it(`whose name comes from ${by}`, async () => {
        const args =
          by === 'a name' ? [database.url, '--create-database', name] : [newUrl(), '--create-database'];
        const before = await database.dump();
        const run = await runCli(['restore', file, ...args, '--yes']);
        assert.equal(run.code, 0, run.stderr);
        assert.match(run.stdout, /^Created the database /);
        assert.doesNotMatch(run.stderr, /warning: The server/);
        const rows = await customers();
        assert.equal(rows.split('\r\n').length, 5);
        assert.equal(await database.dump(), before);
        // It is there now.
        const again = await runCli(['restore', file, ...args, '--yes']);
        assert.equal(again.code, 2);
        assert.match(again.stderr, /already exists/);
        assert.equal(await customers(), rows);
      });
    }

    it('leaves none where the restore fails, and says so', async () => {
      const args = ['restore', file, newUrl(), '--create-database', '--yes'];
      // For this machine it is a backup of another one, whose statements nobody has allowed.
      const run = await runCli(args, { env: { XDG_STATE_HOME: folder.file('state') } });
      assert.equal(run.code, 1, run.stderr);
      assert.match(run.stderr, /dropped again/);
      assert.equal(await isThere(), false);
      const rehearsed = await runCli([...args, '--dry-run']);
      assert.equal(rehearsed.code, 2);
      assert.equal(await isThere(), false);
      const missing = await runCli([
        'restore',
        file,
        newUrl(),
        '--yes',
        '--tables',
        'none',
        '--create-database',
      ]);
      assert.equal(missing.code, 2, missing.stderr);
      assert.equal(await isThere(), false);
    });
  });
}

describe('a new PostgreSQL database', () => {
  const folder = useTemporaryFolder();
  const engine = testEngines.find(({ id }) => id === 'postgres')!;

  it('has the encoding and the locale of the source', async () => {
    const server = await postgresForTests();
    const [from, to] = [`test_from_${process.pid}`, `test_to_${process.pid}`];
    await onServer(
      `CREATE DATABASE ${from} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'POSIX'`,
    );
    try {
      await onServer(`CREATE TABLE t (a text); INSERT INTO t VALUES ('é')`, from);
      const file = folder.file('t.dbbackup');
      assert.equal((await runCli(['backup', server.urlOf(from), '--out', file])).code, 0);
      const run = await runCli(['restore', file, server.urlOf(to), '--create-database', '--yes']);
      assert.equal(run.code, 0, run.stderr);
      const of = (name: string): Promise<Record<string, string>[]> =>
        onServer(
          `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype FROM pg_database WHERE datname = '${name}'`,
        );
      assert.deepEqual(await of(to), await of(from));
      assert.deepEqual(await onServer('SELECT a FROM t', to), [{ a: 'é' }]);
    } finally {
      await onServer(`DROP DATABASE IF EXISTS ${to}`);
      await onServer(`DROP DATABASE IF EXISTS ${from}`);
    }
  });

  it('has the server’s own locale where the server does not know that of the source, with a warning', async () => {
    const database = await engine.create();
    const postgres = engineById('postgres');
    const { address, password } = postgres.parseUrl(database.url)!;
    try {
      const created = await postgres.createDatabase!(
        address,
        `test_locale_${process.pid}`,
        {
          ...{ engine: 'postgres', serverVersion: '', database: 'x' },
          madeWith: { encoding: 'UTF8', collate: 'tlh_QO', ctype: 'tlh_QO' },
        },
        { logger: silentLogger, ...(password === undefined ? {} : { password }) },
      );
      await created.drop();
      assert.match(created.warnings.join(), /tlh_QO/);
    } finally {
      await database.remove();
    }
  });

  it('is refused to a user who may make none, with what helps', async () => {
    const server = await postgresForTests();
    const role = `test_maker_${process.pid}`;
    const database = await engine.create();
    await onServer(`CREATE ROLE ${role} LOGIN PASSWORD 'word'`);
    try {
      await database.run('CREATE TABLE t (a integer)');
      const file = folder.file('t.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
      const url = server.urlOf(`test_never_${process.pid}`, { user: role, password: 'word' });
      const run = await runCli(['restore', file, url, '--create-database', '--yes']);
      assert.equal(run.code, 1, run.stderr);
      assert.match(run.stderr, /may not create databases.*CREATEDB/s);
    } finally {
      await onServer(`DROP ROLE ${role}`);
      await database.remove();
    }
  });
});
