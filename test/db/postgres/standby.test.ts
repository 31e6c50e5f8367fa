import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import pg from 'pg';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreRows } from '../../support/chosenRows.ts';
import { compareAll, countsText } from '../../support/postgresCompare.ts';
import { type PostgresServer, startStandby } from '../../support/postgresServer.ts';
import { backUp, failure, restore, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const make = `
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
  CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, total numeric);
  INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 1000) i;
  INSERT INTO orders SELECT i, 1 + i % 1000, i / 4.0 FROM generate_series(1, 5000) i;
  CREATE SEQUENCE counter; SELECT setval('counter', 41)`;

describe('postgres: a standby', function () {
  this.timeout(120_000);
  const postgres = usePostgres();
  let server: PostgresServer;
  let standby: TestDatabase;

  before(async () => {
    server = await startStandby(async (primary) => {
      const client = new pg.Client({ connectionString: await primary.createDatabase('shop') });
      await client.connect();
      await client.query(make);
      await client.end();
    });
    standby = databaseAt(server.urlOf('shop'));
  });

  after(async () => server.stop());

  it('is backed up, and the backup is restored elsewhere', async () => {
    assert.deepEqual(await standby.rows('SELECT pg_is_in_recovery()'), [['t']]);
    const file = postgres.file('standby.dbbackup');
    const report = await backUp(standby, file);
    assert.equal(report.rows, 6000);
    const elsewhere = await postgres.create();
    await restore(file, elsewhere);
    const compared = await compareAll(standby, elsewhere);
    assert.deepEqual(
      compared.map(({ table, counts }) => `${table.name} ${countsText(counts)}`),
      ['customers -0 +0 ~0 =1000', 'orders -0 +0 ~0 =5000'],
    );
    assert.deepEqual(await elsewhere.rows(`SELECT nextval('counter')`), [['42']]);
  });

  it('is compared with a backup and with another database', async () => {
    const other = await postgres.create(make);
    await other.run(`DELETE FROM orders WHERE id <= 3; UPDATE orders SET total = 0 WHERE id BETWEEN 4 AND 8;
      UPDATE orders SET total = total::numeric(10,4) WHERE id = 9; INSERT INTO customers VALUES (0, 'new')`);
    const file = postgres.file('other.dbbackup');
    await backUp(other, file);
    for (const side of [other, file]) {
      const compared = await compareAll(standby, side, { memory: { hashes: 1, rows: 0 } });
      assert.deepEqual(
        compared.map(({ counts, rows }) => `${countsText(counts)} ${rows.length}`),
        ['-0 +1 ~0 =1000 1', '-3 +0 ~6 =4991 9'],
      );
    }
  });

  it('refuses a restore before anything, with what to do', async () => {
    const file = postgres.file('standby.dbbackup');
    await backUp(standby, file);
    const safetyFolder = postgres.file('safety');
    let asked = false;
    const confirm = (): Promise<boolean> => {
      asked = true;
      return Promise.resolve(true);
    };
    for (const dryRun of [false, true]) {
      const error = await failure(restore(file, standby, { safetyFolder, confirm, dryRun }));
      assert.equal(error.code, 'refused');
      assert.equal(error.message, 'This server is a standby: it can be backed up, but not restored into');
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.equal(error.details.next, 'Connect to the primary server.');
      assert.deepEqual([asked, existsSync(safetyFolder)], [false, false]);
    }
  });

  it('takes no chosen rows, and says why', async () => {
    const error = await failure(
      restoreRows(standby, [{ name: 'orders', rows: [[undefined, ['6000', '1', '1']]] }]),
    );
    assert.equal(error.code, 'refused');
    assert.equal(error.message, 'This server is a standby: it can be backed up, but not restored into');
  });
});

/** A database that is there already, and stays. */
function databaseAt(url: string): TestDatabase {
  const engine = engineById('postgres');
  const { address, password } = engine.parseUrl(url)!;
  const query = async (sql: string): Promise<(string | null)[][]> => {
    const types = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
    const client = new pg.Client({ connectionString: url, types });
    await client.connect();
    try {
      return (await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })).rows;
    } finally {
      await client.end();
    }
  };
  return {
    engine,
    url,
    run: async (sql) => void (await query(sql)),
    rows: query,
    dump: () => Promise.reject(new Error('This test needs no dump')),
    connect: (options) =>
      engine.connect(address, {
        readOnly: options?.readOnly ?? false,
        logger: silentLogger,
        ...(password === undefined ? {} : { password }),
      }),
    remove: () => Promise.resolve(),
  };
}
