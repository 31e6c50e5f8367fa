import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { startCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';
import { sampleParts } from '../support/sample.ts';

const rows = 1_000_000;
const limit = 300_000_000;

/** A million rows of about 100 bytes that do not compress to nothing. */
const fill = {
  sqlite: `
    CREATE TABLE big (id integer primary key, a text, b text, n integer);
    WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${rows})
      INSERT INTO big SELECT i, hex(randomblob(20)), hex(randomblob(20)), random() FROM numbers`,
  postgres: `
    CREATE TABLE big (id integer primary key, a text, b text, n bigint);
    INSERT INTO big SELECT i, md5(i::text) || 'abcdefgh', md5((i + 1)::text) || 'abcdefgh', i * 7919::bigint
      FROM generate_series(1, ${rows}) i`,
};

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: a million rows`, function () {
    sampleParts(this, Infinity);
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    before(async () => {
      database = await testEngine.create();
      await database.run(fill[id]);
    });
    after(() => database.remove());

    it('go out and back in with less than 300 MB of memory', async () => {
      const file = folder.file('big.dbbackup');
      const backup = await startCli(['backup', database.url, '--out', file]);
      assert.equal(backup.code, 0, backup.stderr);
      const sums = 'SELECT count(*), sum(length(a)), sum(n % 1000) FROM big';
      const before = await database.rows(sums);
      await database.run('DELETE FROM big WHERE id % 2 = 0');
      const restore = await startCli(['restore', file, database.url, '--yes']);
      assert.equal(restore.code, 0, restore.stderr);
      assert.deepEqual(await database.rows(sums), before);
      const megabytes = [backup, restore].map(({ peakMemory }) => Math.round(peakMemory / 1e6));
      console.log(`      peak memory: backup ${megabytes[0]} MB, restore ${megabytes[1]} MB`);
      assert.ok(backup.peakMemory < limit, `the backup took ${megabytes[0]} MB`);
      assert.ok(restore.peakMemory < limit, `the restore took ${megabytes[1]} MB`);
    });

    it('come back as chosen rows with less than 350 MB, where V8 does not put off collecting garbage', async () => {
      const file = folder.file('rows.dbbackup');
      const backup = await startCli(['backup', database.url, '--out', file]);
      assert.equal(backup.code, 0, backup.stderr);
      const sums = 'SELECT count(*), sum(length(a)), sum(n % 1000) FROM big';
      const before = await database.rows(sums);
      await database.run('DELETE FROM big WHERE id % 3 = 0');
      const compared = await startCli(['compare', file, database.url, '--rows', 'all', '--json']);
      assert.equal(compared.code, 5, compared.stderr);
      const lines = folder.file('rows.ndjson');
      await writeFile(lines, compared.stdout);
      const env = { NODE_OPTIONS: '--max-old-space-size=100 --max-semi-space-size=4' };
      const restore = await startCli(['restore', file, database.url, '--rows-file', lines, '--yes'], { env });
      assert.equal(restore.code, 0, restore.stderr);
      assert.deepEqual(await database.rows(sums), before);
      const megabytes = Math.round(restore.peakMemory / 1e6);
      console.log(`      peak memory: ${megabytes} MB`);
      assert.ok(restore.peakMemory < 350_000_000, `the restore took ${megabytes} MB`);
    });

    it('stop on Ctrl+C, and leave no file', async () => {
      const file = folder.file('big.dbbackup');
      let interrupted = false;
      const run = await startCli(['backup', database.url, '--out', file, '--verbose'], {
        onStderr: (text, kill) => {
          if (interrupted || !text.includes('Backing up')) return;
          interrupted = true;
          kill('SIGINT');
        },
      });
      assert.equal(run.code, 130, run.stderr);
      assert.match(run.stderr, /Cancelled\. No backup file was written\./);
      assert.deepEqual(await readdir(folder.path), []);
    });
  });
}

describe('postgres: a large object of 300 MB', function () {
  sampleParts(this, Infinity);
  const folder = useTemporaryFolder();
  let database: TestDatabase;
  before(async () => {
    database = await testEngines.find(({ id }) => id === 'postgres')!.create();
    await database.run(`
      SELECT lo_create(4100000001);
      SELECT lo_put(4100000001, i * 1000000::bigint, decode(repeat(md5(i::text), 62500), 'hex')) FROM generate_series(0, 299) i`);
  });
  after(() => database.remove());

  it('goes out and back in with less memory than that', async () => {
    const file = folder.file('large.dbbackup');
    const backup = await startCli(['backup', database.url, '--out', file]);
    assert.equal(backup.code, 0, backup.stderr);
    await database.run('SELECT lo_unlink(4100000001)');
    const restore = await startCli(['restore', file, database.url, '--yes']);
    assert.equal(restore.code, 0, restore.stderr);
    const parts = await database.rows(
      `SELECT count(*) FROM generate_series(0, 299) i
        WHERE lo_get(4100000001, i * 1000000::bigint, 1000000) = decode(repeat(md5(i::text), 62500), 'hex')`,
    );
    assert.deepEqual(parts, [['300']]);
    const megabytes = [backup, restore].map(({ peakMemory }) => Math.round(peakMemory / 1e6));
    console.log(`      peak memory: backup ${megabytes[0]} MB, restore ${megabytes[1]} MB`);
    assert.ok(backup.peakMemory < limit, `the backup took ${megabytes[0]} MB`);
    assert.ok(restore.peakMemory < limit, `the restore took ${megabytes[1]} MB`);
  });
});
