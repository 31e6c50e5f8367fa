import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/core/logger.ts';
import { chunkBytes } from '../../../src/core/payload.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { failure } from '../../support/errors.ts';
import { MemoryPayload } from '../../support/memoryPayload.ts';
import { itInAll } from '../../support/sample.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  connectSqlite,
  holdSqlite,
  type MemoryBackup,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;

describe('SQLite: snapshots', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('source.db');
  });

  /** The rows of a backup's table, by its first column. */
  async function rowsOf(backup: MemoryBackup, table: string): Promise<unknown[]> {
    const target = folder.file('rows.db');
    await restoreSqlite(target, backup, { tables: [table] });
    const database = new DatabaseSync(target);
    try {
      return database
        .prepare(`SELECT * FROM ${table} NOT INDEXED`)
        .all()
        .map((row) => Object.values(row)[0]);
    } finally {
      database.close();
    }
  }

  it('tell the tables, their columns and how many rows they hold', async () => {
    runSqlite(
      file,
      `CREATE TABLE a (x, y AS (x + 1)); CREATE TABLE b (z); INSERT INTO a VALUES (1), (2), (3); INSERT INTO b VALUES (1)`,
    );
    for (const selected of [undefined, ['a', 'b'], [{ name: 'a', where: 'x > 1' }, 'b']]) {
      const { manifest, source } = await backUpSqlite(file, selected);
      const expected = typeof selected?.[0] === 'object' ? 2 : 3;
      assert.deepEqual(
        manifest.tables.map(({ table, columns, rows, where, digest }) => [
          table.name.name,
          columns,
          rows,
          where,
          digest,
        ]),
        [
          ['a', ['x'], expected, expected === 2 ? 'x > 1' : undefined, undefined],
          ['b', ['z'], 1, undefined, undefined],
        ],
      );
      const [payload] = manifest.payloads;
      assert.equal(manifest.payloads.length, 1);
      assert.ok(manifest.tables.every((table) => table.payload === payload?.name));
      assert.deepEqual([...source.chunks.keys()], ['data/1-database/1.sqlite']);
    }
  });

  it('are cut into chunks, and put together again', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(30)} INSERT INTO t SELECT randomblob(1000000) FROM n`);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    const sizes = [...backup.source.chunks.values()].map((bytes) => bytes.length);
    assert.ok(sizes.length > 2);
    assert.ok(sizes.slice(0, -1).every((size) => size === chunkBytes));
    runSqlite(file, 'DELETE FROM t');
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
  });

  it('hold nothing that was deleted', async () => {
    const secret = 'a secret that was deleted before';
    runSqlite(
      file,
      `CREATE TABLE t (a); INSERT INTO t VALUES ('${secret}'), ('kept'); CREATE TABLE u (a);
       INSERT INTO u SELECT '${secret}' || zeroblob(100000); DROP TABLE u; DELETE FROM t WHERE a <> 'kept'`,
    );
    assert.ok((await readFile(file)).includes(secret));
    for (const selected of [undefined, ['t']]) {
      const { source } = await backUpSqlite(file, selected);
      for (const bytes of source.chunks.values()) assert.ok(!Buffer.from(bytes).includes(secret));
    }
  });

  it('of some tables hold nothing of the others', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (a); CREATE TABLE private (a); INSERT INTO private VALUES ('a private thing')`,
    );
    const { source, manifest } = await backUpSqlite(file, ['t']);
    for (const bytes of source.chunks.values()) assert.ok(!Buffer.from(bytes).includes('private'));
    assert.deepEqual(
      manifest.objects.map((object) => object.name),
      ['t'],
    );
  });

  it('do not change while others write', async () => {
    const other = await holdSqlite(
      file,
      `PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)`,
    );
    const session = await connectSqlite(file, { readOnly: true });
    try {
      for (const whole of [true, false]) {
        const [rows = 0] = await session.countRows([{ name: 't' }], { logger: silentLogger });
        const snapshot = await session.openSnapshot({ whole, logger: silentLogger });
        const writer = await holdSqlite(
          file,
          `INSERT INTO t VALUES (2), (3); CREATE TABLE IF NOT EXISTS later (a)`,
        );
        await writer.end();
        assert.deepEqual(await session.countRows([{ name: 't' }], { logger: silentLogger }), [rows + 2]);
        const selection = snapshot.schema.tables.map((table) => ({ table }));
        const { tables } = await snapshot.read(selection, new MemoryPayload(), { logger: silentLogger });
        assert.equal(tables.find(({ table }) => table.name.name === 't')?.rows, rows);
        await snapshot.close();
      }
    } finally {
      await session.close();
      await other.end();
    }
  });

  itInAll('tell of a lock', async () => {
    runSqlite(file, 'CREATE TABLE t (a)');
    const session = await connectSqlite(file, { readOnly: true });
    const other = await holdSqlite(file, 'BEGIN EXCLUSIVE');
    try {
      const error = await failure(session.openSnapshot({ whole: true, logger: silentLogger }), 'database');
      assert.match(error.message, /another process holds a lock/);
    } finally {
      await other.end();
      await session.close();
    }
  });

  it('report how far they are', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(40)} INSERT INTO t SELECT randomblob(1000000) FROM n`);
    const events: ProgressEvent[] = [];
    await backUpSqlite(file, undefined, { report: (event) => events.push(event) });
    const read = events.filter((event) => event.phase === 'read');
    const last = read.at(-1);
    assert.equal(last?.bytes, last?.totalBytes);
    assert.ok(events.some((event) => event.phase === 'snapshot' && (event.totalBytes ?? 0) > 40_000_000));
    for (const event of events) assert.ok((event.bytes ?? 0) <= (event.totalBytes ?? 0));
  });

  it('can be cancelled within one long statement', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(150)} INSERT INTO t SELECT randomblob(1000000) FROM n`);
    const before = sqliteDump(file).length;
    const abort = new AbortController();
    const report = (event: ProgressEvent): void => {
      if ((event.bytes ?? 0) > 0) abort.abort();
    };
    const setAside = setTimeout(() => abort.abort(), 100);
    await failure(backUpSqlite(file, undefined, { signal: abort.signal, report }), 'cancelled');
    clearTimeout(setAside);
    // This condition would take years.
    const forever = `a IN (${numbers(1e12)} SELECT i FROM n)`;
    const signal = AbortSignal.timeout(200);
    await failure(backUpSqlite(file, [{ name: 't', where: forever }], { signal }), 'cancelled');
    assert.equal(sqliteDump(file).length, before);
  });

  it('can be cancelled while their bytes are taken', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const abort = new AbortController();
    const report = ({ phase }: ProgressEvent): void => {
      if (phase === 'read') abort.abort();
    };
    for (const selected of [undefined, ['t']]) {
      await failure(backUpSqlite(file, selected, { signal: abort.signal, report }), 'cancelled');
    }
  });

  it('end with their session', async () => {
    runSqlite(file, 'PRAGMA journal_mode = WAL; CREATE TABLE t (a)');
    const session = await connectSqlite(file, { readOnly: true });
    await session.openSnapshot({ whole: true, logger: silentLogger });
    const partial = await session.openSnapshot({ whole: false, logger: silentLogger });
    assert.equal((await readdir(tmpdir())).length, 2);
    await session.close();
    await partial.close();
    assert.deepEqual(await readdir(tmpdir()), []);
  });

  it('keep what they copy to this user', async () => {
    runSqlite(file, 'PRAGMA journal_mode = WAL; CREATE TABLE t (a)');
    const session = await connectSqlite(file, { readOnly: true });
    await session.openSnapshot({ whole: true, logger: silentLogger });
    const { stat } = await import('node:fs/promises');
    const [name] = await readdir(tmpdir());
    assert.match(name ?? '', /^restore-point-/);
    const path = `${tmpdir()}/${name}`;
    if (process.platform !== 'win32') {
      assert.equal((await stat(path)).mode & 0o777, 0o700);
      for (const copy of await readdir(path))
        assert.equal((await stat(`${path}/${copy}`)).mode & 0o777, 0o600);
    }
    await session.close();
  });

  it('remove what a killed process left a day ago, and nothing else', async () => {
    runSqlite(file, 'CREATE TABLE t (a)');
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const kept = [
      `restore-point-${process.pid}-aaaaaa`,
      `restore-point-${gone}-young1`,
      'restore-point-test-aaaaaa',
    ];
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
    for (const name of [...kept, `restore-point-${gone}-bbbbbb`]) {
      const folder = join(tmpdir(), name);
      await mkdir(folder, 0o700);
      await writeFile(join(folder, 'database.sqlite'), 'x');
      if (!name.includes('young')) await utimes(folder, old, old);
    }
    await backUpSqlite(file);
    assert.deepEqual((await readdir(tmpdir())).sort(), kept.sort());
    for (const name of kept) await rm(join(tmpdir(), name), { recursive: true });
  });

  describe('with conditions', () => {
    beforeEach(() => {
      runSqlite(
        file,
        `CREATE TABLE customers (id INTEGER PRIMARY KEY, "na me", city);
         INSERT INTO customers VALUES (1, 'Ada', 'Bonn'), (2, 'it''s', 'Rome'), (3, NULL, 'Bonn');
         CREATE TABLE orders (id PRIMARY KEY, customer); INSERT INTO orders VALUES (10, 1), (11, 2), (12, 3), (13, 3)`,
      );
    });

    it('take the rows for which they hold, and mean the tables of the database', async () => {
      const inBonn = "customer IN (SELECT id FROM customers WHERE city = 'Bonn')";
      // The copy holds one customer when the orders are read; all three have to be seen.
      const backup = await backUpSqlite(file, [
        { name: 'customers', where: 'id = 1' },
        { name: 'orders', where: inBonn },
      ]);
      assert.deepEqual(await rowsOf(backup, 'orders'), [10, 12, 13]);
      const filters: [string, number[]][] = [
        ['orders.customer = 2', [11]],
        ['main.orders.customer = 2 -- a comment', [11]],
        ['customer = 2 /* ) */', [11]],
        ["id = 10 OR '?;)' = ''", [10]],
        ['NULL', []],
        ["EXISTS (SELECT 1 FROM customers c WHERE c.id = customer AND \"na me\" = 'it''s')", [11]],
      ];
      for (const [where, rows] of filters) {
        assert.deepEqual(
          await rowsOf(await backUpSqlite(file, [{ name: 'orders', where }]), 'orders'),
          rows,
          where,
        );
      }
    });

    it('can neither write nor get out of their parentheses', async () => {
      const before = sqliteDump(file);
      const refused: [string, RegExp][] = [
        ['1); DELETE FROM orders; --', /more than one statement|parentheses/],
        ['1) OR (1', /parentheses/],
        ['1 /* ', /not closed/],
        ["id = 'x", /not closed/],
        ['id = ?', /parameter/],
        ['id = :id', /parameter/],
        ['', /empty/],
        ['-- nothing', /empty/],
        ['nonsense = 1', /no such column: nonsense/],
        ['id IN (DELETE FROM orders RETURNING id)', /syntax error/],
        ['count(*) > 1', /misuse of aggregate/],
        ["load_extension('x')", /not authorized/],
      ];
      for (const [where, reason] of refused) {
        const error = await failure(backUpSqlite(file, [{ name: 'orders', where }]), 'usage');
        assert.match(error.message, reason);
        assert.equal(error.details.place?.table, 'orders');
      }
      assert.deepEqual(sqliteDump(file), before);
    });
  });

  it('take virtual tables whole, whether their module is there or not, and leave out what was not chosen', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE words USING fts5(a);
       INSERT INTO words VALUES ('text'); ANALYZE; PRAGMA writable_schema = ON;
       INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING no_such_module(x)')`,
    );
    const [all, some] = [folder.file('all.db'), folder.file('some.db')];
    const whole = await backUpSqlite(file);
    assert.deepEqual(whole.manifest.leftOut, []);
    await restoreSqlite(all, whole);
    assert.deepEqual(sqliteDump(all), sqliteDump(file));
    const part = await backUpSqlite(file, ['t']);
    assert.deepEqual(part.manifest.leftOut, []);
    await restoreSqlite(some, part);
    const database = new DatabaseSync(some);
    assert.deepEqual(
      database
        .prepare(`SELECT name, (SELECT a FROM t) AS a FROM sqlite_schema WHERE name <> 'sqlite_stat1'`)
        .all()
        .map((row) => ({ ...row })),
      [{ name: 't', a: 1 }],
    );
    database.close();
  });

  it('take rows that break a constraint which came later', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (a CHECK (a > 0)); CREATE TABLE u (id INTEGER PRIMARY KEY, a CHECK (a > 0));
       PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (-1), (1); INSERT INTO u VALUES (1, -1)`,
    );
    const before = sqliteDump(file);
    const selections = [undefined, ['t', 'u'], ['t', 'u'].map((name) => ({ name, where: 'true' }))];
    for (const [index, selected] of selections.entries()) {
      const target = folder.file(`${index}.db`);
      await restoreSqlite(target, await backUpSqlite(file, selected));
      assert.deepEqual(sqliteDump(target), before);
    }
  });
});
