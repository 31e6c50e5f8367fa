import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { backUp, failure, openClient, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { itInAll } from '../../support/sample.ts';

/** Tables as migrations make them; nobody has analyzed the catalogs since. */
const manyTables = (count: number): string => `
  DO $$ BEGIN
    FOR i IN 1..${count} LOOP
      EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, v text DEFAULT ''x'', r int REFERENCES t%s)', i, greatest(i - 1, 1));
      EXECUTE format('INSERT INTO t%s (v) VALUES (''a''), (''b'')', i);
    END LOOP;
  END $$`;

const sequenceState = `SELECT string_agg(concat_ws(' ', sequencename, last_value), ', ' ORDER BY sequencename) AS all FROM pg_sequences`;

describe('postgres: many tables', () => {
  const postgres = usePostgres();

  itInAll('come back, in not much more time than it took to make them', async function () {
    this.timeout(120_000);
    const count = 1000;
    const database = await postgres.create();
    const client = await openClient(database);
    try {
      let started = performance.now();
      await client.query(manyTables(count));
      const making = performance.now() - started;
      const { rows } = await client.query<{ all: string }>(sequenceState);
      const file = postgres.file('many.dbbackup');
      started = performance.now();
      await backUp(database, file);
      const taking = performance.now() - started;
      started = performance.now();
      await client.query(`DELETE FROM t${count}; SELECT setval('t${count}_id_seq', 1)`);
      await restore(file, database, { tables: tables(`t${count}`) });
      const restoring = performance.now() - started;
      const after = await client.query<{ all: string }>(sequenceState);
      assert.deepEqual(after.rows, rows);
      const found = await client.query<{ n: string }>(`SELECT count(*) AS n FROM t${count}`);
      assert.equal(found.rows[0]!.n, '2');
      for (const [what, took] of Object.entries({ taking, restoring })) {
        assert.ok(took < 3 * making + 2000, `${what} them took ${took} ms, and making them ${making} ms`);
      }
    } finally {
      await client.end();
    }
  });

  it('are read together, each into its own payload, also where large ones and empty ones stand between', async () => {
    const database = await postgres.create(`
      CREATE TABLE a (id integer); CREATE TABLE b (id integer, x xml); CREATE TABLE c (body text); CREATE TABLE d ();
      CREATE TABLE e (id integer); CREATE TABLE f (id integer);
      INSERT INTO a SELECT generate_series(1, 100); INSERT INTO b VALUES (1, '<?xml version="1.0"?><a/>');
      INSERT INTO c SELECT repeat(md5(i::text), 10000) FROM generate_series(1, 10) i;
      INSERT INTO d SELECT FROM generate_series(1, 3); INSERT INTO f VALUES (7)`);
    const before = await database.dump();
    const file = postgres.file('between.dbbackup');
    await backUp(database, file);
    const archive = await Archive.open(file, engineById);
    assert.deepEqual(
      archive.manifest.tables.map(({ table, rows }) => [table.name.name, rows]),
      [
        ['a', 100],
        ['b', 1],
        ['c', 10],
        ['d', 3],
        ['e', 0],
        ['f', 1],
      ],
    );
    await archive.close();
    await database.run('TRUNCATE a, b, c, d, e, f');
    await restore(file, database);
    assert.equal(await database.dump(), before);
  });

  it('of which one cannot be read: the error names it, and no other', async () => {
    const database = await postgres.create(`
      CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE a (id integer); CREATE TABLE b (m mood); CREATE TABLE c (id integer);
      INSERT INTO a VALUES (1); INSERT INTO b VALUES ('sad'), ('glad'); INSERT INTO c VALUES (1);
      DELETE FROM pg_enum WHERE enumlabel = 'glad'`);
    const file = postgres.file('unread.dbbackup');
    const error = await failure(backUp(database, file));
    assert.match(error.message, /invalid internal value for enum/);
    assert.equal(error.details.place?.table, 'public.b');
    assert.equal(existsSync(file), false);
  });

  it('after a change of the schema in the same session, the backup has it', async () => {
    const database = await postgres.create('CREATE TABLE a (id integer)');
    const session = await database.connect();
    try {
      const names = async (): Promise<string[]> => {
        const schema = await session.introspect({ logger: silentLogger });
        return schema.tables.map(({ name, columns }) => `${name.name} ${columns.length}`);
      };
      assert.deepEqual(await names(), ['a 1']);
      await database.run('ALTER TABLE a ADD b text');
      assert.deepEqual(await names(), ['a 2']);
      await database.run('CREATE TABLE c (id integer); DROP TABLE a');
      assert.deepEqual(await names(), ['c 1']);
      await database.run('ALTER TABLE c RENAME TO d');
      assert.deepEqual(await names(), ['d 1']);
    } finally {
      await session.close();
    }
  });
});
