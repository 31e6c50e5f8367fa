import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describeError } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { failure } from '../../support/errors.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('SQLite: references and counters', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  function rows(sql: string): unknown[][] {
    const database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
    try {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all().map((row) => Object.values(row));
    } finally {
      database.close();
    }
  }

  const family = `
    CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE);
    CREATE TABLE children (id INTEGER PRIMARY KEY, parent REFERENCES parents ON DELETE CASCADE, called REFERENCES PARENTS (Name));
    INSERT INTO parents VALUES (1, 'Ada'), (2, 'Bob'), (3, NULL);
    INSERT INTO children VALUES (10, 1, 'ADA'), (11, 2, 'bob'), (12, NULL, NULL), (13, '2', NULL);`;

  it('points in circles come back', async () => {
    runSqlite(
      file,
      `CREATE TABLE a (id INTEGER PRIMARY KEY, b NOT NULL REFERENCES b DEFERRABLE INITIALLY DEFERRED, self REFERENCES a);
       CREATE TABLE b (id INTEGER PRIMARY KEY, a NOT NULL REFERENCES a);
       INSERT INTO a VALUES (1, 1, 2), (2, 1, 1); INSERT INTO b VALUES (1, 2)`,
    );
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'DELETE FROM a; DELETE FROM b');
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
    const target = folder.file('new.db');
    await restoreSqlite(target, backup);
    assert.deepEqual(sqliteDump(target), before);
  });

  it('neither cascade nor get in the way', async () => {
    runSqlite(file, family);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file, ['parents']);
    runSqlite(file, `UPDATE parents SET name = 'x' WHERE id = 3`);
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
  });

  it('that would point at nothing stop the restore, with the row and both tables', async () => {
    runSqlite(file, family);
    const parents = await backUpSqlite(file, ['parents']);
    const children = await backUpSqlite(file, ['children']);
    runSqlite(file, `INSERT INTO parents VALUES (4, 'Cy'); INSERT INTO children VALUES (14, 4, NULL)`);
    const first = sqliteDump(file);
    const error = await failure(restoreSqlite(file, parents), 'database');
    assert.equal(error.details.place?.table, 'children');
    assert.match(
      describeError(error),
      /FOREIGN KEY constraint failed: the row with rowid 14 of children has a value in parent that is not in parents \(id\)/,
    );
    assert.deepEqual(sqliteDump(file), first);
    runSqlite(file, `DELETE FROM children; DELETE FROM parents WHERE name = 'bob'`);
    const second = sqliteDump(file);
    const other = await failure(restoreSqlite(file, children), 'database');
    assert.match(other.message, /rowid 11 of children has a value in (parent|called) that is not in parents/);
    assert.deepEqual(sqliteDump(file), second);
  });

  it('are compared as SQLite does, and its own check agrees', async () => {
    runSqlite(file, family);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'DELETE FROM children');
    await restoreSqlite(file, backup);
    assert.deepEqual(rows('PRAGMA foreign_key_check'), []);
  });

  it('that pointed at nothing before are no reason to stop', async () => {
    runSqlite(
      file,
      `${family} CREATE TABLE keyed (k TEXT PRIMARY KEY, parent REFERENCES parents) WITHOUT ROWID;
       INSERT INTO keyed VALUES ('a', 77), ('b', 1); INSERT INTO children VALUES (20, 99, 'nobody')`,
    );
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file, ['parents']);
    runSqlite(file, `UPDATE parents SET name = 'changed' WHERE id = 3`);
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
    runSqlite(file, `INSERT INTO parents VALUES (5, 'late'); INSERT INTO keyed VALUES ('c', 5)`);
    const error = await failure(restoreSqlite(file, backup), 'database');
    assert.match(error.message, /a row of keyed has a value in parent that is not in parents \(id\)/);
  });

  it('that point at nothing in the backup itself come back, with a warning', async () => {
    runSqlite(file, `${family} INSERT INTO children VALUES (20, 99, 'nobody')`);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    runSqlite(file, `DELETE FROM children WHERE id = 20`);
    const warnings: string[] = [];
    const logger: Logger = { debug() {}, info() {}, error() {}, warn: (message) => warnings.push(message) };
    await restoreSqlite(file, backup, { logger });
    assert.deepEqual(sqliteDump(file), before);
    assert.equal(warnings.length, 2);
    assert.match(
      warnings.join(),
      /Rows of children reference rows of parents that are not in the backup either/,
    );
    // Without their parents too, unless one is gone that the backup has.
    runSqlite(file, `DELETE FROM children`);
    await restoreSqlite(file, backup, { tables: ['children'] });
    assert.deepEqual(sqliteDump(file), before);
    runSqlite(file, `DELETE FROM children; DELETE FROM parents WHERE id = 2`);
    await failure(restoreSqlite(file, backup, { tables: ['children'] }), 'database');
  });

  it('that SQLite itself cannot check are left alone', async () => {
    runSqlite(
      file,
      `CREATE TABLE p (a, b); CREATE TABLE c (x REFERENCES p (a), y REFERENCES nowhere, z REFERENCES p);
       INSERT INTO c VALUES (1, 2, 3)`,
    );
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'DELETE FROM c');
    await restoreSqlite(file, backup).catch((error: unknown) => {
      // The table nowhere is not in the backup: what pointed at it then points at nothing now.
      assert.match(String(error), /a value in y that is not in nowhere/);
    });
    runSqlite(file, 'DELETE FROM c; INSERT INTO c VALUES (1, 2, 3)');
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
  });

  describe('AUTOINCREMENT', () => {
    const counted = `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT);`;

    it('goes on where it was, also past the highest row', async () => {
      runSqlite(
        file,
        `${counted} INSERT INTO t VALUES (9007199254740993, 'x'), (9007199254740995, 'y'); DELETE FROM t WHERE a = 'y'`,
      );
      const backup = await backUpSqlite(file);
      for (const change of [
        'DELETE FROM t',
        `INSERT INTO t VALUES (9007199254741999, 'z')`,
        'DELETE FROM sqlite_sequence',
      ]) {
        runSqlite(file, change);
        await restoreSqlite(file, backup);
        assert.deepEqual(rows('SELECT * FROM sqlite_sequence'), [['t', 9007199254740995n]], change);
      }
      const target = folder.file('new.db');
      await restoreSqlite(target, backup);
      file = target;
      runSqlite(file, `INSERT INTO t (a) VALUES ('next')`);
      assert.deepEqual(rows('SELECT max(id) FROM t'), [[9007199254740996n]]);
    });

    it('has no counter where there was none', async () => {
      runSqlite(file, counted);
      const backup = await backUpSqlite(file);
      runSqlite(file, 'INSERT INTO t VALUES (5, 1); INSERT INTO u VALUES (6)');
      await restoreSqlite(file, backup, { tables: ['t'] });
      assert.deepEqual(rows('SELECT * FROM sqlite_sequence'), [['u', 6n]]);
    });

    it('never goes back when rows are merged', async () => {
      runSqlite(file, `${counted} INSERT INTO t VALUES (5, 1), (9, 2); DELETE FROM t WHERE id = 9`);
      const backup = await backUpSqlite(file);
      for (const mode of ['merge', 'insert-missing'] as const) {
        runSqlite(file, `DELETE FROM t; DELETE FROM sqlite_sequence; INSERT INTO t VALUES (100, 3)`);
        await restoreSqlite(file, backup, { mode });
        assert.deepEqual(rows('SELECT * FROM sqlite_sequence'), [['t', 100n]]);
        runSqlite(file, `DELETE FROM t; DELETE FROM sqlite_sequence; INSERT INTO t VALUES (2, 3)`);
        await restoreSqlite(file, backup, { mode });
        assert.deepEqual(rows('SELECT * FROM sqlite_sequence'), [['t', 9n]]);
      }
    });
  });
});
