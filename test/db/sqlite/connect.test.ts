import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { access, chmod, constants, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { DatabaseAddress } from '../../../src/core/connections.ts';
import { describeError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { sqliteEngine } from '../../../src/engines/sqlite/engine.ts';
import { failure } from '../../support/errors.ts';
import { connectSqlite, holdSqlite, runSqlite, useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('SQLite: addresses', () => {
  const fileOf = (url: string): string | undefined => sqliteEngine.parseUrl(url)?.address.file;

  it('are read from URLs', () => {
    assert.equal(fileOf('sqlite:shop.db'), 'shop.db');
    assert.equal(fileOf('SQLite:../a b/50%.db'), '../a b/50%.db');
    assert.equal(fileOf('sqlite:/abs/shop.db'), '/abs/shop.db');
    assert.equal(fileOf('sqlite:///abs/a%20b.db'), '/abs/a b.db');
    assert.equal(fileOf('sqlite:////abs/shop.db'), '/abs/shop.db');
    assert.equal(fileOf('sqlite:///C:/data/shop.db'), 'C:/data/shop.db');
    assert.equal(fileOf('sqlite:C:\\data\\shop.db'), 'C:\\data\\shop.db');
    assert.equal(fileOf('postgres://localhost/shop'), undefined);
    assert.equal(fileOf('shop.db'), undefined);
  });

  it('that are wrong are refused with the reason', async () => {
    const reasons = {
      'sqlite:': /names no file/,
      'sqlite::memory:': /in-memory/,
      'sqlite://host/shop.db': /host/,
      'sqlite:///a.db?mode=ro': /must not contain \?/,
      'sqlite:///a%zz.db': /hexadecimal/,
      'sqlite:a\0b': /names no file/,
    };
    for (const [url, reason] of Object.entries(reasons)) {
      const error = await failure(
        Promise.resolve().then(() => fileOf(url)),
        'usage',
      );
      assert.match(error.message, reason);
    }
  });

  it('are shown by their file', () => {
    assert.equal(sqliteEngine.describe({ engine: 'sqlite', file: 'data/shop.db' }), 'data/shop.db');
  });
});

describe('SQLite: connecting', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  function refusal(address: Partial<DatabaseAddress>, readOnly = true): Promise<string> {
    const connecting = sqliteEngine.connect(
      { engine: 'sqlite', ...address },
      { readOnly, logger: silentLogger },
    );
    return failure(connecting, address.file ? 'connection' : 'usage').then(describeError);
  }

  it('says which database it is', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    const session = await connectSqlite(file);
    assert.equal(session.info.engine, 'sqlite');
    assert.equal(session.info.database, 'shop.db');
    assert.match(session.info.serverVersion, /^SQLite 3\.\d+\.\d+$/);
    assert.equal(session.target, file);
    await session.close();
    await session.close();
  });

  it('says in words why a file cannot be opened', async () => {
    const text = folder.file('notes.txt');
    await writeFile(
      text,
      'This is a text, long enough for the header of a database, and it is none. '.repeat(20),
    );
    await mkdir(folder.file('folder'));
    assert.match(
      await refusal({ file: folder.file('none.db') }),
      /none\.db: The file does not exist\. Check the path\./,
    );
    assert.match(await refusal({ file: folder.file('folder') }), /This is a folder/);
    assert.match(await refusal({ file: '/dev/null' }), /not a regular file/);
    assert.match(
      await refusal({ file: text }),
      /notes\.txt: This file is not a SQLite database, or it is encrypted/,
    );
    assert.match(await refusal({ file: 'a\0b' }), /NUL/);
    assert.match(await refusal({}), /names no file/);
    assert.equal(existsSync(folder.file('none.db')), false);
  });

  it('takes paths with every character that means something in a URI', async () => {
    for (const name of [
      'a?mode=memory',
      'b#c',
      '100%',
      '%41',
      'ü 名 "q" \'s\' & = ;',
      'file:x',
      'new\nline',
    ]) {
      const file = folder.file(`${name}.db`);
      runSqlite(file, `CREATE TABLE "${name.length}" (a)`);
      for (const readOnly of [true, false]) {
        const session = await connectSqlite(file, { readOnly });
        assert.deepEqual(
          (await session.listTables()).map((table) => table.name.name),
          [String(name.length)],
        );
        const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
        assert.equal(snapshot.schema.tables.length, 1);
        await snapshot.close();
        await session.close();
      }
    }
    assert.equal((await readdir(folder.path)).length, 7);
  });

  it('makes a database only when it is asked to, and leaves no empty file behind', async () => {
    const file = folder.file('new.db');
    const session = await connectSqlite(file, { create: true });
    assert.deepEqual(await session.listTables(), []);
    await session.close();
    assert.equal(existsSync(file), false);
    await writeFile(file, '');
    const again = await connectSqlite(file, { create: true });
    await again.close();
    assert.equal(existsSync(file), true, 'a file of somebody else was removed');
    const nowhere = folder.file('no/new.db');
    const error = await failure(connectSqlite(nowhere, { create: true }), 'connection');
    assert.match(error.message, /The folder .* does not exist/);
  });

  it('tells of a lock of another process', async () => {
    const file = folder.file('locked.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    const other = await holdSqlite(file, 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)');
    try {
      assert.match(await refusal({ file }), /locked: another process holds a lock on it/);
    } finally {
      await other.end();
    }
  });

  it('waits for a lock that ends soon', async () => {
    const file = folder.file('locked.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    const other = await holdSqlite(file, 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)');
    const connecting = connectSqlite(file);
    await other.end();
    const session = await connecting;
    assert.deepEqual(await session.countRows([{ name: 't' }], { logger: silentLogger }), [0]);
    await session.close();
  });

  it('stops waiting when it is cancelled', async () => {
    const file = folder.file('locked.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    const other = await holdSqlite(file, 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)');
    try {
      const signal = AbortSignal.timeout(50);
      const address = { engine: 'sqlite', file } as const;
      await failure(
        sqliteEngine.connect(address, { readOnly: true, logger: silentLogger, signal }),
        'cancelled',
      );
    } finally {
      await other.end();
    }
  });

  it('recovers what a killed program left, also for reading only', async () => {
    const file = folder.file('crashed.db');
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES ('kept')`);
    // A small cache makes SQLite write changed pages, and the journal before them, within the transaction.
    const other = await holdSqlite(
      file,
      `PRAGMA cache_size = 5; PRAGMA synchronous = FULL; BEGIN; UPDATE t SET a = 'lost';
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
       INSERT INTO t SELECT randomblob(500) FROM n`,
    );
    await other.kill();
    assert.ok(existsSync(`${file}-journal`));
    const session = await connectSqlite(file, { readOnly: true });
    assert.deepEqual(await session.countRows([{ name: 't' }], { logger: silentLogger }), [1]);
    await session.close();
    assert.equal(existsSync(`${file}-journal`), false);
  });

  it('reads a WAL database whose log is not in the file yet', async () => {
    const file = folder.file('wal.db');
    const other = await holdSqlite(
      file,
      'PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)',
    );
    const session = await connectSqlite(file, { readOnly: true });
    assert.deepEqual(await session.countRows([{ name: 't' }], { logger: silentLogger }), [2]);
    await session.close();
    await other.kill();
    const after = await connectSqlite(file, { readOnly: true });
    assert.deepEqual(await after.countRows([{ name: 't' }], { logger: silentLogger }), [2]);
    await after.close();
  });

  it('does not write through a session for reading', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    const session = await connectSqlite(file, { readOnly: true });
    await assert.rejects(async () => {
      await session.beginRestore(undefined as never, { logger: silentLogger });
    }, /read-only/);
    await session.close();
  });

  it('tells of missing permissions', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, 'CREATE TABLE t (a)');
    await chmod(file, 0o444);
    // Root may write it all the same, and so may we then.
    const writable = await access(file, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable) await (await connectSqlite(file)).close();
    else assert.match(await refusal({ file }, false), /No permission: the file cannot be written/);
    await (await connectSqlite(file, { readOnly: true })).close();
  });

  it('lists tables with their rows and what they take of the file', async () => {
    const file = folder.file('shop.db');
    runSqlite(
      file,
      `CREATE TABLE b (a PRIMARY KEY); INSERT INTO b VALUES (1), (2); CREATE TABLE a (x); CREATE VIEW v AS SELECT 1;
       CREATE VIRTUAL TABLE f USING fts5(x)`,
    );
    const session = await connectSqlite(file, { readOnly: true });
    assert.deepEqual(await session.listTables(), [
      { name: { name: 'b' }, rows: 2, bytes: 8192 },
      { name: { name: 'a' }, rows: 0, bytes: 4096 },
    ]);
    await session.close();
  });

  it('estimates the rows of a large database from what is known without reading it', async () => {
    const file = folder.file('large.db');
    const database = new DatabaseSync(file);
    database.exec(`
      CREATE TABLE dense (id INTEGER PRIMARY KEY, a); CREATE TABLE sparse (id INTEGER PRIMARY KEY);
      CREATE TABLE analyzed (a PRIMARY KEY) WITHOUT ROWID; CREATE TABLE unknown (a PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE none (a);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO dense SELECT i, zeroblob(70000) FROM n;
      INSERT INTO sparse VALUES (-9223372036854775808), (9223372036854775807);
      INSERT INTO analyzed VALUES (1), (2), (3); INSERT INTO unknown VALUES (1);
      ANALYZE analyzed`);
    database.close();
    const session = await connectSqlite(file, { readOnly: true });
    assert.deepEqual(
      (await session.listTables()).map(({ name, rows, bytes }) => [name.name, rows, bytes]),
      [
        ['dense', 1000, undefined],
        ['sparse', undefined, undefined],
        ['analyzed', 3, undefined],
        ['unknown', undefined, undefined],
        ['none', 0, undefined],
      ],
    );
    await session.close();
  });

  it('describes one table, whatever the letters', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, 'CREATE TABLE Orders (id INTEGER PRIMARY KEY)');
    const session = await connectSqlite(file, { readOnly: true });
    assert.equal((await session.describeTable({ name: 'ORDERS' })).name.name, 'Orders');
    assert.match((await failure(session.describeTable({ name: 'x' }), 'usage')).message, /no table named x/);
    assert.equal((await session.describeTable({ schema: 'main', name: 'orders' })).name.name, 'Orders');
    await failure(session.describeTable({ schema: 'temp', name: 'orders' }), 'usage');
    await session.close();
  });

  it('answers several questions at once', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const session = await connectSqlite(file, { readOnly: true });
    const [tables, table, wrong, rows] = await Promise.allSettled([
      session.listTables(),
      session.describeTable({ name: 't' }),
      session.countRows([{ name: 'none' }], { logger: silentLogger }),
      session.countRows([{ name: 't' }], { logger: silentLogger }),
    ]);
    assert.deepEqual(
      [tables, table, wrong, rows].map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
    await session.close();
  });

  it('tells of a damaged database', async () => {
    const file = folder.file('shop.db');
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(100000))`);
    const damaged = folder.file('damaged.db');
    await copyFile(file, damaged);
    const { open } = await import('node:fs/promises');
    const handle = await open(damaged, 'r+');
    await handle.write(Buffer.alloc(4096, 0xff), 0, 4096, 4096);
    await handle.close();
    const session = await connectSqlite(damaged, { readOnly: true });
    const error = await failure(session.countRows([{ name: 't' }], { logger: silentLogger }), 'database');
    assert.match(describeError(error), /damaged: its pages are inconsistent/);
    await session.close();
  });
});
