import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
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

const count = 6000;

describe('SQLite: restoring what differs, with random tables', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  it('brings back any state from any other', async () => {
    const random = randomSource('differing rows');
    const cases = casesOf(40, 8);
    let compared = 0;
    for (let number = 0; number < cases; number += 1) {
      const other = folder.file(`random-${number}.db`);
      runSqlite(other, randomSetUp(random));
      const before = sqliteDump(other);
      const backup = await backUpSqlite(other);
      const damage = randomDamage(random);
      const sound = folder.file(`sound-${number}.db`);
      copyFileSync(other, sound);
      runSqlite(other, damage);
      const same = sameRows(sound, other);
      const [change] = await restoreSqlite(other, backup);
      assert.deepEqual(sqliteDump(other), before, damage);
      assert.equal(integrity(other), 'ok', damage);
      if (change!.kept === undefined) continue;
      compared += 1;
      assert.equal(change!.kept, same, damage);
    }
    assert.ok(compared > cases / 4 && compared < cases, `${compared} of ${cases}`);
  });
});

function randomSetUp(random: RandomSource): string {
  const key = random.pick([
    'id INTEGER PRIMARY KEY',
    'id INTEGER PRIMARY KEY AUTOINCREMENT',
    'id INTEGER',
    'id TEXT PRIMARY KEY',
  ]);
  const indexes = ['(a)', '(b, a DESC)', '(c COLLATE NOCASE)', '(d) WHERE a > 2', '(a + b)', '(d, id)']
    .filter(() => random.below(3) === 0)
    .map((terms, number) => `CREATE INDEX i${number} ON t ${terms};`);
  const values = [
    'i % 7',
    'i / 3.0',
    `'text ' || i`,
    'NULL',
    `CAST('b' || i AS BLOB)`,
    'i << (i % 60)',
    `i || ''`,
  ];
  const row = Array.from({ length: 4 }, () => random.pick(values)).join(', ');
  return `PRAGMA page_size = ${random.pick([512, 4096])}; PRAGMA auto_vacuum = ${random.pick(['NONE', 'FULL'])};
    CREATE TABLE t (${key}, a INTEGER, b REAL, c TEXT, d${random.pick(['', '', ', g AS (a + 1)'])}); ${indexes.join(' ')}
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO t (id, a, b, c, d) SELECT i * ${1 + random.below(3)}, ${row} FROM n;`;
}

function randomDamage(random: RandomSource): string {
  const near = (): string => {
    const first = random.below(count);
    return `rowid BETWEEN ${first} AND ${first + random.below(random.pick([3, 20, 400]))}`;
  };
  const change = (): string => {
    const values = ['1', '1.0', `'1'`, 'NULL', 'a', 'b', 'c', 'd', `x'00'`, 'random()', `upper(c)`, 'd || 1'];
    return random.pick([
      () => `DELETE FROM t WHERE ${near()};`,
      () => `UPDATE t SET ${random.pick(['a', 'b', 'c', 'd'])} = ${random.pick(values)} WHERE ${near()};`,
      () => `INSERT OR IGNORE INTO t (id, a, d) SELECT id + 100000, b, c FROM t WHERE ${near()};`,
      () => `UPDATE OR REPLACE t SET rowid = rowid + ${random.below(5)} WHERE ${near()};`,
    ])();
  };
  return Array.from({ length: random.below(5) }, change).join(' ');
}

/** How many rows are the same in both files, found by their rowids: told by other means than the product's. */
function sameRows(first: string, second: string): number {
  const database = new DatabaseSync(first);
  try {
    database.prepare('ATTACH ? AS other').run(second);
    const same = ['id', 'a', 'b', 'c', 'd'].map(
      (column) => `typeof(x.${column}) = typeof(y.${column}) AND quote(x.${column}) = quote(y.${column})`,
    );
    const sql = `SELECT count(*) AS n FROM main.t AS x JOIN other.t AS y ON x.rowid = y.rowid AND ${same.join(' AND ')}`;
    return Number(database.prepare(sql).get()!['n']);
  } finally {
    database.close();
  }
}
