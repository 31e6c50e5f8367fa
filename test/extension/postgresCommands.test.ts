import assert from 'node:assert/strict';
import pg from 'pg';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import type { RestoreReport } from '../../src/restore/restoreBackup.ts';
import type { NewDatabaseReport } from '../../src/worker/protocol.ts';
import { useConnections } from './settings.ts';
import { call, errorOf, useFreshShop } from './shop.ts';

const tables = `
  DROP SCHEMA IF EXISTS sales CASCADE;
  CREATE SCHEMA sales;
  CREATE TABLE sales.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, seen timestamptz);
  CREATE TABLE sales.orders (
    id bigserial PRIMARY KEY,
    customer int NOT NULL REFERENCES sales.customers,
    total numeric(12, 4) NOT NULL CONSTRAINT total_positive CHECK (total > 0),
    note jsonb
  );
  INSERT INTO sales.customers (name, seen) SELECT 'Customer ' || n, now() FROM generate_series(1, 50) n;
  INSERT INTO sales.orders (customer, total, note)
    SELECT 1 + n % 50, n + 0.1234, '{"a": 1.0, "a": 2}' FROM generate_series(1, 500) n;`;

describe('commands on PostgreSQL', () => {
  useFreshShop();
  const settings = useConnections();
  let client: pg.Client;

  beforeEach(async () => {
    client = new pg.Client(process.env['RESTORE_POINT_TEST_POSTGRES']);
    await client.connect();
    await client.query(tables);
    await settings.add({ id: 'server', url: '${env:RESTORE_POINT_TEST_POSTGRES}' });
  });

  afterEach(async () => {
    await client.query('DROP SCHEMA IF EXISTS sales CASCADE');
    await client.end();
  });

  /** All rows as the server writes them. */
  async function content(): Promise<string[]> {
    const { rows } = await client.query<{ row: string }>(
      'SELECT c::text AS row FROM sales.customers c UNION ALL SELECT o::text FROM sales.orders o ORDER BY 1',
    );
    return rows.map(({ row }) => row);
  }

  function restore(file: string): Promise<RestoreReport> {
    const options = { connection: 'server', tables: [], mode: 'replace', confirmed: true };
    return call('restoreBackup', { uri: file, ...options });
  }

  it('back a schema up and bring lost rows back', async () => {
    const before = await content();
    const backup = await call<BackupReport>('backUpSchema', { connection: 'server', schema: 'sales' });
    assert.equal(backup.rows, 550);
    await client.query(
      'DELETE FROM sales.orders WHERE id > 200; UPDATE sales.customers SET name = upper(name)',
    );
    const report = await restore(backup.file);
    assert.deepEqual(await content(), before);
    assert.equal(report.tables.length, 2);
    await client.query('INSERT INTO sales.orders (customer, total) VALUES (1, 1)');
    await call('undoRestore', { uri: report.safetyBackup, connection: 'server', confirmed: true });
    assert.equal((await content()).filter((row) => row.includes('CUSTOMER')).length, 50);
  });

  it('change nothing when a table fails, and say which', async () => {
    const backup = await call<BackupReport>('backUpSchema', { connection: 'server', schema: 'sales' });
    await client.query(`
      DELETE FROM sales.orders WHERE total > 300;
      ALTER TABLE sales.orders ADD CONSTRAINT total_small CHECK (total < 400);
      UPDATE sales.customers SET name = 'changed';`);
    const before = await content();
    const error = await errorOf(restore(backup.file));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'sales.orders');
    assert.match(error.message, /total_small/);
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assert.deepEqual(await content(), before);
  });

  it('refuse a backup of another kind of database', async () => {
    const backup = await call<BackupReport>('backUpDatabase', { connection: 'shop' });
    const error = await errorOf(restore(backup.file));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /SQLite .* PostgreSQL/);
  });

  it('restore into a new database, and leave no database behind where that fails', async () => {
    const backup = await call<BackupReport>('backUpSchema', { connection: 'server', schema: 'sales' });
    const before = await content();
    await client.query('DELETE FROM sales.orders');
    const name = 'sales_restored';
    const [{ database }] = (await client.query<{ database: string }>('SELECT current_database() AS database'))
      .rows as [{ database: string }];
    await client.query(`DROP DATABASE IF EXISTS ${name}`);
    const options = { uri: backup.file, connection: 'server', name };
    const { address } = await call<NewDatabaseReport>('restoreIntoNew', options);
    assert.equal(address.database, name);
    const url = new URL(process.env['RESTORE_POINT_TEST_POSTGRES']!);
    url.pathname = `/${name}`;
    const other = new pg.Client(url.href);
    await other.connect();
    const { rows } = await other.query<{ row: string }>(
      'SELECT c::text AS row FROM sales.customers c UNION ALL SELECT o::text FROM sales.orders o ORDER BY 1',
    );
    await other.end();
    assert.deepEqual(
      rows.map(({ row }) => row),
      before,
    );
    assert.notEqual(database, name);
    assert.equal((await content()).length, 50, 'the other one is as it was');
    const taken = await errorOf(call('restoreIntoNew', options));
    assert.equal(taken.code, 'usage');
    await client.query(`DROP DATABASE ${name}`);
  });
});
