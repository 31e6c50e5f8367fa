import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describeError, RestorePointError } from '../../src/core/errors.ts';
import { watchBoundaries } from '../support/faults/boundaries.ts';
import { type Fault, FaultSet, withFaults } from '../support/faults/faultSet.ts';
import { openFiles } from '../support/openFiles.ts';
import { sqliteDump } from '../support/sqliteDump.ts';
import { runSqlite, useSystemTemporaryFolder } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { countTried } from '../support/triedCounts.ts';
import { backUpFile, restoreFile } from './everything/sqliteRoundTrip.ts';

const table = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, a); CREATE INDEX i ON t (a); CREATE INDEX e ON t (a + 1);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
  INSERT INTO t SELECT i, 'u' || i, i % 100 FROM n;`;

const changes = `DELETE FROM t WHERE id = 5; UPDATE t SET a = -1 WHERE id = 900; INSERT INTO t VALUES (9000, 'new', 1)`;

describe('SQLite: restoring what differs, and faults', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  for (const kind of ['that fails', 'at which it is cancelled'] as const) {
    it(`leaves all as it was or as it is to be after a step ${kind}`, async function () {
      this.timeout(120_000);
      const [changed, file, backup] = ['changed.db', 'a.db', 'a.dbbackup'].map((name) =>
        folder.file(name),
      ) as [string, string, string];
      runSqlite(changed, table);
      await backUpFile(changed, backup);
      const wanted = sqliteDump(changed);
      runSqlite(changed, changes);
      const damaged = sqliteDump(changed);
      const unwatch = await watchBoundaries();
      try {
        const attempt = async (fault?: Fault, signal?: AbortSignal): Promise<[FaultSet, unknown]> => {
          copyFileSync(changed, file);
          const faults = new FaultSet(fault);
          const error = await withFaults(faults, () =>
            restoreFile(backup, file, signal ? { signal } : {}).then(
              () => undefined,
              (caught: unknown) => caught,
            ),
          );
          return [faults, error];
        };
        const judge = (faults: FaultSet, error: unknown): void => {
          assert.equal(faults.fired, 1, 'the fault never fired');
          assert.deepEqual(openFiles(folder.path), [], 'a file is still open');
          const isDone = isDeepStrictEqual(sqliteDump(file), wanted);
          if (!faults.failedToRemove) assert.deepEqual(readdirSync(tmpdir()), [], 'a temporary file is left');
          if (error === undefined) return assert.ok(isDone, 'it was told as done');
          assert.ok(RestorePointError.is(error), 'somebody else’s error came out');
          if (!isDone) assert.deepEqual(sqliteDump(file), damaged);
          if (isDone) assert.doesNotMatch(describeError(error), /Nothing was changed/);
        };
        const [first, second] = [await attempt(), await attempt()];
        assert.deepEqual([first[1], second[1]], [undefined, undefined]);
        const steps = first[0].steps.filter((step) => second[0].steps.includes(step));
        assert.ok(steps.some((step) => step.includes('quick_check')));
        const lost: string[] = [];
        for (const at of steps) {
          const controller = new AbortController();
          const fault: Fault =
            kind === 'that fails' ? { at, fails: true } : { at, before: () => controller.abort() };
          const [faults, error] = await attempt(fault, controller.signal);
          try {
            judge(faults, error);
          } catch (wrong) {
            lost.push(`${at}: ${String(wrong)} [${String(error)}]`);
          }
          for (const name of readdirSync(tmpdir())) rmSync(path.join(tmpdir(), name), { recursive: true });
        }
        countTried('faults', `SQLite restore of what differs: a step ${kind}`, steps.length, lost.length);
        assert.deepEqual(lost, []);
        assert.deepEqual(readdirSync(folder.path).toSorted(), ['a.db', 'a.dbbackup', 'changed.db']);
      } finally {
        unwatch();
      }
    });
  }
});
