import assert from 'node:assert/strict';
import {
  differences,
  makePast,
  restoreRows,
  showConflict,
  useChosenFiles,
} from '../../support/sqliteChosen.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';

describe('SQLite: chosen rows and foreign keys', () => {
  let file: string;
  let past: string;
  const { folder, expect, assertExpected } = useChosenFiles((files) => ({ file, past } = files));

  describe('foreign keys', () => {
    const parents = `PRAGMA foreign_keys = ON; CREATE TABLE p (id INTEGER PRIMARY KEY, a);
      INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c');`;
    const actions = [
      '',
      'ON DELETE CASCADE ON UPDATE CASCADE',
      'ON DELETE SET NULL',
      'DEFERRABLE INITIALLY DEFERRED',
    ];

    for (const action of actions) {
      it(`parents come with their children, and go (${action})`, async () => {
        makePast(
          file,
          past,
          `${parents} CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ${action}); INSERT INTO c VALUES (1, 1), (2, 1), (3, 3)`,
          `DELETE FROM c WHERE p = 1; DELETE FROM p WHERE id = 1; INSERT INTO p VALUES (9, 'new'); INSERT INTO c VALUES (9, 9)`,
        );
        await restoreRows(file, [await differences(file, past, 'p'), await differences(file, past, 'c')]);
        assert.deepEqual(sqliteDump(file), sqliteDump(past));
      });

      it(`a child needs its parent (${action})`, async () => {
        makePast(
          file,
          past,
          `${parents} CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ${action}); INSERT INTO c VALUES (1, 1), (2, 2), (3, NULL)`,
          `DELETE FROM c; DELETE FROM p WHERE id = 1`,
        );
        const chosen = [await differences(file, past, 'c')];
        expect(`INSERT INTO c VALUES (2, 2), (3, NULL)`);
        const { refused } = await restoreRows(file, chosen, { answer: 'overwrite' });
        assert.deepEqual(refused.listed.map(showConflict), [
          'foreign-key 1: FOREIGN KEY constraint failed: the row of p that its p references is missing needs p id=1',
        ]);
        assertExpected();
      });

      it(`a parent with other children stays (${action})`, async () => {
        makePast(
          file,
          past,
          `${parents} CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ${action})`,
          `INSERT INTO p VALUES (8, 'x'), (9, 'y'); INSERT INTO c VALUES (1, 9)`,
        );
        const chosen = [await differences(file, past, 'p')];
        expect(`DELETE FROM p WHERE id = 8`);
        const { refused } = await restoreRows(file, chosen, { answer: 'skip' });
        assert.deepEqual(refused.listed.map(showConflict), [
          'foreign-key 9: FOREIGN KEY constraint failed: rows of c reference it with their p',
        ]);
        assertExpected();
      });
    }

    it('what a skipped parent means for its children, and theirs', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE a (id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a);
         CREATE TABLE c (id INTEGER PRIMARY KEY, b REFERENCES b); INSERT INTO a VALUES (1, 'x'), (2, 'y');
         INSERT INTO b VALUES (1, 1), (2, 2); INSERT INTO c VALUES (1, 1), (2, 2)`,
        `DELETE FROM a; DELETE FROM b; DELETE FROM c; INSERT INTO a VALUES (7, 'x')`,
      );
      const [a, b, c] = [
        await differences(file, past, 'a'),
        await differences(file, past, 'b'),
        await differences(file, past, 'c'),
      ];
      expect(`INSERT INTO a VALUES (2, 'y'); INSERT INTO b VALUES (2, 2); INSERT INTO c VALUES (2, 2)`);
      const back = { ...a, rows: a.rows.filter(({ seen }) => !seen) };
      const { refused } = await restoreRows(file, [back, b, c], { answer: 'skip' });
      assert.deepEqual(refused.counts, { constraint: 1, 'foreign-key': 2 });
      assertExpected();
    });

    it('a row that references itself, and rows that reference each other', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, t REFERENCES t); INSERT INTO t VALUES (1, 1), (2, 3), (3, 2), (4, 1)`,
        `DELETE FROM t WHERE id <> 1; INSERT INTO t VALUES (10, 10), (11, 12), (12, 11)`,
      );
      await restoreRows(file, [await differences(file, past, 't')]);
      assert.deepEqual(sqliteDump(file), sqliteDump(past));
    });

    it('a key that is referenced does not change under other rows', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE COLLATE NOCASE); INSERT INTO p VALUES (1, 'old'), (2, 'two');
         CREATE TABLE c (k REFERENCES p (k) ON UPDATE CASCADE)`,
        `UPDATE p SET k = 'new' WHERE id = 1; UPDATE p SET k = 'TWO' WHERE id = 2; INSERT INTO c VALUES ('NEW'), ('Two')`,
      );
      const chosen = [await differences(file, past, 'p')];
      expect(`UPDATE p SET k = 'two' WHERE id = 2`);
      const { refused } = await restoreRows(file, chosen, { answer: 'skip' });
      assert.deepEqual(refused.counts, { 'foreign-key': 1 });
      assertExpected();
    });

    it('keys of two columns, of generated columns, and with NULLs', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE p (a, b INTEGER, g AS (b * 10) STORED UNIQUE, PRIMARY KEY (a, b)); INSERT INTO p VALUES ('x', 1), ('x', 2), ('y', 3);
         CREATE TABLE c (id INTEGER PRIMARY KEY, a, b, g REFERENCES p (g), FOREIGN KEY (a, b) REFERENCES p (a, b));
         INSERT INTO c VALUES (1, 'x', 1, NULL), (2, 'x', NULL, 20), (3, NULL, 9, NULL)`,
        `DELETE FROM c; DELETE FROM p WHERE b < 3; INSERT INTO p VALUES ('z', 4), ('z', 5); INSERT INTO c VALUES (9, NULL, NULL, 40)`,
      );
      const [p, c] = [await differences(file, past, 'p'), await differences(file, past, 'c')];
      const back = c.rows.filter(({ seen }) => !seen);
      expect(`INSERT INTO p VALUES ('x', 1), ('x', 2); DELETE FROM p WHERE b = 5;
        INSERT INTO c VALUES (1, 'x', 1, NULL), (2, 'x', NULL, 20), (3, NULL, 9, NULL)`);
      const { refused } = await restoreRows(file, [p, { ...c, rows: back }], { answer: 'skip' });
      assert.deepEqual(refused.listed.map(showConflict), [
        'foreign-key z: FOREIGN KEY constraint failed: rows of c reference it with their g',
      ]);
      assert.deepEqual(
        (await differences(file, folder.file('expected.db'), 'p', { keyless: true })).rows,
        [],
      );
      assert.deepEqual((await differences(file, folder.file('expected.db'), 'c')).rows, []);
    });

    it('a table that is referenced and missing', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES nowhere (id)); INSERT INTO c VALUES (1, 1), (2, NULL), (3, 3)`,
        `DELETE FROM c WHERE id < 3; UPDATE c SET p = 3.0`,
      );
      const chosen = [await differences(file, past, 'c')];
      const { refused } = await restoreRows(file, chosen, { answer: 'skip' });
      assert.deepEqual(refused.listed.map(showConflict), [
        'foreign-key 1: FOREIGN KEY constraint failed: the row of nowhere that its p references is missing needs nowhere id=1',
      ]);
    });

    it('what pointed at nothing before is no conflict', async () => {
      makePast(
        file,
        past,
        `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p, a);
         INSERT INTO c VALUES (1, 77, 'x')`,
        `UPDATE c SET a = 'y'; INSERT INTO c VALUES (2, 78, 'z')`,
      );
      await restoreRows(file, [await differences(file, past, 'p'), await differences(file, past, 'c')]);
      assert.deepEqual(sqliteDump(file), sqliteDump(past));
    });
  });
});
