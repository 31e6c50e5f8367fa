import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { failure } from '../../support/errors.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  holdSqlite,
  integrity,
  type MemoryBackup,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { backUpFile, restoreFile } from '../everything/sqliteRoundTrip.ts';

const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ${rows - 1})`;

const payloadOf = ({ source }: MemoryBackup): Buffer => Buffer.concat([...source.chunks.values()]);

describe('SQLite: a whole database that is backed up', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('source.db');
  });

  /** The database of a backup, as a file. */
  function extract(backup: MemoryBackup): string {
    const extracted = folder.file('extracted.db');
    writeFileSync(extracted, payloadOf(backup));
    return extracted;
  }

  async function check(): Promise<Buffer> {
    const backup = await backUpSqlite(file);
    const extracted = extract(backup);
    assert.equal(integrity(extracted), 'ok');
    assert.deepEqual(sqliteDump(extracted), sqliteDump(file));
    const database = new DatabaseSync(file);
    for (const { table, rows } of backup.manifest.tables) {
      const sql = `SELECT count(*) AS n FROM "${table.name.name}" NOT INDEXED`;
      assert.equal(rows, database.prepare(sql).get()!['n'], table.name.name);
    }
    database.close();
    return payloadOf(backup);
  }

  const shapes: Readonly<Record<string, string>> = {
    'nothing but a table': 'CREATE TABLE t (a)',
    'a table without rowids': `CREATE TABLE k (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
      ${numbers(20_000)} INSERT INTO k SELECT i, hex(i) FROM n`,
    'long rows, in tables and in indexes': `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a);
      ${numbers(400)} INSERT INTO t SELECT i, hex(randomblob(i * 37 % 9000)) FROM n`,
    'one huge value': 'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(20000000))',
    'negative and huge rowids': `CREATE TABLE t (a); ${numbers(2_000)}
      INSERT INTO t (rowid, a) SELECT (i - 1000) * 9000000000000000, i FROM n`,
    'a module with tables of its own': `CREATE VIRTUAL TABLE f USING fts5 (a); ${numbers(2_000)}
      INSERT INTO f SELECT 'word' || (i % 100) || ' and ' || i FROM n; DELETE FROM f WHERE rowid % 3 = 0`,
    'views, triggers, statistics and counters': `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
      CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;
      ${numbers(3_000)} INSERT INTO t (a) SELECT i FROM n; ANALYZE`,
    'a write-ahead log': `PRAGMA journal_mode = WAL; CREATE TABLE t (a); ${numbers(9_000)} INSERT INTO t SELECT i FROM n`,
    auto_vacuum: `PRAGMA auto_vacuum = FULL; CREATE TABLE t (a); ${numbers(9_000)} INSERT INTO t SELECT i FROM n`,
  };
  for (const pageSize of [512, 65_536]) {
    for (const [name, sql] of Object.entries(shapes)) {
      it(`is exact: ${name}, with pages of ${pageSize} bytes`, async () => {
        runSqlite(file, `PRAGMA page_size = ${pageSize}; ${sql}`);
        await check();
      });
    }
  }

  it('holds nothing that was deleted, in whichever way', async () => {
    const secret = 'a secret that was deleted ';
    const long = `replace(hex(zeroblob(3000)), '00', '${secret}')`;
    runSqlite(
      file,
      `PRAGMA secure_delete = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a);
       CREATE TABLE k (a PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE u (a); INSERT INTO u SELECT ${long};
       ${numbers(3_000)} INSERT INTO t SELECT i, 'kept ' || i || CASE WHEN i % 2 THEN '${secret}' ELSE '' END FROM n;
       INSERT INTO k SELECT a, a FROM t; ${numbers(40)} INSERT INTO t SELECT 10000 + i, ${long} FROM n;
       UPDATE t SET a = 'short now' WHERE id > 10020; UPDATE t SET a = 'kept ' || id WHERE id % 4 = 1;
       DELETE FROM t WHERE a GLOB '*secret*'; DELETE FROM k WHERE a GLOB '*secret*'; DROP TABLE u;
       ${numbers(300)} INSERT INTO t SELECT 20000 + i, hex(randomblob(1000 + i * 15)) FROM n`,
    );
    assert.ok(readFileSync(file).includes(secret));
    assert.ok(!(await check()).includes('secret'));
  });

  it('can be restored where an index lacks entries, and the index is made anew', async () => {
    const misled = (sql: string): string =>
      `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${sql}' WHERE name = 'i'; PRAGMA writable_schema = RESET;`;
    // SQLite counts such a table by its index, which is smaller.
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT); CREATE INDEX i ON t (a);
       ${numbers(1_000)} INSERT INTO t SELECT i, i % 7, 'text ' || i FROM n;
       ${misled('CREATE INDEX i ON t (a) WHERE id < 0')} INSERT INTO t VALUES (5000, 1, 'x'), (5001, 2, 'y');
       ${misled('CREATE INDEX i ON t (a)')}`,
    );
    assert.notEqual(integrity(file), 'ok');
    const madeHere = new MadeHere(folder.file('state'), silentLogger);
    const backup = folder.file('a.dbbackup');
    await backUpFile(file, backup, madeHere);
    for (const target of [folder.file('new.db'), file]) {
      const [report] = (await restoreFile(backup, target, { madeHere })).tables;
      assert.equal(report!.rowsAfter, 1_002);
      assert.equal(integrity(target), 'ok');
      const database = new DatabaseSync(target, { readOnly: true });
      assert.equal(database.prepare('SELECT count(*) AS n FROM t NOT INDEXED').get()!['n'], 1_002);
      database.close();
    }
  });

  it('keeps others from writing while SQLite copies it, and not while the copy is compressed', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(3_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    const before = sqliteDump(file);
    const tried: string[] = [];
    // In this process another connection would let go of all its locks on the file.
    const tryTo = (sql: string): void => {
      const program = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(file)}).exec(${JSON.stringify(sql)})`;
      const { stderr } = spawnSync(process.execPath, ['--no-warnings', '-e', program], { encoding: 'utf8' });
      tried.push(/Error: (.*)/.exec(stderr)?.[1] ?? 'done');
    };
    const report = ({ phase }: ProgressEvent): void => {
      if (phase === 'read' && tried.length === 0) tryTo('DELETE FROM t');
    };
    const backup = await backUpSqlite(file, undefined, { report });
    assert.deepEqual(tried, ['done']);
    assert.deepEqual(sqliteDump(extract(backup)), before);
  });

  it('has what another program writes that has begun to', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const writer = await holdSqlite(file, 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (2); COMMIT');
    const backup = await backUpSqlite(file);
    await writer.end();
    assert.equal(backup.manifest.tables[0]!.rows, 2);
  });

  it('may be touched meanwhile', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(3_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    let touched = 0;
    const report = (): void => {
      utimesSync(file, new Date(), new Date(Date.now() + ++touched));
    };
    const backup = await backUpSqlite(file, undefined, { report });
    assert.ok(touched > 0);
    assert.deepEqual(sqliteDump(extract(backup)), sqliteDump(file));
  });

  it('leaves no lock when it is cancelled, at each phase', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(9_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    for (const phase of ['snapshot', 'read']) {
      const abort = new AbortController();
      const report = (event: ProgressEvent): void => {
        if (event.phase === phase) abort.abort();
      };
      await failure(backUpSqlite(file, undefined, { report, signal: abort.signal }), 'cancelled');
      runSqlite(file, 'BEGIN EXCLUSIVE; COMMIT');
    }
  });
});
