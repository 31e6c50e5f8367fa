import assert from 'node:assert/strict';
import { describeError } from '../../../src/core/errors.ts';
import { failure } from '../../support/errors.ts';
import { itInAll, sampleParts } from '../../support/sample.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { openSqlite, sqliteDump, withoutLostCounter } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { makeSqlite, sqliteEntries } from '../everything/sqlite.ts';

const encodings = ['UTF-8', 'UTF-16le', 'UTF-16be'] as const;

/** Everything whose answers are the same in every encoding. */
const entries = sqliteEntries.filter(
  ({ name, settings, alone, kind }) =>
    settings === undefined &&
    alone === undefined &&
    kind !== 'violations' &&
    !/not UTF-8|rowids of every kind|ANY keeps what it is given/.test(name),
);

describe('SQLite: text in another encoding', function () {
  sampleParts(this, 3);
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  function make(name: string, encoding: string, sql: string): string {
    const file = folder.file(name);
    runSqlite(file, `PRAGMA encoding = '${encoding}'; CREATE TABLE there_before (a); ${sql}`);
    return file;
  }

  function values(file: string, sql: string): unknown[][] {
    const database = openSqlite(file);
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    } finally {
      database.close();
    }
  }

  for (const [index, from] of encodings.entries()) {
    const to = encodings[(index + 1) % encodings.length]!;
    it(`one of everything goes from ${from} into a database of ${to}, and comes back the same`, async () => {
      const [source, back] = [folder.file('source.db'), folder.file('back.db')];
      makeSqlite(source, entries, `PRAGMA encoding = '${from}'`);
      const other = make('other.db', to, 'DROP TABLE there_before; PRAGMA user_version = 7');
      await restoreSqlite(other, await backUpSqlite(source));
      assert.deepEqual(values(other, 'PRAGMA encoding'), [[to]]);
      assert.deepEqual(values(other, 'PRAGMA integrity_check'), values(source, 'PRAGMA integrity_check'));
      runSqlite(back, `PRAGMA encoding = '${from}'; CREATE TABLE t (a); DROP TABLE t`);
      await restoreSqlite(back, await backUpSqlite(other));
      assert.deepEqual(withoutLostCounter(sqliteDump(back)), withoutLostCounter(sqliteDump(source)));
    });
  }

  it('adds rows, and merges them by their keys', async () => {
    const table = `CREATE TABLE t (k TEXT PRIMARY KEY, v)`;
    const source = make(
      'source.db',
      'UTF-8',
      `${table}; INSERT INTO t VALUES ('ä', 'naïve'), ('😀', 'new'), ('b', 1)`,
    );
    const target = make(
      'target.db',
      'UTF-16le',
      `${table}; INSERT INTO t VALUES ('ä', 'old'), ('c', 'stays'), ('b', 1)`,
    );
    const backup = await backUpSqlite(source, ['t']);
    const [change] = await restoreSqlite(target, backup, { mode: 'merge' });
    assert.deepEqual([change?.inserted, change?.updated], [1, 1]);
    assert.deepEqual(values(target, 'SELECT k, v FROM t ORDER BY unicode(k)'), [
      ['b', 1],
      ['c', 'stays'],
      ['ä', 'naïve'],
      ['😀', 'new'],
    ]);
  });

  itInAll('keeps numbers and bytes of every kind, texts with NUL, and many rows that are large', async () => {
    const table = `CREATE TABLE t (a, b); CREATE TABLE w (a PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE r (a, rowid, oid, _rowid_)`;
    const source = make(
      'source.db',
      'UTF-8',
      `${table}; INSERT INTO t VALUES (9223372036854775807, -9223372036854775808), (9e999, -9e999), (-0.0, 0.0), (1.0, 1),
         (5e-324, 1.7976931348623157e308), ('', x''), (NULL, 0.1), ('a' || char(0) || 'b', x'00'), (char(65279) || 'bom', 2147483648);
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) INSERT INTO t SELECT i, 'text é ' || i FROM n;
       INSERT INTO t SELECT randomblob(3000000), 'é' FROM (VALUES (1), (2), (3));
       INSERT INTO w SELECT b, a FROM t WHERE typeof(b) = 'text' AND b <> 'é'; INSERT INTO r SELECT a, b, 1, 2 FROM t LIMIT 100`,
    );
    const target = make('target.db', 'UTF-16be', table);
    const back = make('back.db', 'UTF-8', `${table}; INSERT INTO t VALUES ('gone', 1)`);
    await restoreSqlite(target, await backUpSqlite(source));
    await restoreSqlite(back, await backUpSqlite(target));
    assert.deepEqual(sqliteDump(back), sqliteDump(source));
  });

  it('keeps rows whose keys are in another order there', async () => {
    const table = `CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID`;
    const keys = ['b', 'ā', 'é', '😀', 'ﬀ', 'z'].map((key, v) => `('${key}', ${v})`).join(', ');
    const source = make('source.db', 'UTF-8', `${table}; INSERT INTO w VALUES ${keys}`);
    const target = make('target.db', 'UTF-16le', table);
    await restoreSqlite(target, await backUpSqlite(source));
    const sql = 'SELECT k, v FROM w ORDER BY v';
    assert.deepEqual(values(target, sql), values(source, sql));
  });

  it('refuses a text that could not be kept, with its row, and nothing is changed', async () => {
    const tables = `CREATE TABLE t (a); CREATE TABLE fine (a)`;
    const source = make(
      'source.db',
      'UTF-8',
      `${tables}; INSERT INTO fine VALUES ('é');
      INSERT INTO t VALUES ('good'), (x'ff'), (CAST(x'6162ff' AS TEXT))`,
    );
    const target = make('target.db', 'UTF-16le', `${tables}; INSERT INTO t VALUES ('kept')`);
    const before = sqliteDump(target);
    const backup = await backUpSqlite(source);
    const error = await failure(restoreSqlite(target, backup), 'refused');
    assert.deepEqual([error.details.place?.table, error.details.place?.row], ['t', 3]);
    assert.match(describeError(error), /UTF-8, and this database as UTF-16le.*not valid/);
    assert.deepEqual(sqliteDump(target), before);
    await restoreSqlite(target, backup, { tables: ['fine'] });
    assert.deepEqual(values(target, 'SELECT a FROM fine'), [['é']]);

    const surrogate = make(
      'surrogate.db',
      'UTF-16le',
      `CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'3dd8' AS TEXT))`,
    );
    const other = make('other.db', 'UTF-8', 'CREATE TABLE t (a)');
    await failure(restoreSqlite(other, await backUpSqlite(surrogate)), 'refused');
    const big = make('big.db', 'UTF-16be', 'CREATE TABLE t (a)');
    await restoreSqlite(big, await backUpSqlite(surrogate));
    assert.deepEqual(values(big, 'SELECT hex(CAST(a AS BLOB)) FROM t'), [['D83D']]);
  });
});
