import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { failure } from '../../support/errors.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  integrity,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { casesOf } from '../../support/sample.ts';

describe('SQLite: merging into a table with unique values', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  const rows = `INSERT INTO t (id, list, pos) VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 1)`;
  const tables = {
    'a column': 'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT, UNIQUE (list, pos))',
    'a column, in the order of another key':
      'CREATE TABLE t (id TEXT PRIMARY KEY, list INT, pos INT, UNIQUE (list, pos))',
    'ON CONFLICT REPLACE':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT NOT NULL, UNIQUE (list, pos) ON CONFLICT REPLACE)',
    'ON CONFLICT IGNORE':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT, UNIQUE (pos, list) ON CONFLICT IGNORE)',
    'WITHOUT ROWID':
      'CREATE TABLE t (id INT, list INT, pos INT, UNIQUE (list, pos), PRIMARY KEY (id)) WITHOUT ROWID',
    'an index':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT); CREATE UNIQUE INDEX i ON t (pos, list)',
    'a partial index':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT); CREATE UNIQUE INDEX i ON t (pos) WHERE list = 1',
    'an index over an expression':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT); CREATE UNIQUE INDEX i ON t (list * 10 + pos)',
    'a generated column':
      'CREATE TABLE t (id INTEGER PRIMARY KEY, list INT, pos INT, both AS (list * 10 + pos) UNIQUE)',
    'the rowid, under another key':
      'CREATE TABLE t (list INT NOT NULL, id INT NOT NULL, pos INTEGER PRIMARY KEY, UNIQUE (id)); CREATE TRIGGER none AFTER DELETE ON t BEGIN SELECT 1; END',
    'rowids that no name reaches':
      'CREATE TABLE t (id INT NOT NULL PRIMARY KEY, list INT, pos INT, rowid, oid, _rowid_, UNIQUE (list, pos))',
  };
  const changes = {
    'two swapped':
      'UPDATE t SET pos = 10 WHERE id = 1; UPDATE t SET pos = 1 WHERE id = 2; UPDATE t SET pos = 2 WHERE id = 1',
    'a cycle of three':
      'UPDATE t SET pos = pos + 100 WHERE id < 4; UPDATE t SET pos = (pos - 100) % 3 + 1 WHERE id < 4',
    'a value of a row that is gone': 'DELETE FROM t WHERE id = 1; UPDATE t SET pos = 1 WHERE id = 3',
    'a chain to a row that is gone':
      'DELETE FROM t WHERE id = 3; UPDATE t SET pos = 3 WHERE id = 2; UPDATE t SET pos = 2 WHERE id = 1',
  };
  for (const [title, table] of Object.entries(tables)) {
    for (const [change, damage] of Object.entries(changes)) {
      it(`the final state decides: ${title}, ${change}`, async () => {
        const values = title.startsWith('the rowid') ? rows.replace('2, 1)', '2, 4)') : rows;
        runSqlite(file, `${table}; ${values}`);
        const before = rowsOf(file, 'id');
        const backup = await backUpSqlite(file);
        runSqlite(file, damage);
        const [merged] = await restoreSqlite(file, backup, { mode: 'merge' });
        assert.deepEqual(rowsOf(file, 'id'), before);
        assert.equal(integrity(file), 'ok');
        assert.deepEqual([merged!.rowsAfter, merged!.rowsBefore + merged!.inserted], [4, 4]);
        assert.ok(merged!.updated > 0);
      });
    }
  }

  it('keeps what the backup does not hold: columns, rowids, rows, counters and rows that point here', async () => {
    const table = (more: string): string =>
      `CREATE TABLE t (k TEXT PRIMARY KEY, pos INT UNIQUE${more});
       CREATE TABLE child (id INTEGER PRIMARY KEY, k TEXT REFERENCES t ON DELETE CASCADE, pos REFERENCES t (pos) ON DELETE SET NULL);
       CREATE TRIGGER tr AFTER DELETE ON t BEGIN DELETE FROM child; END;`;
    runSqlite(
      file,
      `${table('')} INSERT INTO t (rowid, k, pos) VALUES (10, 'a', 1), (20, 'b', 2), (30, 'c', 3)`,
    );
    const backup = await backUpSqlite(file, ['t']);
    const target = folder.file('other.db');
    runSqlite(
      target,
      `${table(', own TEXT NOT NULL DEFAULT 0, half REAL, twice AS (pos * 2)')}
       INSERT INTO t (rowid, k, pos, own, half) VALUES
         (7, 'a', 2, 'of a', 1.0), (8, 'b', 3, x'ff00', '-0.0'), (5, 'c', 1, CAST(x'ff' AS TEXT), NULL), (6, 'd', 9, 4, 4);
       INSERT INTO child VALUES (1, 'a', 1), (2, 'b', 2), (3, 'd', 9)`,
    );
    const [merged] = await restoreSqlite(target, backup, { mode: 'merge' });
    assert.deepEqual([merged!.inserted, merged!.updated, merged!.rowsAfter], [0, 3, 4]);
    const wanted = folder.file('wanted.db');
    runSqlite(
      wanted,
      `${table(', own TEXT NOT NULL DEFAULT 0, half REAL, twice AS (pos * 2)')}
       INSERT INTO t (rowid, k, pos, own, half) VALUES
         (7, 'a', 1, 'of a', 1.0), (8, 'b', 2, x'ff00', '-0.0'), (5, 'c', 3, CAST(x'ff' AS TEXT), NULL), (6, 'd', 9, 4, 4);
       INSERT INTO child VALUES (1, 'a', 1), (2, 'b', 2), (3, 'd', 9)`,
    );
    assert.deepEqual(sqliteDump(target), sqliteDump(wanted));
  });

  it('tells keys and unique values apart as their indexes do', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (k TEXT, name TEXT COLLATE NOCASE UNIQUE, exact TEXT);
       CREATE UNIQUE INDEX key ON t (k COLLATE NOCASE); CREATE UNIQUE INDEX other ON t (exact COLLATE RTRIM);
       INSERT INTO t VALUES ('a', 'One', 'x'), ('B', 'two', 'y'), ('c', NULL, NULL), ('d', NULL, NULL)`,
    );
    const withKey = folder.file('keyed.db');
    runSqlite(
      withKey,
      `CREATE TABLE t (k TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, exact TEXT);
       CREATE UNIQUE INDEX other ON t (exact COLLATE RTRIM);
       INSERT INTO t VALUES ('A', 'TWO', 'y '), ('b', 'oNE', 'x  '), ('c', NULL, NULL), ('D', NULL, NULL)`,
    );
    const backup = await backUpSqlite(file, ['t']);
    const [merged] = await restoreSqlite(withKey, backup, { mode: 'merge' });
    assert.deepEqual([merged!.inserted, merged!.updated], [0, 3]);
    assert.deepEqual(rowsOf(withKey, 'k'), [
      ['a', 'One', 'x'],
      ['B', 'two', 'y'],
      ['c', null, null],
      ['d', null, null],
    ]);
  });

  it('inserts what is missing where other rows were swapped', async () => {
    runSqlite(file, `${tables['ON CONFLICT REPLACE']}; ${rows}`);
    const backup = await backUpSqlite(file);
    runSqlite(file, `DELETE FROM t WHERE id = 4; ${changes['two swapped']}`);
    const [change] = await restoreSqlite(file, backup, { mode: 'insert-missing' });
    assert.deepEqual([change!.inserted, change!.updated], [1, 0]);
  });

  for (const mode of ['merge', 'insert-missing'] as const) {
    it(`refuses a value that another row has now, and names the row: ${mode}`, async () => {
      runSqlite(file, `${tables['ON CONFLICT IGNORE'].replace('list INT', 'list INT NOT NULL')}; ${rows}`);
      const backup = await backUpSqlite(file);
      runSqlite(
        file,
        `UPDATE t SET pos = 7 WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (99, 1, 3);
         ALTER TABLE t ADD COLUMN own TEXT NOT NULL DEFAULT 'x'`,
      );
      const before = sqliteDump(file);
      const error = await failure(restoreSqlite(file, backup, { mode }), 'database');
      assert.match(error.message, /UNIQUE constraint failed: t\.pos, t\.list/);
      assert.deepEqual(error.details.place, { table: 't', row: 3 });
      assert.deepEqual(sqliteDump(file), before);
    });
  }

  it('names the row of the backup that clashes, also among rows that are there', async () => {
    const wide = `id INTEGER PRIMARY KEY, pos INT UNIQUE`;
    runSqlite(file, `CREATE TABLE t (${wide}); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)`);
    const backup = await backUpSqlite(file);
    runSqlite(
      file,
      `DROP TABLE t; CREATE TABLE t (${wide}, own TEXT NOT NULL DEFAULT 'new');
       INSERT INTO t VALUES (1, 2, 'a'), (2, 1, 'b'), (3, 33, 'c'), (4, 44, 'd'), (5, 3, 'e'), (9, 4, 'f')`,
    );
    const before = sqliteDump(file);
    const error = await failure(restoreSqlite(file, backup, { mode: 'merge' }), 'database');
    assert.match(error.message, /UNIQUE constraint failed: t\.pos/);
    assert.deepEqual(error.details.place, { table: 't', row: 4 });
    assert.deepEqual(sqliteDump(file), before);
  });

  it('merges into a table with as many columns as SQLite allows', async () => {
    const names = Array.from({ length: 1998 }, (_, index) => `c${index + 1}`);
    runSqlite(
      file,
      `CREATE TABLE t (k TEXT PRIMARY KEY, c0 UNIQUE, ${names.join(', ')});
       INSERT INTO t (k, c0) VALUES ('a', 1), ('b', 2), ('c', 3)`,
    );
    const before = rowsOf(file, 'k');
    const backup = await backUpSqlite(file);
    runSqlite(
      file,
      `UPDATE t SET c0 = 4 - c0 WHERE k = 'b'; UPDATE t SET c0 = c0 + 10; UPDATE t SET c0 = 14 - c0`,
    );
    await restoreSqlite(file, backup, { mode: 'merge' });
    assert.deepEqual(rowsOf(file, 'k'), before);
  });

  it('comes to the state that the rows alone decide, or refuses: random tables', async () => {
    const random = randomSource('merges of unique values');
    let [merged, refused] = [0, 0];
    for (let number = 0; number < casesOf(60, 20); number += 1) {
      const target = folder.file(`random-${number}.db`);
      const definition = randomTable(random);
      const [now, then] = [randomRows(random), randomRows(random)];
      runSqlite(target, `${definition}; ${insert(then)}`);
      const backup = await backUpSqlite(target);
      runSqlite(target, `DELETE FROM t; ${insert(now)}`);
      const before = sqliteDump(target);
      const wanted = folder.file(`wanted-${number}.db`);
      const final = new Map([...now, ...then]);
      const context = `${definition}; ${insert(now)} -- ${insert(then)}`;
      if (fits(wanted, `${definition}; ${insert(final)}`)) {
        await restoreSqlite(target, backup, { mode: 'merge' });
        assert.deepEqual(rowsOf(target, 'k'), rowsOf(wanted, 'k'), context);
        merged += 1;
      } else {
        const error = await failure(restoreSqlite(target, backup, { mode: 'merge' }), 'database');
        assert.match(error.message, /UNIQUE constraint failed/, context);
        assert.ok(error.details.place?.row, context);
        assert.deepEqual(sqliteDump(target), before, context);
        refused += 1;
      }
    }
    assert.ok(merged > 3 && refused > 3, `${merged} merged, ${refused} refused`);
  });
});

type Values = ReadonlyMap<string, readonly [number | null, string | null]>;

function randomTable(random: RandomSource): string {
  const key = random.pick(['k TEXT PRIMARY KEY', 'k TEXT NOT NULL PRIMARY KEY COLLATE NOCASE']);
  const conflict = random.pick(['', ' ON CONFLICT REPLACE', ' ON CONFLICT IGNORE']);
  const more = random.pick([
    `, UNIQUE (a)${conflict}`,
    `, UNIQUE (a)${conflict}, UNIQUE (b)`,
    '); CREATE UNIQUE INDEX i ON t (a) WHERE b IS NULL; SELECT (1',
    '); CREATE UNIQUE INDEX i ON t (a % 5); SELECT (1',
    '); CREATE UNIQUE INDEX i ON t (b COLLATE NOCASE, a); SELECT (1',
  ]);
  const option = more.startsWith(',') ? random.pick(['', ' WITHOUT ROWID']) : '';
  return `CREATE TABLE t (${key}, a INT, b TEXT${more})${option}`;
}

/** Few values, dealt out anew: sets of rows that one table takes, and that clash with each other. */
function randomRows(random: RandomSource): Map<string, [number | null, string | null]> {
  const shuffled = (size: number): number[] => {
    const items = Array.from({ length: size }, (_, index) => index);
    return Array.from({ length: size }, () => items.splice(random.below(items.length), 1)[0]!);
  };
  const [keys, numbers, texts] = [shuffled(5), shuffled(5), shuffled(5)];
  return new Map(
    keys
      .slice(0, 2 + random.below(4))
      .map((key, index) => [
        `k${key}`,
        [random.below(4) === 0 ? null : numbers[index]!, random.below(4) === 0 ? null : `x${texts[index]}`],
      ]),
  );
}

function insert(rows: Values): string {
  const text = (value: number | string | null): string =>
    typeof value === 'string' ? `'${value}'` : String(value);
  const values = [...rows].map(([key, [a, b]]) => `('${key}', ${text(a)}, ${text(b)})`);
  return `INSERT OR ABORT INTO t VALUES ${values.join(', ')}`;
}

function fits(file: string, sql: string): boolean {
  try {
    runSqlite(file, sql);
    return true;
  } catch (error) {
    assert.match(String(error), /UNIQUE constraint failed/);
    return false;
  }
}

function rowsOf(file: string, order: string): unknown[][] {
  const database = new DatabaseSync(file);
  try {
    const rows = database.prepare(`SELECT * FROM t ORDER BY ${order}`).all();
    return rows.map((row) => Object.values(row));
  } finally {
    database.close();
  }
}
