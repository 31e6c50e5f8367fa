import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { silentLogger } from '../../../src/core/logger.ts';
import { failure } from '../../support/errors.ts';
import {
  chosenTable,
  differences,
  makePast,
  restoreRows,
  showValue,
  useChosenFiles,
} from '../../support/sqliteChosen.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import { connectSqlite, integrity, runSqlite } from '../../support/sqliteFiles.ts';

describe('SQLite: chosen rows of tables of all shapes', () => {
  let file: string;
  let past: string;
  const { expect, assertExpected } = useChosenFiles((files) => ({ file, past } = files));

  describe('shapes of tables', () => {
    /** The schema with rows, what changes, and the choice; all of it comes back. */
    const cases: readonly [string, string, string, string[]?][] = [
      [
        'unique values that were swapped',
        `CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v UNIQUE); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)`,
        `UPDATE t SET u = 'x' WHERE id = 1; UPDATE t SET u = 'a' WHERE id = 2; UPDATE t SET u = 'b' WHERE id = 1;
         DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 'c', 3)`,
      ],
      [
        'hidden rowids',
        `CREATE TABLE t (k TEXT PRIMARY KEY, a); INSERT INTO t (rowid, k, a) VALUES (10, 'a', 1), (20, 'b', 2), (30, 'c', 3)`,
        `UPDATE t SET a = 9`,
      ],
      [
        'a key that ignores case',
        `CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE, a) WITHOUT ROWID; INSERT INTO t VALUES ('Abc', 1), ('x', 2)`,
        `UPDATE t SET a = 2; DELETE FROM t WHERE k = 'X'`,
      ],
      [
        'a key of two columns without rowids',
        `CREATE TABLE t (a TEXT COLLATE NOCASE, b INTEGER, c, PRIMARY KEY (b, a)) WITHOUT ROWID;
         INSERT INTO t VALUES ('A', 1, 1), ('A', 2, 2), ('b', 1, 3)`,
        `UPDATE t SET c = 0 WHERE b = 1; DELETE FROM t WHERE b = 2; INSERT INTO t VALUES ('z', 9, 9)`,
      ],
      [
        'triggers, in their order',
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE other (a);
         CREATE TRIGGER z AFTER INSERT ON t BEGIN DELETE FROM other; END; CREATE TRIGGER y AFTER INSERT ON T BEGIN DELETE FROM t; END;
         CREATE TRIGGER x BEFORE DELETE ON t BEGIN SELECT raise(ABORT, 'never'); END; CREATE TRIGGER w AFTER INSERT ON other BEGIN SELECT 1; END;
         CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER u INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
         INSERT INTO t SELECT 1, 2 WHERE FALSE`,
        `DROP TRIGGER x; DROP TRIGGER y; DROP TRIGGER z; INSERT INTO t VALUES (1, 1), (2, 2);
         CREATE TRIGGER z AFTER INSERT ON t BEGIN DELETE FROM other; END; CREATE TRIGGER y AFTER INSERT ON T BEGIN DELETE FROM t; END;
         CREATE TRIGGER x BEFORE DELETE ON t BEGIN SELECT raise(ABORT, 'never'); END;`,
      ],
      [
        'generated columns',
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b AS (a * 2) STORED UNIQUE, c AS (a + 1)); CREATE INDEX i ON t (c);
         INSERT INTO t (id, a) VALUES (1, 1), (2, 2), (3, 3)`,
        `UPDATE t SET a = a + 10; DELETE FROM t WHERE id = 2; INSERT INTO t (id, a) VALUES (4, 4)`,
      ],
      [
        'names that are keywords, in other letters, or of our own',
        'CREATE TABLE "t" ("select" INTEGER PRIMARY KEY, place, found, state, live, "a`b""c", has_seen, bytes, sides, chosen, k0, v0, also, c0);' +
          `INSERT INTO t VALUES (1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13), (2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)`,
        `UPDATE t SET found = 'x', state = 'write' WHERE place = 1; DELETE FROM t WHERE "select" = 2`,
      ],
      [
        'columns that hide the rowid',
        `CREATE TABLE t (rowid TEXT PRIMARY KEY, oid, _rowid_); INSERT INTO t VALUES ('a', 1, 2), ('b', 3, 4)`,
        `UPDATE t SET oid = 7; DELETE FROM t WHERE rowid = 'b'; INSERT INTO t VALUES ('c', 5, 6)`,
      ],
      [
        'a column of another name for the rowid that is not the key',
        `CREATE TABLE t (rowid TEXT, k NOT NULL UNIQUE, id INTEGER PRIMARY KEY); INSERT INTO t VALUES ('a', 1, 2), ('b', 3, 4)`,
        `UPDATE t SET rowid = 7; DELETE FROM t WHERE k = 3`,
      ],
    ];
    for (const [title, schema, change] of cases) {
      it(title, async () => {
        makePast(file, past, schema, change);
        await restoreRows(file, [await differences(file, past, 't')]);
        assert.deepEqual(sqliteDump(file), sqliteDump(past));
        assert.equal(integrity(file), 'ok');
      });
    }

    it('a key in other letters is the same key', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE, a); INSERT INTO t VALUES ('abc', 1)`,
        `UPDATE t SET k = 'ABC', a = 2`,
      );
      const { rows, ...chosen } = await differences(file, past, 't');
      const row = { seen: rows[0]!.seen!, wanted: rows[1]!.wanted! };
      const { found, written } = await restoreRows(file, [{ ...chosen, rows: [row] }]);
      assert.deepEqual([found.listed, written.length], [[], 1]);
      assert.deepEqual(sqliteDump(file), sqliteDump(past));
    });

    it('equal rows without a key go and come as often as they were chosen', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (a COLLATE NOCASE, b); INSERT INTO t VALUES ('x', 1), ('x', 1), ('X', 1), ('x', 1.0), (NULL, NULL), ('y', 2)`,
        `INSERT INTO t VALUES ('x', 1), ('x', 1), ('new', x'00'); DELETE FROM t WHERE a IS NULL OR a = 'y'`,
      );
      const chosen = await differences(file, past, 't', { keyless: true });
      assert.equal(chosen.rows.length, 5);
      const { written, unchanged } = await restoreRows(file, [chosen]);
      assert.deepEqual([written.length, unchanged], [5, [0]]);
      const after = await differences(file, past, 't', { keyless: true });
      assert.deepEqual(after.rows, []);
    });

    it('a row without a key that is gone already is as wanted', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (a); INSERT INTO t VALUES (1)`,
        `INSERT INTO t VALUES (2), (2), (2)`,
      );
      const chosen = await differences(file, past, 't', { keyless: true });
      runSqlite(file, 'DELETE FROM t WHERE rowid = 3');
      const { unchanged } = await restoreRows(file, [chosen]);
      assert.deepEqual(unchanged, [1]);
      assert.deepEqual(sqliteDump(file), sqliteDump(past));
    });

    it('rows with a NULL in their primary key are told apart by their values', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (seen_row TEXT PRIMARY KEY, a); INSERT INTO t VALUES (NULL, 1), (NULL, 1), ('k', 2), (NULL, 3)`,
        `DELETE FROM t WHERE rowid IN (2, 4); UPDATE t SET a = 7 WHERE seen_row = 'k'; INSERT INTO t VALUES (NULL, 5)`,
      );
      const { rows, ...chosen } = await differences(file, past, 't');
      const values = (a: number | null) =>
        a === null ? null : ({ kind: 'integer', text: String(a) } as const);
      const nulls = [
        { wanted: [null, values(1)] },
        { wanted: [null, values(3)] },
        { seen: [null, values(5)] },
      ];
      const keyed = rows.filter(({ seen, wanted }) => (seen ?? wanted)?.[0] !== null);
      await restoreRows(file, [{ ...chosen, rows: [...nulls, ...keyed] }]);
      assert.deepEqual((await differences(file, past, 't', { keyless: true })).rows, []);
    });

    it('columns that were not chosen keep what they have, and get their defaults', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b DEFAULT 'new'); INSERT INTO t VALUES (1, 'a', 'kept'), (2, 'b', 'lost')`,
        `UPDATE t SET a = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2`,
      );
      expect(`UPDATE t SET a = 'a' WHERE id = 1; INSERT INTO t (id, a) VALUES (2, 'b')`);
      const { written } = await restoreRows(file, [
        await differences(file, past, 't', { columns: ['id', 'a'] }),
      ]);
      assertExpected();
      assert.deepEqual(
        written.map(({ row }) => [row.before?.map(showValue), row.after?.map(showValue)]),
        [
          [
            ['integer:1', 'text:x', 'text:kept'],
            ['integer:1', 'text:a', 'text:kept'],
          ],
          [undefined, ['integer:2', 'text:b', 'text:new']],
        ],
      );
    });

    it('large values that were not chosen are read one after the other', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO t SELECT i, 1, zeroblob(4000000) FROM n`,
        `UPDATE t SET a = 2`,
      );
      const chosen = await differences(file, past, 't', { columns: ['id', 'a'] });
      const session = await connectSqlite(file);
      const opened = await session.beginRows([await chosenTable(session, chosen)], { logger: silentLogger });
      const result = await (await opened.check()).write('skip');
      let [most, rows] = [0, 0];
      for await (const page of result.rows()) {
        rows += page.rows.length;
        most = Math.max(most, process.memoryUsage().arrayBuffers);
      }
      await session.close();
      assert.equal(rows, 40);
      assert.ok(most < 120e6, `${Math.round(most / 1e6)} MB of 320 MB were in memory at a time`);
    });

    it('AUTOINCREMENT counters rise for rows that are higher, and no others', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
         INSERT INTO t VALUES (1, 1), (50, 2); INSERT INTO u VALUES (1, 1), (2, 2)`,
        `DELETE FROM t WHERE id = 50; UPDATE sqlite_sequence SET seq = 7 WHERE name = 't'; UPDATE u SET a = 5; DELETE FROM u WHERE id = 2;
         UPDATE sqlite_sequence SET seq = 60 WHERE name = 'u'`,
      );
      expect(`INSERT INTO t VALUES (50, 2); UPDATE u SET a = 1; INSERT INTO u VALUES (2, 2)`);
      await restoreRows(file, [await differences(file, past, 't'), await differences(file, past, 'u')]);
      assertExpected();
    });

    it('a table with as many columns as SQLite allows', async () => {
      const columns = Array.from({ length: 2000 }, (_, index) => `c${index}`);
      makePast(
        file,
        past,
        `CREATE TABLE t (${columns.join(', ')}, PRIMARY KEY (c0)) WITHOUT ROWID;
         INSERT INTO t (c0, c1, c1999) VALUES (1, 'a', 'z'), (2, 'b', 'y')`,
        `UPDATE t SET c1999 = 1; DELETE FROM t WHERE c0 = 2`,
      );
      await restoreRows(file, [await differences(file, past, 't')]);
      assert.deepEqual(sqliteDump(file), sqliteDump(past));
    });

    it('rows with the greatest rowids, with and without a key', async () => {
      for (const key of ['', 'PRIMARY KEY']) {
        for (const name of [file, past]) rmSync(name, { force: true });
        makePast(
          file,
          past,
          `CREATE TABLE t (a ${key}); INSERT INTO t (rowid, a) VALUES (9223372036854775807, 1), (-9223372036854775808, 2), (3, 3)`,
          `DELETE FROM t WHERE a = 2; INSERT INTO t (rowid, a) VALUES (4, 4)`,
        );
        await restoreRows(file, [await differences(file, past, 't')]);
        assert.deepEqual((await differences(file, past, 't', { keyless: true })).rows, []);
        assert.equal(integrity(file), 'ok');
      }
    });

    it('a hidden rowid in a table with as many columns as SQLite allows', async () => {
      const columns = Array.from({ length: 2000 }, (_, index) => `c${index}`);
      makePast(
        file,
        past,
        `CREATE TABLE t (${columns.join(', ')}, PRIMARY KEY (c0)); INSERT INTO t (c0, c1, c1999) VALUES (1, 'a', 'z'), (2, 'b', 'y')`,
        `UPDATE t SET c1999 = 1; DELETE FROM t WHERE c0 = 2`,
      );
      await restoreRows(file, [await differences(file, past, 't')]);
      assert.deepEqual((await differences(file, past, 't')).rows, []);
    });

    it('conflict clauses of the table replace no other row', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON CONFLICT REPLACE, n NOT NULL ON CONFLICT REPLACE DEFAULT 5);
         INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1)`,
        `DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (7, 'x', 1)`,
      );
      const { rows, ...chosen } = await differences(file, past, 't');
      runSqlite(file, `UPDATE t SET u = 'a' WHERE id = 7`);
      expect('');
      const back = { ...chosen, rows: rows.filter(({ seen }) => !seen) };
      const { refused } = await restoreRows(file, [back], { answer: 'overwrite' });
      assert.deepEqual(refused.counts, { constraint: 1 });
      assertExpected();
    });

    it('values that a type would change are not written silently', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 1)`,
        'DELETE FROM t',
      );
      const text = [{ kind: 'integer', text: '1' } as const, { kind: 'text', text: '12' } as const];
      expect('');
      await failure(restoreRows(file, [{ name: 't', rows: [{ wanted: text }] }]), 'verification');
      assertExpected();
    });

    it('rows that nothing tells apart are refused', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3)`,
        'DELETE FROM t',
      );
      expect('');
      await failure(restoreRows(file, [await differences(file, past, 't')]), 'usage');
      assertExpected();
    });

    it('virtual tables are refused', async () => {
      runSqlite(file, `CREATE VIRTUAL TABLE f USING fts5 (a); CREATE TABLE t (id INTEGER PRIMARY KEY)`);
      const session = await connectSqlite(file);
      const table = { ...(await session.describeTable({ name: 't' })), name: { name: 'f' } };

      const rows = (async function* () {})();
      const opened = await session.beginRows([{ table, columns: ['a'], otherColumns: [], rows }], {
        logger: { debug() {}, info() {}, warn() {}, error() {} },
      });
      await failure(opened.check(), 'usage');
      await opened.rollback();
      await session.close();
    });

    it('full-text indexes over the rows follow, and triggers do not fire', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE docs (id INTEGER PRIMARY KEY, body); CREATE VIRTUAL TABLE f USING fts5 (body, content='docs', content_rowid='id');
         CREATE TABLE log (a);
         CREATE TRIGGER ai AFTER INSERT ON docs BEGIN INSERT INTO f (rowid, body) VALUES (new.id, new.body); INSERT INTO log VALUES ('i'); END;
         CREATE TRIGGER ad AFTER DELETE ON docs BEGIN INSERT INTO f (f, rowid, body) VALUES ('delete', old.id, old.body); INSERT INTO log VALUES ('d'); END;
         INSERT INTO docs VALUES (1, 'apple'), (2, 'pear')`,
        `DELETE FROM docs WHERE id = 2; INSERT INTO docs VALUES (3, 'plum')`,
      );
      await restoreRows(file, [await differences(file, past, 'docs')]);
      runSqlite(file, `INSERT INTO f (f, rank) VALUES ('integrity-check', 1)`);

      const log = await differences(file, past, 'log', { keyless: true });
      assert.equal(log.rows.length, 2, 'a trigger fired');
    });
  });
});
