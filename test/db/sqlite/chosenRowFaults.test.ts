import assert from 'node:assert/strict';
import { describeError } from '../../../src/core/errors.ts';
import { failure } from '../../support/errors.ts';
import { differences, makePast, restoreRows, useChosenFiles } from '../../support/sqliteChosen.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import { holdSqlite, runSqlite } from '../../support/sqliteFiles.ts';

describe('SQLite: chosen rows that are not written', () => {
  let file: string;
  let past: string;
  useChosenFiles((files) => ({ file, past } = files));

  describe('faults', () => {
    const steps = ['check', 'matching', 'write', 'rows', 'verify', 'commit'];
    for (const journal of ['DELETE', 'WAL']) {
      for (const step of steps) {
        for (const how of ['throws', 'session closes', 'cancelled'] as const) {
          it(`${how} before "${step}" leaves everything as it was (${journal})`, async () => {
            makePast(
              file,
              past,
              `PRAGMA journal_mode = ${journal}; CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b');
               CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT raise(ABORT, 'never'); END`.replace(
                /(CREATE TRIGGER.*END)/s,
                '$1',
              ),
              `UPDATE t SET a = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2`,
            );
            const chosen = [await differences(file, past, 't')];
            const before = sqliteDump(file);
            const abort = new AbortController();
            let fired = false;
            await assert.rejects(
              restoreRows(file, chosen, {
                signal: abort.signal,
                before: async (name, _, session) => {
                  if (name !== step) return;
                  fired = true;
                  if (how === 'throws') throw new Error('a fault');
                  if (how === 'cancelled') abort.abort();
                  else await session.close();
                },
              }).then((outcome) => {
                // What is asked for nothing more cannot be cancelled: the COMMIT.
                if (how === 'cancelled' && step === 'commit')
                  throw new Error('committed', { cause: outcome });
              }),
            );
            assert.ok(fired);
            if (how === 'cancelled' && step === 'commit') return;
            assert.deepEqual(sqliteDump(file), before);
          });
        }
      }
    }

    it('closing the session while rows are written undoes all', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO t SELECT i, hex(randomblob(50)) FROM n`,
        `DELETE FROM t; CREATE INDEX i ON t (a)`,
      );
      const chosen = [await differences(file, past, 't')];
      const before = sqliteDump(file);
      for (const step of ['check', 'write', 'rows', 'verify']) {
        let closing: Promise<void> | undefined;
        const error = await failure(
          restoreRows(file, chosen, {
            before: (name, _, session): void => {
              if (name === step) setTimeout(() => void (closing = session.close()), 1);
            },
          }),
          'cancelled',
        );
        await closing;
        assert.equal(error.code, 'cancelled', step);
        assert.deepEqual(sqliteDump(file), before, step);
      }
    });

    it('tells of a lock of another process', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)`,
        'DELETE FROM t',
      );
      const chosen = [await differences(file, past, 't')];
      const before = sqliteDump(file);
      const other = await holdSqlite(file, 'BEGIN IMMEDIATE');
      const error = await failure(restoreRows(file, chosen), 'database');
      await other.end();
      assert.match(describeError(error), /locked: another process holds a lock/);
      assert.deepEqual(sqliteDump(file), before);
    });

    it('waits with its lock until the rows are there', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)`,
        'DELETE FROM t',
      );
      const chosen = [await differences(file, past, 't')];
      await restoreRows(file, chosen, {
        before: (name) => {
          if (name === 'check') runSqlite(file, 'CREATE TABLE made_meanwhile (a)');
        },
      });
    });
  });
});
