import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { failure } from '../../support/errors.ts';
import { differences, makePast, restoreRows, showValue, useChosenFiles } from '../../support/sqliteChosen.ts';

describe('SQLite: conditions of chosen rows', () => {
  let file: string;
  let past: string;
  const { folder, expect, assertExpected } = useChosenFiles((files) => ({ file, past } = files));

  it('mean what they mean of the table itself', async () => {
    makePast(
      file,
      past,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, n TEXT, place);
       INSERT INTO t VALUES (1, 'Anna', '07', 1), (2, 'Ben', '7', 2), (3, 'ANNA', 7, 3), (4, 'Zoe', 'x', 4);
       CREATE TABLE other (id); INSERT INTO other VALUES (4)`,
      `DELETE FROM t`,
    );
    const conditions: readonly [string, readonly number[]][] = [
      [`name = 'anna'`, [1, 3]],
      [`n = 7`, [2, 3]],
      [`id = '2'`, [2]],
      [`t.id IN (SELECT id FROM other) -- a comment`, [4]],
      [`place > 3 OR id < 2`, [1, 4]],
      [`id NOT IN (SELECT id FROM t)`, [1, 2, 3, 4]],
      [`name`, []],
    ];
    for (const [where, ids] of conditions) {
      const target = folder.file('condition.db');
      copyFileSync(file, target);
      const chosen = { ...(await differences(file, past, 't')), where };
      const { written, matching } = await restoreRows(target, [chosen]);
      const shown = ids.map((id) => `integer:${id}`);
      assert.deepEqual(
        written.map(({ row }) => showValue(row.after![0]!)),
        shown,
        where,
      );
      assert.deepEqual(
        matching.map(({ wanted }) => showValue(wanted![0]!)),
        shown,
        where,
      );
    }
  });

  it('are of the wanted values, else of those that were seen', async () => {
    makePast(
      file,
      past,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'was'), (2, 'was')`,
      `UPDATE t SET a = 'is' WHERE id = 1; INSERT INTO t VALUES (3, 'is')`,
    );
    expect(`DELETE FROM t WHERE id = 3`);
    await restoreRows(file, [{ ...(await differences(file, past, 't')), where: `a = 'is'` }]);
    assertExpected();
  });

  for (const where of [
    'nothing = 1',
    '1 = 1) OR (1',
    'a = ?',
    'rowid = 1 AND',
    `id = 1; DROP TABLE t`,
    'abs(1, 2)',
  ]) {
    it(`that cannot be used are refused: ${where}`, async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)`,
        'DELETE FROM t',
      );
      expect('');
      const chosen = { ...(await differences(file, past, 't')), where };
      await failure(restoreRows(file, [chosen]), 'usage');
      assertExpected();
    });
  }
});
