import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { stepFaults, tryEveryStep } from '../../support/faults/everyStep.ts';
import type { FaultSet } from '../../support/faults/faultSet.ts';
import { openFiles } from '../../support/openFiles.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import { runSqlite, useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';
import { backUpFile, restoreFile } from '../everything/sqliteRoundTrip.ts';

const table = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, a); CREATE INDEX i ON t (a); CREATE INDEX e ON t (a + 1);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
  INSERT INTO t SELECT i, 'u' || i, i % 100 FROM n;`;

const changes = `DELETE FROM t WHERE id = 5; UPDATE t SET a = -1 WHERE id = 900; INSERT INTO t VALUES (9000, 'new', 1)`;

describe('SQLite: restoring what differs, and faults', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  for (const kind of stepFaults) {
    it(`leaves all as it was or as it is to be after a step ${kind}`, async function () {
      this.timeout(120_000);
      const [changed, file, backup] = [
        folder.file('changed.db'),
        folder.file('a.db'),
        folder.file('a.dbbackup'),
      ];
      runSqlite(changed, table);
      await backUpFile(changed, backup);
      const wanted = sqliteDump(changed);
      runSqlite(changed, changes);
      const damaged = sqliteDump(changed);
      const judge = (faults: FaultSet, error: unknown): void => {
        assert.deepEqual(openFiles(folder.path), [], 'a file is still open');
        if (!faults.failedToRemove) assert.deepEqual(readdirSync(tmpdir()), [], 'a temporary file is left');
        const isDone = isDeepStrictEqual(sqliteDump(file), wanted);
        if (error === undefined) return assert.ok(isDone, 'it was told as done');
        assert.ok(RestorePointError.is(error), 'somebody else’s error came out');
        if (!isDone) assert.deepEqual(sqliteDump(file), damaged);
        else assert.doesNotMatch(describeError(error), /Nothing was changed/);
      };
      const { steps, tried, lost } = await tryEveryStep(kind, {
        prepare: () => copyFileSync(changed, file),
        run: (options) => restoreFile(backup, file, options),
        judge,
        cleanUp: () => {
          for (const name of readdirSync(tmpdir())) rmSync(path.join(tmpdir(), name), { recursive: true });
        },
      });
      assert.ok(steps.some((step) => step.includes('quick_check')));
      countTried('faults', `SQLite restore of what differs: a step ${kind}`, tried.length, lost.length);
      assert.deepEqual(lost, []);
      assert.deepEqual(readdirSync(folder.path).toSorted(), ['a.db', 'a.dbbackup', 'changed.db']);
    });
  }
});
