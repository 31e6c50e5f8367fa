import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { sampleParts } from '../../support/sample.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

/** As many as SQLite allows. */
const columns = Array.from({ length: 2000 }, (_, index) => `c${index}`);

/** From so many rows on, only what differs is written. */
const rows = 1200;

const tables = {
  'no key': `CREATE TABLE t (${columns.join(', ')})`,
  'a key that is no rowid': `CREATE TABLE t (c0 TEXT PRIMARY KEY, ${columns.slice(1).join(', ')})`,
  'a key that is the rowid': `CREATE TABLE t (c0 INTEGER PRIMARY KEY, ${columns.slice(1).join(', ')})`,
  'no rowid': `CREATE TABLE t (c0 TEXT PRIMARY KEY, ${columns.slice(1).join(', ')}) WITHOUT ROWID`,
};

const fill = `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
  INSERT INTO t (c0, c1, c1999) SELECT i, 'a' || i, i * 1.5 FROM n; DELETE FROM t WHERE c0 = 7;`;

const damage = `
  UPDATE t SET c1 = 'b' WHERE c0 = 5; DELETE FROM t WHERE c0 = 100; UPDATE t SET c1999 = NULL WHERE c0 = 900;`;

for (const [kind, table] of Object.entries(tables)) {
  describe(`SQLite: a table with as many columns as SQLite allows, and ${kind}`, function () {
    sampleParts(this, kind === 'no key' ? 6 : Infinity);
    const folder = useTemporaryFolder();
    useSystemTemporaryFolder();
    let file: string;
    let wanted: string;
    beforeEach(() => {
      file = folder.file('target.db');
      runSqlite(file, `${table}; ${fill} CREATE TABLE other (a)`);
      wanted = valuesOf(file);
    });

    /** Where rows are written one by one, a statement has no room for rowids that are no column's. */
    const all = kind === 'no key' ? valuesOf : (name: string) => sqliteDump(name).join('\n');

    /** Those of every row, in the order of their key. */
    function valuesOf(name: string): string {
      const database = new DatabaseSync(name);
      try {
        const found = database.prepare('SELECT c0, c1, c2, c1999 FROM t ORDER BY CAST(c0 AS INTEGER)').all();
        return JSON.stringify(found);
      } finally {
        database.close();
      }
    }

    it('comes back where a few rows differ', async () => {
      const before = all(file);
      const backup = await backUpSqlite(file);
      runSqlite(file, damage);
      await restoreSqlite(file, backup);
      assert.equal(all(file), before);
    });

    it('comes back where most rows differ, and where the table is missing', async () => {
      const before = all(file);
      const backup = await backUpSqlite(file);
      for (const sql of ['UPDATE t SET c2 = 1', 'DELETE FROM t', 'DROP TABLE t']) {
        runSqlite(file, sql);
        await restoreSqlite(file, backup);
        assert.equal(all(file), before);
      }
    });

    it('comes back into a table that is written otherwise', async () => {
      const backup = await backUpSqlite(file);
      runSqlite(file, `DROP TABLE t; ${table.replace('c1,', 'c1 DEFAULT 1,')}`);
      await restoreSqlite(file, backup);
      assert.equal(valuesOf(file), wanted);
    });

    it('comes back from a backup of chosen rows', async () => {
      const backup = await backUpSqlite(file, [{ name: 't', where: 'c1 IS NOT NULL' }]);
      runSqlite(file, damage);
      await restoreSqlite(file, backup);
      assert.equal(valuesOf(file), wanted);
    });

    it('comes back from a backup of the table alone', async () => {
      const backup = await backUpSqlite(file, ['t']);
      runSqlite(file, damage);
      await restoreSqlite(file, backup);
      assert.equal(valuesOf(file), wanted);
    });

    it('comes into a database with text in another encoding', async () => {
      const backup = await backUpSqlite(file);
      const other = folder.file('other.db');
      runSqlite(other, `PRAGMA encoding = 'UTF-16le'; CREATE TABLE there_before (a)`);
      await restoreSqlite(other, backup);
      assert.equal(valuesOf(other), wanted);
    });

    if (!kind.startsWith('no key')) {
      it('is merged', async () => {
        runSqlite(file, 'DROP TABLE other');
        const backup = await backUpSqlite(file);
        runSqlite(file, damage);
        await restoreSqlite(file, backup, { mode: 'merge' });
        assert.equal(valuesOf(file), wanted);
      });
    }
  });
}
