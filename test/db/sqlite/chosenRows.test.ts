import assert from 'node:assert/strict';
import {
  differences,
  makePast,
  restoreRows,
  showConflict,
  showValue,
  useChosenFiles,
} from '../../support/sqliteChosen.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import { runSqlite } from '../../support/sqliteFiles.ts';

describe('SQLite: chosen rows', () => {
  let file: string;
  let past: string;
  const { expect, assertExpected } = useChosenFiles((files) => ({ file, past } = files));

  const everyValue = `(1, 'a'), (9223372036854775807, -9223372036854775808), (3, 2147483648), (4, -0.0), (5, 0.0),
    (6, 9e999), (7, -9e999), (8, 0.1), (9, 1e300), (10, 5e-324), (11, x''), (12, x'00ff'), (13, ''), (14, 'a' || char(0) || 'b'),
    (15, CAST(x'ff41' AS TEXT)), (16, NULL), (17, 1), (18, 1.0), (19, '1'), (20, x'31'), (21, 'Ünïcode 🎉'),
    (22, 123456789.123456789), (23, char(13) || char(10)), (24, 9007199254740993)`;

  /** U+FFFE, as each of them stores it. */
  const noncharacter = { 'UTF-8': 'efbfbe', 'UTF-16le': 'feff', 'UTF-16be': 'fffe' };

  for (const [encoding, bytes] of Object.entries(noncharacter)) {
    for (const shape of ['', 'WITHOUT ROWID', 'STRICT']) {
      it(`brings every kind of value back exactly (${encoding} ${shape})`, async () => {
        makePast(
          file,
          past,
          `PRAGMA encoding = '${encoding}';
           CREATE TABLE t (id INTEGER PRIMARY KEY, a ${shape === 'STRICT' ? 'ANY' : ''}) ${shape};
           INSERT INTO t VALUES ${everyValue}, (25, CAST(x'${bytes}' AS TEXT))`,
          `DELETE FROM t WHERE id % 2; UPDATE t SET a = 'other'; INSERT INTO t VALUES (100, 1), (102, 2)`,
        );
        const chosen = await differences(file, past, 't');
        const { written, found } = await restoreRows(file, [chosen]);
        assert.deepEqual(found, { counts: {}, listed: [] });
        assert.equal(written.length, 27);
        assert.deepEqual(sqliteDump(file), sqliteDump(past));
        const shown = new Set(
          written.map(
            ({ row }) => `${row.after?.map(showValue).join()} ${row.before?.map(showValue).join()}`,
          ),
        );
        assert.ok(shown.has('integer:4,float:-0.0 integer:4,text:other'), [...shown].join('\n'));
        assert.ok(shown.has('undefined integer:100,integer:1'));
        assert.ok(shown.has('integer:9223372036854775807,integer:-9223372036854775808 undefined'));
      });
    }
  }

  describe('conflicts', () => {
    const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b UNIQUE CHECK (b <> 'never'));
      INSERT INTO t VALUES (1, 'one', 'u1'), (2, 'two', 'u2'), (3, 'three', 'u3'), (4, 'four', 'u4'), (5, 'five', 'u5')`;

    /** Row 1 was deleted, 2 changed, 6 added, 3 is as it was. */
    const change = `DELETE FROM t WHERE id = 1; UPDATE t SET a = 'TWO' WHERE id = 2; INSERT INTO t VALUES (6, 'six', 'u6')`;

    /** After the rows were chosen: what happens, the conflicts, and what `skip` and `overwrite` then write. */
    const cases: readonly [string, string, readonly string[], string, string][] = [
      [
        'a deleted row is there again',
        `INSERT INTO t VALUES (1, 'other', 'o1')`,
        ['there 1'],
        `UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
        `UPDATE t SET a = 'one', b = 'u1' WHERE id = 1; UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
      ],
      [
        'a deleted row is there again, as it is wanted',
        `INSERT INTO t VALUES (1, 'one', 'u1')`,
        [],
        `UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
        `UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
      ],
      [
        'a changed row has changed again',
        `UPDATE t SET b = 'mine' WHERE id = 2`,
        ['changed 2'],
        `INSERT INTO t VALUES (1, 'one', 'u1'); DELETE FROM t WHERE id = 6`,
        `INSERT INTO t VALUES (1, 'one', 'u1'); UPDATE t SET a = 'two', b = 'u2' WHERE id = 2; DELETE FROM t WHERE id = 6`,
      ],
      [
        'a changed row is gone',
        `DELETE FROM t WHERE id = 2`,
        ['gone 2'],
        `INSERT INTO t VALUES (1, 'one', 'u1'); DELETE FROM t WHERE id = 6`,
        `INSERT INTO t VALUES (1, 'one', 'u1'), (2, 'two', 'u2'); DELETE FROM t WHERE id = 6`,
      ],
      [
        'an added row has changed',
        `UPDATE t SET a = 6.0 WHERE id = 6`,
        ['changed 6'],
        `INSERT INTO t VALUES (1, 'one', 'u1'); UPDATE t SET a = 'two' WHERE id = 2`,
        `INSERT INTO t VALUES (1, 'one', 'u1'); UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
      ],
      [
        'an added row is gone',
        `DELETE FROM t WHERE id = 6`,
        [],
        `INSERT INTO t VALUES (1, 'one', 'u1'); UPDATE t SET a = 'two' WHERE id = 2`,
        `INSERT INTO t VALUES (1, 'one', 'u1'); UPDATE t SET a = 'two' WHERE id = 2`,
      ],
      [
        'another row has the unique value',
        `INSERT INTO t VALUES (7, 'seven', 'u1')`,
        ['constraint 1: UNIQUE constraint failed: t.b'],
        `UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
        `UPDATE t SET a = 'two' WHERE id = 2; DELETE FROM t WHERE id = 6`,
      ],
    ];

    for (const [title, later, conflicts, skipped, overwritten] of cases) {
      for (const answer of ['skip', 'overwrite'] as const) {
        it(`${title}: ${answer}`, async () => {
          makePast(file, past, schema, change);
          const chosen = await differences(file, past, 't');
          runSqlite(file, later);
          expect(answer === 'overwrite' ? overwritten : skipped);
          const { found, refused } = await restoreRows(file, [chosen], { answer });
          const listed = [...found.listed, ...refused.listed];
          assert.deepEqual(listed.map(showConflict), conflicts);
          const counted = [...Object.values(found.counts), ...Object.values(refused.counts)];
          assert.equal(
            counted.reduce((sum, count) => sum + count, 0),
            conflicts.length,
          );
          assertExpected();
        });
      }
    }

    it('tells what the database holds now', async () => {
      makePast(file, past, schema, change);
      const chosen = await differences(file, past, 't');
      runSqlite(file, `UPDATE t SET a = 22 WHERE id = 2`);
      const { found } = await restoreRows(file, [chosen], { answer: 'skip' });
      assert.deepEqual(found.listed[0]?.now?.map(showValue), ['integer:2', 'integer:22', 'text:u2']);
      assert.deepEqual(found.listed[0]?.row.wanted?.map(showValue), ['integer:2', 'text:two', 'text:u2']);
    });

    it('counts rows that are as wanted already', async () => {
      makePast(file, past, schema, change);
      const chosen = await differences(file, past, 't');
      runSqlite(file, `INSERT INTO t VALUES (1, 'one', 'u1'); DELETE FROM t WHERE id = 6`);
      const { unchanged, written } = await restoreRows(file, [chosen]);
      assert.deepEqual([unchanged, written.length], [[2], 1]);
    });

    it('skips single rows of many that a constraint refuses', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a NOT NULL, b UNIQUE);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO t SELECT i, i, 'u' || i FROM n`,
        `DELETE FROM t; INSERT INTO t VALUES (-1, 1, 'u17'), (-2, 1, 'u800'), (-3, 1, 'u2000')`,
      );
      const { rows, ...chosen } = await differences(file, past, 't');
      expect(`ATTACH '${past}' AS p; INSERT INTO t SELECT * FROM p.t WHERE id NOT IN (17, 800, 2000)`);
      const comeBack = { ...chosen, rows: rows.filter(({ seen }) => !seen) };
      const { refused, written } = await restoreRows(file, [comeBack], { answer: 'skip' });
      assert.deepEqual(
        refused.listed.map(showConflict),
        [17, 800, 2000].map((id) => `constraint ${id}: UNIQUE constraint failed: t.b`),
      );
      assert.equal(written.length, 1997);
      assertExpected();
    });
  });
});
