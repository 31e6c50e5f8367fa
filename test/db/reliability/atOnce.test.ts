import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { sqliteEngine } from '../../../src/engines/sqlite/engine.ts';
import { backUp, failure, restore, usePostgres, withTransaction } from '../../support/postgresRestores.ts';
import { connectSqlite, holdSqlite, runSqlite } from '../../support/sqliteFiles.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';

describe('two restores into one database at once', () => {
  const folder = useTemporaryFolder();

  for (const engine of testEngines) {
    it(`end one after the other, or the second is refused with nothing changed (${engine.id})`, async () => {
      const database: TestDatabase = await engine.create();
      try {
        await database.run(`
          CREATE TABLE a (id integer PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'one'), (2, 'two');
          CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a (id)); INSERT INTO b VALUES (1, 1), (2, 2);`);
        const file = folder.file('x.dbbackup');
        await backUp(database, file);
        const wanted = await database.dump();
        for (let round = 0; round < 5; round += 1) {
          await database.run(`DELETE FROM b; DELETE FROM a WHERE id = 2; UPDATE a SET t = 'spoilt'`);
          const outcomes = await Promise.allSettled([restore(file, database), restore(file, database)]);
          assert.ok(outcomes.some(({ status }) => status === 'fulfilled'));
          for (const outcome of outcomes) {
            if (outcome.status === 'fulfilled') continue;
            assert.ok(RestorePointError.is(outcome.reason), String(outcome.reason));
            assert.match(describeError(outcome.reason), /Nothing was changed/);
          }
          assert.equal(await database.dump(), wanted);
        }
      } finally {
        await database.remove();
      }
    });
  }
});

describe('PostgreSQL: a restore that waits for another one', () => {
  const postgres = usePostgres();

  it('is refused after a while, and says which session holds the table', async () => {
    const database = await postgres.create(
      'CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)',
    );
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await database.run('INSERT INTO t VALUES (2)');
    const before = await database.dump();
    await withTransaction(file, database, 'replace', async ([prepare], first) => {
      await prepare!();
      const [[pid]] = (await database.rows(
        `SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'Restore Point' AND state LIKE 'idle in%'`,
      )) as [[string]];
      // Before it writes it counts the rows, and has to wait there already.
      const error = await failure(restore(file, database));
      const words = describeError(error);
      assert.match(words, new RegExp(`process ${pid}, user postgres, Restore Point, idle in transaction`));
      assert.match(words, /Nothing was changed.*(end their sessions|try again)/);
      await first.rollback();
    });
    assert.equal(await database.dump(), before);
  });
});

describe('SQLite: a cancel', () => {
  const folder = useTemporaryFolder();

  /** Without an end, and without a row: what is interrupted within a statement has to be asked in its midst. */
  const endless = '(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)';

  it('ends a statement that would not end by itself', async () => {
    const file = folder.file('endless.db');
    runSqlite(file, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const session = await connectSqlite(file, { readOnly: true });
    const controller = new AbortController();
    let cancelledAt = 0;
    setTimeout(() => {
      cancelledAt = performance.now();
      controller.abort();
    }, 200);
    const where = [{ table: { name: 't' }, condition: `a < ${endless}` }];
    const error = await failure(
      takeBackup(session, {
        file: folder.file('x.dbbackup'),
        selection: { tables: [{ name: 't' }], where },
        logger: silentLogger,
        signal: controller.signal,
      }),
    );
    console.log(`      ended ${Math.round(performance.now() - cancelledAt)} ms after it was cancelled`);
    assert.equal(error.code, 'cancelled');
    await session.close();
    runSqlite(file, 'PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; ROLLBACK');
  });

  it('ends the wait for a lock of somebody else', async () => {
    const file = folder.file('held.db');
    runSqlite(file, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const before = sqliteDump(file);
    const database: TestDatabase = {
      engine: sqliteEngine,
      connect: () => connectSqlite(file),
    } as unknown as TestDatabase;
    const backup = folder.file('x.dbbackup');
    await backUp(database, backup);
    const other = await holdSqlite(file, 'BEGIN IMMEDIATE');
    const controller = new AbortController();
    const outcome = failure(restore(backup, database, { signal: controller.signal }));
    await delay(500);
    controller.abort();
    assert.equal((await outcome).code, 'cancelled');
    await other.end();
    assert.deepEqual(sqliteDump(file), before);
  });
});
