import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { takeBackup } from '../../src/backup/takeBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { type OpenRows, Workers } from '../../src/worker/workers.ts';
import { failure } from '../support/errors.ts';
import { sampleParts } from '../support/sample.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../support/testDatabases.ts';

const script = path.join(import.meta.dirname, '../../src/worker.ts');
const rows = 1_000_000;
const limit = 300_000_000;

const fill = {
  sqlite: `
    CREATE TABLE big (id integer primary key, a text, b text, n integer);
    WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${rows})
      INSERT INTO big SELECT i, 'Order ' || i, hex(randomblob(20)), (i * 7919) % ${rows} FROM numbers`,
  postgres: `
    CREATE TABLE big (id integer primary key, a text, b text, n bigint);
    INSERT INTO big SELECT i, 'Order ' || i, upper(md5(i::text)) || 'xyz', (i * 7919::bigint) % ${rows}
      FROM generate_series(1, ${rows}) i`,
};

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: a million rows of a backup, in the process of a viewer`, function () {
    sampleParts(this, Infinity);
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let open: OpenRows;

    before(async () => {
      database = await testEngine.create();
      await database.run(fill[id]);
    });
    beforeEach(async () => {
      const file = folder.file('big.dbbackup');
      const session = await database.connect({ readOnly: true });
      try {
        await takeBackup(session, { file, logger: silentLogger });
      } finally {
        await session.close();
      }
      const { size } = await stat(file);
      open = await new Workers(script).openRows({ file, size }, { logger: silentLogger });
    });
    afterEach(() => open?.close());
    after(() => database.remove());

    it('are filtered, sorted, searched and paged within 300 MB', async () => {
      const times: string[] = [];
      const timed = async <Result>(what: string, work: Promise<Result>): Promise<Result> => {
        const start = performance.now();
        const result = await work;
        times.push(`${what} ${Math.round(performance.now() - start)} ms`);
        return result;
      };
      assert.equal(await timed('filter', open.arrange({ table: 0, filter: { text: 'order 99999' } })), 11);
      assert.equal(
        await timed('filter all', open.arrange({ table: 0, filter: { text: 'oRdEr', column: 'a' } })),
        rows,
      );
      const sort = { column: 'n', descending: true };
      assert.equal(await timed('sort by a number', open.arrange({ table: 0, sort })), rows);
      const page = await timed('page', open.page({ after: 500_000, limit: 100 }));
      assert.deepEqual(
        page.rows.map((row) => row[3]),
        Array.from({ length: 100 }, (_, index) => String(rows - 1 - 500_000 - index)),
      );
      assert.equal(await timed('find', open.find({ text: 'ORDER 12345' })), 11);
      const first = await timed('next', open.near({ place: 0, backwards: false }));
      assert.equal(first?.index, 0);
      assert.equal(
        await timed('sort by a text', open.arrange({ table: 0, sort: { column: 'b', descending: false } })),
        rows,
      );
      await timed('page', open.page({ after: 999_900, limit: 100 }));
      const peak = Math.max(...workers().map(peakOf));
      console.log(`      ${times.join(', ')}; peak memory ${Math.round(peak / 1e6)} MB`);
      assert.ok(peak < limit, `it took ${Math.round(peak / 1e6)} MB`);
    });

    it('end when they are cancelled, and are there for the next question', async () => {
      const cancelling = new AbortController();
      const sort = { column: 'b', descending: false };
      const sorting = open.arrange({ table: 0, sort }, cancelling.signal);
      setTimeout(() => cancelling.abort(), 300);
      await failure(sorting, 'cancelled');
      const start = performance.now();
      assert.equal(await open.arrange({ table: 0, filter: { text: 'order 77777', column: 'a' } }), 11);
      assert.ok(performance.now() - start < 10_000);
    });
  });
}

/** The processes that this one has started from the script. */
function workers(): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(script);
    } catch {
      return false; // It has ended meanwhile.
    }
  });
}

function peakOf(process: string): number {
  const status = readFileSync(`/proc/${process}/status`, 'utf8');
  return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1]);
}
