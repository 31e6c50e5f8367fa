import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Manifest } from '../../../src/core/manifest.ts';
import type { PayloadRows } from '../../../src/engines/engine.ts';
import { sqliteEngine } from '../../../src/engines/sqlite/engine.ts';
import { failure } from '../../support/errors.ts';
import { MemoryPayload } from '../../support/memoryPayload.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  type MemoryBackup,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { allRows, textRows } from '../../support/typedRows.ts';

describe('SQLite: the payload of a backup', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('source.db');
  });

  async function opened<Result>(
    { manifest, source }: MemoryBackup,
    work: (rows: PayloadRows, manifest: Manifest) => Promise<Result>,
  ): Promise<Result> {
    const rows = await sqliteEngine.openPayload(source, manifest, { logger: silentLogger });
    try {
      return await work(rows, manifest);
    } finally {
      await rows.close();
      await rows.close();
    }
  }

  it('shows every value as text that says what it is', async () => {
    const shown: [sql: string, text: string | null][] = [
      ['NULL', null],
      ['9223372036854775807', '9223372036854775807'],
      ['-9223372036854775808', '-9223372036854775808'],
      ['0', '0'],
      ['1.0', '1.0'],
      ['-1e-300 * 1e-300', '-0.0'],
      ['0.1', '0.1'],
      ['1e300', '1e+300'],
      ['123456789012345680000.0', '123456789012345680000.0'],
      ['1.0 / 3', '0.3333333333333333'],
      ['9e999', 'Infinity'],
      ['-9e999', '-Infinity'],
      [`'007'`, '007'],
      [`''`, ''],
      [`'Ğüneş 名前'`, 'Ğüneş 名前'],
      [`CAST(x'610062' AS TEXT)`, 'a\0b'],
      [`x''`, `x''`],
      [`x'00ff'`, `x'00FF'`],
      ['zeroblob(64)', `x'${'00'.repeat(64)}'`],
      ['zeroblob(65)', `x'${'00'.repeat(64)}'`],
    ];
    const columns = shown.map((_, index) => `"c${index}"`);
    runSqlite(
      file,
      `CREATE TABLE t (${columns.join(', ')}); INSERT INTO t VALUES (${shown.map(([sql]) => sql).join(', ')})`,
    );
    const page = await opened(await backUpSqlite(file), (rows, { tables }) =>
      textRows(rows.rows(tables[0]!, { limit: 10, longest: 64 })),
    );
    assert.deepEqual(page, [shown.map(([, text]) => text)]);
  });

  it('shows the bytes of a text that is not valid UTF-16', async () => {
    runSqlite(
      file,
      `PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a);
       INSERT INTO t VALUES (CAST(x'00d84100' AS TEXT)), (char(65279) || 'ğ😀')`,
    );
    const rows = await opened(await backUpSqlite(file), (payload, { tables }) =>
      textRows(payload.rows(tables[0]!)),
    );
    assert.deepEqual(rows, [[`x'00D84100'`], ['\uFEFFğ😀']]);
  });

  it('reads a few large rows at a time', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (a, b); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
       INSERT INTO t SELECT i, CASE WHEN i BETWEEN 2500 AND 2600 THEN zeroblob(1500000) END FROM n`,
    );
    const sizes = await opened(await backUpSqlite(file), async (payload, { tables }) => {
      const pages: number[] = [];
      for await (const page of payload.rows(tables[0]!, { limit: 2550 })) pages.push(page.length);
      return pages;
    });
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      2550,
    );
    assert.deepEqual(sizes.slice(0, 4), [1000, 1000, 501, 2]);
  });

  it('is read by pages, in the order of its rows', async () => {
    runSqlite(
      file,
      `CREATE TABLE "__proto__" ("constructor", "$x" TEXT, "c0"); CREATE INDEX i ON "__proto__" ("$x", "constructor", "c0");
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)
       INSERT INTO "__proto__" SELECT i, 100 - i, NULL FROM n;
       CREATE TABLE k (a, b, PRIMARY KEY (b)) WITHOUT ROWID; INSERT INTO k VALUES (1, 'z'), (2, 'a')`,
    );
    await opened(await backUpSqlite(file), async (rows, { tables }) => {
      const [hostile, keyed] = tables;
      const page = await textRows(rows.rows(hostile!, { after: 20, limit: 10 }));
      assert.deepEqual(hostile!.columns, ['constructor', '$x', 'c0']);
      assert.deepEqual(
        page.map((row) => row[0]),
        ['21', '22', '23', '24', '25'],
      );
      assert.deepEqual(await textRows(rows.rows(hostile!, { after: 25 })), []);
      assert.deepEqual(await textRows(rows.rows(keyed!)), [
        ['2', 'a'],
        ['1', 'z'],
      ]);
      // Taken out once for all of it.
      assert.equal((await readdir(tmpdir())).length, 1);
    });
  });

  it('passes its check when it is whole', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (a CHECK (a > 0), b NOT NULL); CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM no;
       INSERT INTO u VALUES (1), (2); PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (-1, 1)`,
    );
    for (const selected of [undefined, ['u', 't']]) {
      await opened(await backUpSqlite(file, selected), async (rows, { tables }) => {
        for (const table of tables) await rows.check(table, { logger: silentLogger });
      });
    }
  });

  describe('of very many tables', () => {
    let backup: MemoryBackup;
    beforeEach(async () => {
      const tables = Array.from(
        { length: 1_000 },
        (_, index) => `CREATE TABLE t${index} (a); INSERT INTO t${index} VALUES (500), (500)`,
      );
      runSqlite(file, tables.join('; '));
      backup = await backUpSqlite(file);
    });

    /** The tables that do not pass their check. */
    async function failing(other: MemoryBackup): Promise<string[]> {
      return opened(other, async (rows, { tables }) => {
        const names: string[] = [];
        for (const table of tables) {
          const check = rows.check(table, { logger: silentLogger });
          if (!(await check.then(() => true, isDamaged))) names.push(table.table.name.name);
        }
        return names;
      });
    }

    function isDamaged(error: unknown): boolean {
      assert.ok(RestorePointError.is(error, 'damaged-backup'));
      return false;
    }

    it('passes its check when it is whole', async () => {
      assert.deepEqual(await failing(backup), []);
    });

    it('passes it also where rows break a constraint that came after them', async () => {
      runSqlite(
        file,
        `ALTER TABLE t7 ADD COLUMN b; PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE TABLE t7 (a, b NOT NULL)' WHERE name = 't7'`,
      );
      assert.deepEqual(await failing(await backUpSqlite(file)), []);
    });

    it('names the table whose page is damaged', async () => {
      const bytes = Buffer.concat([...backup.source.chunks.values()]);
      const copy = folder.file('copy.db');
      await writeFile(copy, bytes);
      const database = new DatabaseSync(copy);
      const found = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 't500'").get();
      database.close();
      const page = Number(found?.['rootpage']);
      // The rowid of its first row becomes larger than that of the second, which a count does not look at.
      bytes[page * 4096 - 5] = 9;
      const source = new MemoryPayload();
      const writer = source.open('database', 'sqlite');
      await writer.writeChunk(bytes, 0);
      const damaged = { source, manifest: { ...backup.manifest, payloads: [await writer.finish()] } };
      assert.deepEqual(await failing(damaged), ['t500']);
    });
  });

  describe('that is not what it says', () => {
    let backup: MemoryBackup;
    let before: string[];
    beforeEach(async () => {
      runSqlite(
        file,
        `CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (3, 4);
         CREATE TABLE big (id INTEGER PRIMARY KEY, a); INSERT INTO big VALUES (1, zeroblob(100000))`,
      );
      backup = await backUpSqlite(file);
      before = sqliteDump(file);
    });

    /** The same backup around another database file. */
    async function with_(sql: string): Promise<MemoryBackup> {
      const other = folder.file('other.db');
      await rm(other, { force: true });
      runSqlite(other, sql);
      return withBytes(await readFile(other));
    }

    async function withBytes(bytes: Uint8Array): Promise<MemoryBackup> {
      const source = new MemoryPayload();
      const writer = source.open('database', 'sqlite');
      await writer.writeChunk(bytes, 0);
      const payload = await writer.finish();
      return { source, manifest: { ...backup.manifest, payloads: [payload] } };
    }

    async function isRefused(damaged: MemoryBackup, reason: RegExp, tables = ['t']): Promise<void> {
      const error = await failure(restoreSqlite(file, damaged, { tables }), 'damaged-backup');
      assert.match(error.message, reason);
      assert.deepEqual(sqliteDump(file), before);
      const reading = opened(damaged, (rows, manifest) => allRows(rows.rows(manifest.tables[0]!)));
      await failure(reading, 'damaged-backup');
      const check = opened(damaged, (rows, manifest) =>
        rows.check(manifest.tables[0]!, { logger: silentLogger }),
      );
      await failure(check, 'damaged-backup');
    }

    it('is refused: no database', async () => {
      await isRefused(await withBytes(Buffer.from('no database at all')), /not a SQLite database/);
      await isRefused(
        await withBytes(Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4080, 7)])),
        /not a SQLite database|damaged/,
      );
      await isRefused({ ...backup, manifest: { ...backup.manifest, payloads: [] } }, /0 databases/);
    });

    it('is refused: other tables or columns', async () => {
      await isRefused(await with_('CREATE TABLE x (a)'), /table x: the manifest does not list it/);
      const statement = /table t: its statement is not the one in the manifest/;
      await isRefused(await with_('CREATE TABLE t (a, c)'), statement);
      await isRefused(await with_('CREATE TABLE t (b, a)'), statement);
      await isRefused(await with_('CREATE TABLE t (a, b AS (a))'), statement);
      await isRefused(await with_('CREATE VIEW t AS SELECT 1 AS a, 2 AS b'), /view t: the manifest does not/);
    });

    it('is refused: other columns, of a backup of rows alone', async () => {
      const rowsAlone = async (sql: string): Promise<MemoryBackup> => {
        const { source, manifest } = await with_(`CREATE TABLE big (id INTEGER PRIMARY KEY, a); ${sql}`);
        return { source, manifest: { ...manifest, complete: false, only: 'data', objects: [] } };
      };
      await isRefused(await rowsAlone('CREATE TABLE t (a, c)'), /its columns are a, c/);
      await isRefused(await rowsAlone('CREATE TABLE t (b, a)'), /its columns are b, a/);
      await isRefused(await rowsAlone('CREATE TABLE t (a, b AS (a))'), /its columns are a/);
    });

    it('is refused: another number of rows', async () => {
      const fewer = await with_(
        'CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2); CREATE TABLE big (id INTEGER PRIMARY KEY, a)',
      );
      const error = await failure(
        opened(fewer, (rows, { tables }) => rows.check(tables[0]!, { logger: silentLogger })),
        'damaged-backup',
      );
      assert.match(error.message, /contains 1 rows, but its manifest says 2/);
      const other = await failure(restoreSqlite(file, fewer, { tables: ['t'] }), 'verification');
      assert.match(other.message, /it has 1 rows, but the backup has 2/);
      assert.deepEqual(sqliteDump(file), before);
    });

    it('is refused: damaged pages', async () => {
      const [bytes] = [...backup.source.chunks.values()];
      const damaged = Buffer.from(bytes!);
      damaged.fill(0xff, damaged.length - 8192);
      const broken = await withBytes(damaged);
      const check = opened(broken, (rows, { tables }) => rows.check(tables[1]!, { logger: silentLogger }));
      await failure(check, 'damaged-backup');
      await failure(restoreSqlite(file, broken), 'damaged-backup');
      await failure(restoreSqlite(file, broken, { madeHere: true }), 'database');
      assert.deepEqual(sqliteDump(file), before);
    });

    it('makes nothing but the object that a statement is for', async () => {
      const target = folder.file('new.db');
      const { manifest, source } = backup;
      const made = manifest.objects.find(({ name }) => name === 't')!.sql;
      const statements = [
        'DROP TABLE t',
        'CREATE TABLE other (a, b)',
        'CREATE TEMP TABLE t (a, b)',
        'INSERT INTO t VALUES (1, 2)',
        "ATTACH '/tmp/x' AS x",
        'create table t (a, b)',
        'CREATE TABLE t AS SELECT 1 AS a, 2 AS b',
        `${made}; DROP TABLE big`,
        '',
      ];
      for (const sql of statements) {
        const objects = manifest.objects.map((object) => (object.name === 't' ? { ...object, sql } : object));
        const hostile = { source, manifest: { ...manifest, complete: false, objects } };
        const error = await failure(restoreSqlite(target, hostile), 'damaged-backup');
        assert.match(error.message, /table t: its statement is not the one in the manifest/, sql);
        // What this machine made is not compared, and yet makes nothing else.
        const made = await failure(restoreSqlite(target, hostile, { madeHere: true }), 'damaged-backup');
        assert.match(made.message, /no valid statement for the table t/, sql);
      }
    });
  });
});
