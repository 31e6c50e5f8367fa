import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describeError } from '../../../src/core/errors.ts';
import { failure } from '../../support/errors.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('SQLite: restoring into tables that have changed', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  function rows(sql: string): unknown[][] {
    const database = new DatabaseSync(file);
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    } finally {
      database.close();
    }
  }

  async function drifted(then: string, now: string): Promise<void> {
    runSqlite(file, then);
    const backup = await backUpSqlite(file);
    runSqlite(file, now);
    await restoreSqlite(file, backup);
  }

  it('fills new columns with their default, whatever their order', async () => {
    await drifted(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (5, 'x', 1.5), (9, 'y', NULL)`,
      `DROP TABLE t; CREATE TABLE T (B, extra DEFAULT 'new', a, ID INTEGER PRIMARY KEY, g AS (a || b))`,
    );
    assert.deepEqual(rows('SELECT * FROM t'), [
      [1.5, 'new', 'x', 5, 'x1.5'],
      [null, 'new', 'y', 9, null],
    ]);
  });

  it('keeps hidden rowids, also where a column has taken the name', async () => {
    await drifted(
      `CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3); DELETE FROM t WHERE a = 2`,
      `DROP TABLE t; CREATE TABLE t (a, rowid DEFAULT 7)`,
    );
    assert.deepEqual(rows('SELECT _rowid_ AS r, a, rowid FROM t'), [
      [1, 1, 7],
      [3, 3, 7],
    ]);
  });

  it('takes tables that lost or got a key or their rowid', async () => {
    const kinds = [
      'id INTEGER PRIMARY KEY, a)',
      'id INTEGER, a)',
      'id INTEGER PRIMARY KEY, a) WITHOUT ROWID',
      'id INTEGER, a UNIQUE)',
      'id INTEGER PRIMARY KEY, a, oid, rowid, _rowid_)',
      'id, a, oid, rowid, _rowid_)',
    ];
    for (const then of kinds) {
      for (const now of kinds) {
        await drifted(
          `DROP TABLE IF EXISTS t; CREATE TABLE t (${then}; INSERT INTO t (id, a) VALUES (30, 'x'), (10, 'y')`,
          // A backup's columns must all be there.
          `DROP TABLE t; CREATE TABLE t (${/rowid,/.test(then) && !/rowid,/.test(now) ? then : now}`,
        );
        assert.deepEqual(
          rows('SELECT id, a FROM t ORDER BY a'),
          [
            [30, 'x'],
            [10, 'y'],
          ],
          `${then} → ${now}`,
        );
      }
    }
  });

  it('does not commit values that the new type changes', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, '007')`,
    );
    const backup = await backUpSqlite(file);
    runSqlite(file, `DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)`);
    const before = sqliteDump(file);
    for (const mode of ['replace', 'merge', 'insert-missing'] as const) {
      const error = await failure(restoreSqlite(file, backup, { mode }), 'verification');
      assert.equal(error.details.place?.table, 't');
      if (mode !== 'insert-missing') assert.match(error.message, /the row with rowid 2 has different values/);
      assert.deepEqual(sqliteDump(file), before);
    }
  });

  it('sees that a table is another one since the plan was made', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const backup = await backUpSqlite(file);
    const changes: [sql: string, reason: RegExp][] = [
      ['DROP TABLE t', /planned: it is missing/],
      ['DROP TABLE t; CREATE VIEW t AS SELECT 1 AS a', /planned: it is missing/],
      ['DROP TABLE t; CREATE TABLE t (b)', /planned: it has no column a that can be written/],
      ['DROP TABLE t; CREATE TABLE t (a AS (b), b)', /planned: it has no column a that can be written/],
    ];
    for (const [sql, reason] of changes) {
      runSqlite(file, `DROP TABLE t; CREATE TABLE t (a)`);
      const before = (step: string): void => {
        if (step === 'prepare') runSqlite(file, sql);
      };
      const error = await failure(restoreSqlite(file, backup, { before }), 'refused');
      assert.match(describeError(error), reason);
      runSqlite(
        file,
        sql.includes('VIEW') ? 'DROP VIEW t; CREATE TABLE t (a)' : 'CREATE TABLE IF NOT EXISTS t (a)',
      );
    }
  });
});
