import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { TableName } from '../../../src/core/names.ts';
import { chunkBytes, type PayloadSink } from '../../../src/core/payload.ts';
import type { PayloadRows, Session, Snapshot } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { MemoryPayload } from '../../support/memoryPayload.ts';
import { backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { allRows, textRows } from '../../support/typedRows.ts';

describe('postgres: what a snapshot reads', () => {
  const postgres = usePostgres();

  /** The rows of one table of a backup as people see them. */
  async function rowsOf(file: string, name: string, offset = 0, limit = 100): Promise<(string | null)[][]> {
    return withPayload(file, async (rows, archive) => {
      const table = archive.manifest.tables.find((one) => one.table.name.name === name)!;
      return textRows(rows.rows(table, { after: offset, limit }));
    });
  }

  async function withPayload<Result>(
    file: string,
    work: (rows: PayloadRows, archive: Archive) => Promise<Result>,
  ): Promise<Result> {
    const { postgresEngine } = await import('../../../src/engines/postgres/engine.ts');
    const archive = await Archive.open(file, engineById);
    const rows = await postgresEngine.openPayload(archive, archive.manifest, { logger: silentLogger });
    try {
      return await work(rows, archive);
    } finally {
      await rows.close();
      await archive.close();
    }
  }

  async function inSnapshot(
    database: TestDatabase,
    work: (snapshot: Snapshot, session: Session) => Promise<void>,
  ): Promise<void> {
    const session = await database.connect({ readOnly: true });
    try {
      await work(await session.openSnapshot({ logger: silentLogger, whole: true }), session);
    } finally {
      await session.close();
    }
  }

  function readAll(snapshot: Snapshot): ReturnType<Snapshot['read']> {
    const selection = snapshot.schema.tables.map((table) => ({ table }));
    return snapshot.read(selection, new MemoryPayload(), { logger: silentLogger });
  }

  function chosen(database: TestDatabase, file: string, table: string, condition: string): Promise<unknown> {
    const where = [{ table: tables(table)[0]!, condition }];
    return backUp(database, file, { tables: tables(table), where });
  }

  it('is one state, whatever others do meanwhile', async () => {
    const database = await postgres.create(`
      CREATE TABLE a (id integer); CREATE TABLE b (id integer); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);`);
    await inSnapshot(database, async (snapshot) => {
      await database.run(`
        UPDATE a SET id = 2; DELETE FROM b; ALTER TABLE a ADD COLUMN late integer; CREATE TABLE c ()`);
      const content = await readAll(snapshot);
      assert.deepEqual(
        content.tables.map(({ table, columns, rows }) => [table.name.name, columns, rows]),
        [
          ['a', ['id'], 1],
          ['b', ['id'], 1],
        ],
      );
    });
  });

  it('knows its own sequences, whatever its session looks at meanwhile', async () => {
    const database = await postgres.create('CREATE TABLE a (id serial); CREATE TABLE b (n integer)');
    await inSnapshot(database, async (snapshot, session) => {
      const scope = { tables: ({ name }: TableName) => name === 'b', names: [] };
      await session.introspect({ logger: silentLogger, scope });
      const sequences = await snapshot.readSequences(tables('a'));
      assert.deepEqual(
        sequences.map(({ name }) => name.name),
        ['a_id_seq'],
      );
    });
  });

  it('is refused for a table that was emptied, rewritten or dropped since, and would look empty', async () => {
    for (const change of [
      'TRUNCATE a',
      'ALTER TABLE a ALTER id TYPE bigint',
      'DROP TABLE a',
      'ALTER TABLE a RENAME id TO x',
    ]) {
      const database = await postgres.create('CREATE TABLE a (id integer); INSERT INTO a VALUES (1)');
      await inSnapshot(database, async (snapshot) => {
        await database.run(change);
        const error = await failure(readAll(snapshot));
        assert.equal(error.code, 'database', change);
        assert.equal(error.details.place?.table, 'public.a', change);
        assert.match(error.message, /truncated or rewritten|does not exist/, change);
      });
    }
  });

  it('takes rows of a table alone, not those of tables that inherit from it', async () => {
    const database = await postgres.create(`
      CREATE TABLE a (id integer); CREATE TABLE b (n integer) INHERITS (a);
      INSERT INTO a VALUES (1); INSERT INTO b VALUES (2, 3);`);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    assert.deepEqual(await rowsOf(file, 'a'), [['1']]);
    assert.deepEqual(await rowsOf(file, 'b'), [['2', '3']]);
  });

  it('takes the rows for which a condition holds, as its author would write it', async () => {
    const name = 'x.dbbackup';
    const database = await postgres.create(`
      CREATE SCHEMA tools; CREATE FUNCTION tools.is_even(integer) RETURNS boolean LANGUAGE sql AS 'SELECT $1 % 2 = 0';
      CREATE TABLE t (id integer, j jsonb, "a?b" text, r regclass);
      CREATE TABLE named (id integer, r regclass);
      INSERT INTO t VALUES (1, '{"a": 1}', 'x?'), (2, '{"b": 2}', 'y'), (3, NULL, 'it''s'), (4, '{}', NULL);
      INSERT INTO named VALUES (1, 'pg_class'), (2, 't');
      ALTER TABLE t DROP COLUMN r;
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = tools, public', current_database()); END $$;`);
    const conditions: [string, string[]][] = [
      [`j ? 'a'`, ['1']],
      [`j ?| array['a', 'b']`, ['1', '2']],
      [`"a?b" LIKE '%?'`, ['1']],
      [`"a?b" ~ '\\?$'`, ['1']],
      [`id = 2 -- a comment`, ['2']],
      [`id = 1 OR id = 3`, ['1', '3']],
      [`is_even(id)`, ['2', '4']],
      [`id IN (SELECT id FROM t WHERE "a?b" = 'it''s')`, ['3']],
      [`id = 4 /* $1 :name */`, ['4']],
      [`"a?b" = $$y$$`, ['2']],
    ];
    for (const [index, [condition, ids]] of conditions.entries()) {
      const file = postgres.file(`${index}-${name}`);
      await chosen(database, file, 't', condition);
      assert.deepEqual((await rowsOf(file, 't')).map(([id]) => id).sort(), ids, condition);
    }
    // A value that names an object is written with its schema, so names in this condition have to be as well.
    const file = postgres.file('named.dbbackup');
    await chosen(database, file, 'named', `r = 'public.t'::regclass AND tools.is_even(id)`);
    assert.deepEqual(await rowsOf(file, 'named'), [['2', 'public.t']]);
    const error = await failure(chosen(database, postgres.file('no.dbbackup'), 'named', 'is_even(id)'));
    assert.equal(error.code, 'usage');
    assert.match(error.details.next ?? '', /with their schema/);
  });

  it('takes a condition for one boolean expression and nothing else', async () => {
    const database = await postgres.create(
      'CREATE TABLE t (id integer); INSERT INTO t VALUES (1); CREATE TABLE victim ()',
    );
    const before = await database.dump();
    const wrong = [
      'id',
      '',
      'id =',
      'id = 1) OR (true; DROP TABLE victim',
      'true)) TO STDOUT; COMMIT; DROP TABLE victim; COPY (SELECT (1',
      'true); DROP TABLE victim; --',
      'true) UNION SELECT (2',
      'true) LIMIT (0',
      'true) THEN 1 END, CASE WHEN (true',
      'true) GROUP BY (id',
      '/* never closed',
      `'never closed`,
      'id = 1 ORDER BY 1',
      'count(*) > 0',
      'no_such_column = 1',
      'id = $1',
    ];
    for (const condition of wrong) {
      const error = await failure(chosen(database, postgres.file('x.dbbackup'), 't', condition));
      assert.ok(
        error.code === 'usage' || condition === 'id = $1',
        `${condition}: ${error.code} ${error.message}`,
      );
    }
    assert.equal(await database.dump(), before);
  });

  it('is cut into chunks at row ends, and one row may be larger than a chunk', async () => {
    const database = await postgres.create(`
      CREATE TABLE t (id integer PRIMARY KEY, filler text);
      ALTER TABLE t ALTER filler SET STORAGE EXTERNAL;
      INSERT INTO t SELECT i, repeat(md5(i::text), 300) FROM generate_series(1, 2000) i;
      INSERT INTO t SELECT 3000, repeat('x', ${2 * chunkBytes});
      INSERT INTO t VALUES (3001, 'last');`);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await withPayload(file, async (rows, { manifest }) => {
      const [table] = manifest.tables;
      const [payload] = manifest.payloads;
      assert.equal(table!.rows, 2002);
      assert.equal(
        payload!.chunks.reduce((sum, chunk) => sum + chunk.rows, 0),
        2002,
      );
      assert.ok(payload!.chunks.length >= 3);
      for (const chunk of payload!.chunks.slice(0, -1)) assert.ok(chunk.bytes >= chunkBytes);
      await rows.check(table!, { logger: silentLogger });
      const all = await textRows(rows.rows(table!, { longest: 100 }));
      assert.deepEqual(
        all.map(([id]) => id),
        [...Array.from({ length: 2000 }, (_, index) => String(index + 1)), '3000', '3001'],
      );
      const [, long] = await allRows(rows.rows(table!, { after: 1999, limit: 2, longest: 10_000 }));
      assert.deepEqual(long![1], { kind: 'other', text: 'x'.repeat(10_000), cutFrom: 2 * chunkBytes });
      assert.deepEqual(await allRows(rows.rows(table!, { after: 2002, limit: 10 })), []);
    });
    const before = await database.rows('SELECT id, md5(filler) FROM t ORDER BY id');
    await database.run('DELETE FROM t');
    await restore(file, database);
    assert.deepEqual(await database.rows('SELECT id, md5(filler) FROM t ORDER BY id'), before);
  });

  it('notices rows that are not what the manifest says', async () => {
    const database = await postgres.create('CREATE TABLE t (id integer); INSERT INTO t VALUES (1), (2)');
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await withPayload(file, async (rows, { manifest }) => {
      const [table] = manifest.tables;
      const more = await failure(rows.check({ ...table!, rows: 3 }, { logger: silentLogger }));
      assert.equal(more.code, 'damaged-backup');
      assert.match(more.message, /contains 2 rows, but its manifest says 3/);
      const other = await failure(
        rows.check({ ...table!, digest: '0'.repeat(16) }, { logger: silentLogger }),
      );
      assert.equal(other.code, 'damaged-backup');
      const gone = await failure(rows.check({ ...table!, payload: 'none' }, { logger: silentLogger }));
      assert.equal(gone.code, 'damaged-backup');
    });
  });

  it('gives way when the file cannot be written, and leaves the session usable', async () => {
    const database = await postgres.create(`
      CREATE TABLE t (id integer, filler text); INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 50000) i`);
    const full: PayloadSink = {
      open: (name) => ({
        name,
        writeChunk: () => Promise.reject(new Error('no space left on device')),
        finish: () => Promise.reject(new Error('no space left on device')),
      }),
    };
    await inSnapshot(database, async (snapshot, session) => {
      const selection = snapshot.schema.tables.map((table) => ({ table }));
      const error = await failure(snapshot.read(selection, full, { logger: silentLogger }));
      assert.match(error.message, /no space left/);
      await snapshot.close();
      assert.deepEqual(await session.countRows(tables('t'), { logger: silentLogger }), [50_000]);
      const active = await database.rows(
        `SELECT query FROM pg_stat_activity WHERE application_name = 'Restore Point' AND state <> 'idle'
            AND datname = current_database()`,
      );
      assert.deepEqual(active, []);
    });
  });
});
