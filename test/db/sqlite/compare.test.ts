import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { rmSync } from 'node:fs';
import type { DifferenceCounts } from '../../../src/core/differences.ts';
import { compareAll, shortRows } from '../../support/comparisons.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { backUp, failure } from '../../support/restores.ts';
import { casesOf } from '../../support/sample.ts';
import { useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const sqlite = testEngines.find(({ id }) => id === 'sqlite')!;

describe('SQLite: comparing', () => {
  const folder = useTemporaryFolder();
  let database: TestDatabase;
  let file: string;

  beforeEach(async () => {
    database = await sqlite.create();
    file = folder.file('before.dbbackup');
  });
  afterEach(() => database.remove());
  // After the database is made: nothing else may be left in it.
  useSystemTemporaryFolder();

  const counts = (
    onlyInFirst: number,
    onlyInSecond: number,
    changed: number,
    same: number,
  ): DifferenceCounts => ({ onlyInFirst, onlyInSecond, changed, same });

  /** Backs a state up, changes it, and compares: from a backup of anywhere and of this machine, and turned round. */
  async function compared(
    before: string,
    after: string,
  ): Promise<{ counts: Readonly<Record<string, DifferenceCounts>>; rows: string[] }> {
    await database.run(before);
    await backUp(database, file);
    if (after !== '') await database.run(after);
    const found = await compareAll(file, database);
    const here = await compareAll(file, database, { madeHere: () => Promise.resolve(true) });
    assert.deepEqual([here.counts, shortRows(here)], [found.counts, shortRows(found)]);
    const turned = await compareAll(database, file);
    for (const [name, one] of Object.entries(found.counts)) {
      const { onlyInFirst, onlyInSecond, changed, same } = one;
      assert.deepEqual(
        turned.counts[name] ?? turned.counts[name.toUpperCase()],
        counts(onlyInSecond, onlyInFirst, changed, same),
        name,
      );
    }
    return { counts: found.counts, rows: shortRows(found) };
  }

  it('tells types and bits apart that SQLite calls equal', async () => {
    const values = ['1', '1.0', "'1'", "x'31'", '0.0', '-0.0', 'NULL', "''", "x''", "'a'", "'A'", "'a '"];
    const more = [
      '9007199254740993',
      '9007199254740992.0',
      '9223372036854775807',
      '9e999',
      "CAST(x'61ff' AS TEXT)",
    ];
    const all = [...values, ...more, "'a' || char(0) || 'b'"];
    const pairs = all.flatMap((a) => all.map((b) => [a, b] as const));
    for (const key of ['id INTEGER PRIMARY KEY', 'id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE']) {
      await database.run('DROP TABLE IF EXISTS t');
      const same = pairs.filter(([a, b]) => a === b).length;
      const insert = (of: (pair: readonly [string, string]) => string): string =>
        `INSERT INTO t (id, v) VALUES ${pairs.map((pair, id) => `(${id}, ${of(pair)})`).join(', ')}`;
      await database.run(`CREATE TABLE t (${key}, v COLLATE NOCASE); ${insert(([a]) => a)}`);
      const before = folder.file(`${key.length}.dbbackup`);
      await backUp(database, before);
      await database.run(`DELETE FROM t; ${insert(([, b]) => b)}`);
      const found = await compareAll(before, database);
      assert.deepEqual(found.counts, { t: counts(0, 0, pairs.length - same, same) });
    }
  });

  it('tells them apart in rows without a key, too', async () => {
    const found = await compared(
      `CREATE TABLE t (a, b COLLATE NOCASE); INSERT INTO t VALUES (1, 'a'), (0.0, 'b'), (2, 'c'), (2, 'c'), (NULL, x'61')`,
      `DELETE FROM t; INSERT INTO t VALUES (1.0, 'a'), (-0.0, 'b'), (2, 'C'), (2, 'c'), (NULL, 'a')`,
    );
    assert.deepEqual(found.counts, { t: counts(4, 4, 0, 1) });
  });

  it('matches keys as their collation does, and by bytes where the sides do not agree on one', async () => {
    const found = await compared(
      `CREATE TABLE n (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO n VALUES ('Abc', 1), ('def', 2);
       CREATE TABLE w (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES ('Abc', 1), ('def', 2);
       CREATE TABLE r (k TEXT COLLATE RTRIM UNIQUE NOT NULL, v); INSERT INTO r VALUES ('x  ', 1), ('y', 1);
       CREATE TABLE m (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO m VALUES ('a', 1), ('b', 2);
       CREATE TABLE mw (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO mw VALUES ('a', 1), ('b', 2)`,
      `UPDATE n SET k = 'aBC' WHERE k = 'abc'; UPDATE w SET k = 'aBC' WHERE k = 'abc'; UPDATE r SET k = 'x' WHERE k = 'x';
       DROP TABLE m; CREATE TABLE m (k TEXT PRIMARY KEY, v); INSERT INTO m VALUES ('A', 1), ('a', 5), ('b', 2);
       DROP TABLE mw; CREATE TABLE mw (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO mw VALUES ('A', 1), ('a', 5), ('b', 2)`,
    );
    assert.deepEqual(found.counts, {
      n: counts(0, 0, 1, 1),
      w: counts(0, 0, 1, 1),
      r: counts(0, 0, 1, 1),
      m: counts(0, 1, 1, 1),
      mw: counts(1, 2, 0, 1),
    });
    assert.deepEqual(
      found.rows.filter((row) => row.includes(' n ')),
      ['changed n k=Abc k=Abc>aBC'],
    );
  });

  it('compares rows with NULL in their key as a whole', async () => {
    const found = await compared(
      `CREATE TABLE t (a TEXT, b, v, PRIMARY KEY (a, b));
       INSERT INTO t VALUES (NULL, 1, 'x'), (NULL, 1, 'x'), (NULL, 2, 'y'), ('k', 1, 'z'), ('k', NULL, 'w')`,
      `DELETE FROM t WHERE rowid = 1; UPDATE t SET v = 'changed' WHERE a = 'k' AND b = 1;
       INSERT INTO t VALUES (NULL, 3, 'new')`,
    );
    assert.deepEqual(found.counts, { t: counts(1, 1, 1, 3) });
    assert.deepEqual(found.rows, [
      'changed t a=k b=1 v=z>changed',
      'onlyInFirst t a=NULL b=1 v=x',
      'onlyInSecond t a=NULL b=3 v=new',
    ]);
  });

  it('does not trust a key that is there twice', async () => {
    // The unique index was declared after the rows: its entries are those of another index.
    await database.run(
      'CREATE TABLE t (k NOT NULL, v); INSERT INTO t VALUES (1, 1), (1, 2), (2, 3), (2, 3), (4, 4)',
    );
    await database.run('CREATE INDEX u ON t (k)');
    const path = database.url.slice('sqlite:'.length);
    const open = new DatabaseSync(path, { defensive: false } as object);
    open.exec(
      `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX u ON t (k)' WHERE name = 'u'`,
    );
    open.close();
    const other = await sqlite.create();
    try {
      await other.run('CREATE TABLE t (k NOT NULL UNIQUE, v); INSERT INTO t VALUES (1, 1), (2, 3), (3, 3)');
      const found = await compareAll(database, other);
      assert.deepEqual(found.counts, { t: counts(3, 1, 0, 2) });
      assert.deepEqual((await compareAll(other, database)).counts, { t: counts(1, 3, 0, 2) });
    } finally {
      await other.remove();
    }
  });

  it('compares whole rows where the types of a key differ', async () => {
    const found = await compared(
      `CREATE TABLE t (k INTEGER NOT NULL UNIQUE, v); INSERT INTO t VALUES (1, 1), (2, 2)`,
      `DROP TABLE t; CREATE TABLE t (k TEXT NOT NULL UNIQUE, v); INSERT INTO t VALUES (1, 1), (2, 2)`,
    );
    assert.deepEqual(found.counts, { t: counts(2, 2, 0, 0) });
  });

  it('finds rows whatever columns are called, in any order and number, and passes over computed ones', async () => {
    const columns = Array.from({ length: 1999 }, (_, at) => `c${at}`);
    const found = await compared(
      `CREATE TABLE names (rowid, _rowid_, oid, v); INSERT INTO names VALUES (1, 2, 3, 4), (1, 2, 3, 4), (5, 6, 7, 8);
       CREATE TABLE keyed (rowid TEXT PRIMARY KEY, _rowid_, oid, v); INSERT INTO keyed VALUES (1, 2, 3, 4), (5, 6, 7, 8);
       CREATE TABLE ids (id INTEGER PRIMARY KEY, a, b, g AS (a + 1), "__proto__", "constructor", "select ""x"", \`y\`");
       INSERT INTO ids VALUES (1, 1, 2, 3, 4, 5);
       CREATE TABLE wide (id INTEGER PRIMARY KEY, ${columns.join(', ')}); INSERT INTO wide (id, c0, c1998) VALUES (1, 1, 1), (2, 2, 2);
       CREATE TABLE heap (${[...columns, 'c1999'].join(', ')}); INSERT INTO heap (c0, c1999) VALUES (1, 1), (2, 2)`,
      `UPDATE names SET v = 9 WHERE oid = 7; UPDATE keyed SET v = 9 WHERE oid = 7;
       DROP TABLE ids; CREATE TABLE IDS ("select ""x"", \`y\`", g AS (a + 2), B, A, "__proto__", Constructor, ID INTEGER PRIMARY KEY);
       INSERT INTO IDS VALUES (5, 2, 1, 9, 4, 1);
       UPDATE wide SET c1998 = 1.0 WHERE id = 1; UPDATE heap SET c1999 = 9 WHERE c0 = 2`,
    );
    assert.deepEqual(found.counts, {
      names: counts(1, 1, 0, 2),
      keyed: counts(0, 0, 1, 1),
      ids: counts(0, 0, 1, 0),
      wide: counts(0, 0, 1, 1),
      heap: counts(1, 1, 0, 1),
    });
    assert.ok(
      found.rows.includes('changed ids id=1 __proto__=3>9'),
      found.rows.filter((row) => row.includes('ids')).join(),
    );
  });

  it('reads values of a collation, a function and a module that only the application has', async () => {
    const path = database.url.slice('sqlite:'.length);
    await database.run(`CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b); CREATE TABLE k (a TEXT NOT NULL, b);
      CREATE TABLE x (id INTEGER PRIMARY KEY, b);
      INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2); INSERT INTO k VALUES ('a', 1), ('b', 2); INSERT INTO x VALUES (1, 1)`);
    const open = new DatabaseSync(path, { defensive: false } as object);
    open.exec(`CREATE UNIQUE INDEX u ON k (a); PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = replace(sql, 'a TEXT', 'a TEXT COLLATE unicase') WHERE type = 'table';
      UPDATE sqlite_schema SET sql = replace(sql, 'b)', 'b CHECK (madeup(b)))') WHERE name = 'x'`);
    open.close();
    await backUp(database, file);
    const change = new DatabaseSync(path, { defensive: false } as object);
    change.function('madeup', { varargs: true, deterministic: true }, () => 1);
    change.exec(`UPDATE t SET b = 9 WHERE id = 2; UPDATE x SET b = 9; UPDATE k SET b = 9 WHERE b = 2`);
    change.close();
    for (const here of [false, true]) {
      const found = await compareAll(file, database, { madeHere: () => Promise.resolve(here) });
      assert.deepEqual(found.counts['t'], counts(0, 0, 1, 1));
      assert.deepEqual(found.counts['x'], counts(0, 0, 1, 0));
      const { onlyInFirst, changed, same } = found.counts['k']!;
      assert.deepEqual([onlyInFirst + changed, same], [1, 1]);
    }
  });

  it('tells of counters, and of tables that only a module knows', async () => {
    await database.run(`CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5);
      CREATE VIRTUAL TABLE f USING fts5 (x); INSERT INTO f VALUES ('text')`);
    await backUp(database, file);
    await database.run('INSERT INTO t VALUES (9); DELETE FROM t WHERE id = 9');
    const { pairing, counts: found } = await compareAll(file, database);
    assert.deepEqual(found, { t: counts(0, 0, 0, 1) });
    assert.deepEqual(
      pairing.sequences.map(({ first, second }) => [first?.lastValue, second?.lastValue]),
      [['5', '9']],
    );
    assert.match(pairing.notes.join(), /f is not compared/);
    assert.deepEqual([pairing.onlyInFirst, pairing.onlyInSecond], [[], []]);
  });

  it('compares texts of other encodings with a backup, and refuses two databases that differ in theirs', async () => {
    await database.run(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'ğ'), (2, 'x'), (3, x'00')`,
    );
    await backUp(database, file);
    const other = await sqlite.create();
    try {
      const path = other.url.slice('sqlite:'.length);
      rmSync(path);
      await other.run(`PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (id INTEGER PRIMARY KEY, v);
        INSERT INTO t VALUES (1, 'ğ'), (2, 'y'), (3, x'00')`);
      assert.deepEqual(shortRows(await compareAll(file, other)), ['changed t id=2 v=x>y']);
      const second = folder.file('second.dbbackup');
      await backUp(other, second);
      assert.deepEqual(shortRows(await compareAll(second, file)), ['changed t id=2 v=y>x']);
      const error = await failure(compareAll(database, other));
      assert.equal(error.code, 'refused');
      assert.match(error.message, /different encodings/);
    } finally {
      await other.remove();
    }
  });

  it('counts what was changed at random as a join of the two does', async function () {
    const cases = casesOf(2_000, 20);
    this.timeout(60_000 + cases * 2000);
    const random = randomSource('SQLite comparisons');
    for (let number = 0; number < cases; number += 1) {
      const { before, after, keyed } = randomCase(random);
      await database.run(`DROP TABLE IF EXISTS t; ${before}`);
      const other = await sqlite.create();
      try {
        await other.run(after);
        const found = await compareAll(database, other);
        const expected = countedInSql(database, other, keyed);
        assert.deepEqual(found.counts['t'], expected, `${before}\n${after}`);
        const { onlyInFirst, onlyInSecond, changed } = expected;
        assert.equal(found.rows.length, onlyInFirst + onlyInSecond + changed, `${before}\n${after}`);
      } finally {
        await other.remove();
      }
    }
  });
});

const randomValues = [
  '1',
  '1.0',
  "'1'",
  'NULL',
  '0.0',
  '-0.0',
  "'a'",
  "'A'",
  "'a '",
  "x'61'",
  '9007199254740993',
  '2',
  "''",
];

function randomCase(random: RandomSource): { before: string; after: string; keyed: boolean } {
  const [keyed, collation] = [random.below(4) > 0, random.pick(['', ' COLLATE NOCASE', ' COLLATE RTRIM'])];
  const type = random.pick(['INT', 'TEXT', '', 'REAL', 'NUMERIC']);
  const without = keyed && random.below(3) === 0 ? ' WITHOUT ROWID' : '';
  const key = keyed ? `, PRIMARY KEY (${random.pick(['k', 'k, a', 'a, k'])})` : '';
  const table = `CREATE TABLE t (k ${type}${collation}, a ${random.pick(['', 'TEXT', 'INTEGER'])}, v ${random.pick(['', 'REAL'])}${key})${without};`;
  const row = (): string =>
    `INSERT OR IGNORE INTO t VALUES (${[0, 1, 2].map(() => random.pick(randomValues)).join(', ')});`;
  const rows = Array.from({ length: random.below(12) }, row).join('');
  const change = (): string =>
    random.pick([
      row,
      () => `DELETE FROM t WHERE v IS ${random.pick(randomValues)};`,
      () =>
        `UPDATE OR IGNORE t SET v = ${random.pick(randomValues)} WHERE a IS ${random.pick(randomValues)};`,
      () =>
        `UPDATE OR IGNORE t SET k = ${random.pick(randomValues)} WHERE v IS ${random.pick(randomValues)};`,
    ])();
  const changes = Array.from({ length: random.below(5) }, change).join('');
  return { before: table + rows, after: table + rows + changes, keyed };
}

/** By another client, row by row: keys by SQLite's own `=`, values as SQLite writes them down. */
function countedInSql(first: TestDatabase, second: TestDatabase, keyed: boolean): DifferenceCounts {
  const open = new DatabaseSync(first.url.slice('sqlite:'.length));
  try {
    open.exec(`ATTACH '${second.url.slice('sqlite:'.length)}' AS other`);
    const keys = open
      .prepare(`SELECT name FROM pragma_table_info('t') WHERE pk > 0 ORDER BY pk`)
      .all()
      .map(({ name }) => String(name));
    const text = (alias: string): string =>
      ['k', 'a', 'v']
        .map(
          (c) =>
            `typeof(${alias}.${c}) || CASE WHEN typeof(${alias}.${c}) = 'real' THEN printf('%!.17g', ${alias}.${c}) || (atan2(${alias}.${c}, -1) < 0) ELSE coalesce(hex(CAST(${alias}.${c} AS BLOB)), '') END`,
        )
        .join(` || ',' || `);
    const read = (schema: string): { id: number; text: string; keyless: number }[] =>
      open
        .prepare(
          `SELECT row_number() OVER () AS id, ${text('x')} AS text, ${keyed ? keys.map((k) => `x.${k} IS NULL`).join(' OR ') : '1'} AS keyless FROM ${schema}.t AS x`,
        )
        .all() as never;
    const on = keys.map((k) => `one.${k} = two.${k}`).join(' AND ');
    const pairs = keyed
      ? (open
          .prepare(
            `SELECT ${text('one')} AS a, ${text('two')} AS b FROM main.t AS one JOIN other.t AS two ON ${on}`,
          )
          .all() as { a: string; b: string }[])
      : [];
    const [ones, twos] = [read('main'), read('other')];
    const left = twos.filter(({ keyless }) => keyless).map((row) => row.text);
    let whole = 0;
    for (const row of ones.filter(({ keyless }) => keyless)) {
      const at = left.indexOf(row.text);
      if (at < 0) continue;
      left.splice(at, 1);
      whole += 1;
    }
    const same = pairs.filter(({ a, b }) => a === b).length;
    return {
      onlyInFirst: ones.length - pairs.length - whole,
      onlyInSecond: twos.length - pairs.length - whole,
      changed: pairs.length - same,
      same: same + whole,
    };
  } finally {
    open.close();
  }
}
