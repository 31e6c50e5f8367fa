import assert from 'node:assert/strict';
import { backUp, failure, restore, usePostgres } from '../../support/postgresRestores.ts';
import { pgDumpSchema } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** As many as make it worth while to build an index anew. */
const rows = 25_000;

const schema = `
  CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
  CREATE TABLE large (
    id integer CONSTRAINT large_key PRIMARY KEY, code text, n integer, span int4range,
    CONSTRAINT codes UNIQUE NULLS NOT DISTINCT (code) INCLUDE (n),
    CONSTRAINT filled UNIQUE (code, n) WITH (fillfactor = 70),
    CONSTRAINT later UNIQUE (id, code) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT apart EXCLUDE USING gist (span WITH &&));
  INSERT INTO large SELECT i, 'c' || i, i % 100, int4range(i, i + 1) FROM generate_series(1, ${rows}) i;
  CREATE INDEX part ON large (n DESC NULLS LAST, lower(code) text_pattern_ops) WHERE n > 50;
  CREATE UNIQUE INDEX "only ""one""" ON large (id, n) NULLS NOT DISTINCT WITH (deduplicate_items = off);
  CREATE INDEX calls ON large (twice(n));
  CREATE INDEX counted ON large ((n + 1)); ALTER INDEX counted ALTER COLUMN 1 SET STATISTICS 500;
  CREATE UNIQUE INDEX identity ON large (id); ALTER TABLE large REPLICA IDENTITY USING INDEX identity;
  CREATE INDEX ordered ON large (n); ALTER TABLE large CLUSTER ON ordered;
  COMMENT ON INDEX part IS 'a part''s'; COMMENT ON INDEX large_key IS 'index'; COMMENT ON CONSTRAINT large_key ON large IS 'key';
  CREATE TABLE grouped (id integer CONSTRAINT grouped_key PRIMARY KEY, name text);
  INSERT INTO grouped SELECT i, 'g' || i FROM generate_series(1, ${rows}) i;
  CREATE VIEW needs_key AS SELECT id, name FROM grouped GROUP BY id;
  CREATE TABLE outside (large integer REFERENCES large, grouped integer REFERENCES grouped);
  INSERT INTO outside VALUES (1, 2);
  CREATE TABLE parted (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
  CREATE TABLE parted_all PARTITION OF parted DEFAULT; CREATE INDEX parted_n ON parted (n);
  INSERT INTO parted SELECT i, i FROM generate_series(1, ${rows}) i;
  CREATE TABLE small (id integer PRIMARY KEY); INSERT INTO small VALUES (1);`;

describe('postgres: indexes of large tables that are replaced', function () {
  sampleParts(this, 3);
  const postgres = usePostgres();

  async function saved(): Promise<{ database: TestDatabase; file: string }> {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    return { database, file };
  }

  /** By name: what tells one that was made anew. */
  async function indexes(database: TestDatabase): Promise<Map<string, string>> {
    const found = await database.rows(
      `SELECT relname, oid::text FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace`,
    );
    return new Map(found.map(([name, oid]) => [name!, oid!]));
  }

  async function remade(database: TestDatabase, work: () => Promise<void>): Promise<string[]> {
    const before = await indexes(database);
    await work();
    const after = await indexes(database);
    return [...after.keys()].filter((name) => after.get(name) !== before.get(name)).sort();
  }

  it('are built anew where that is exact, and are what they were', async () => {
    const { database, file } = await saved();
    const dump = await pgDumpSchema(database.url);
    await database.run(
      `DELETE FROM outside; DELETE FROM large WHERE n < 90; UPDATE grouped SET name = 'lost'`,
    );
    const names = await remade(database, async () => void (await restore(file, database)));
    assert.deepEqual(names, ['apart', 'codes', 'large_key', 'only "one"', 'part']);
    assert.deepEqual(await pgDumpSchema(database.url), dump);
    const sums = `SELECT count(*), sum(n), min(code), (SELECT count(*) FROM outside) FROM large`;
    assert.deepEqual(await database.rows(sums), [[String(rows), '1237500', 'c1', '1']]);
  });

  it('are what they were in an empty database', async () => {
    const { database, file } = await saved();
    const empty = await postgres.create();
    await restore(file, empty);
    assert.deepEqual(await pgDumpSchema(empty.url), await pgDumpSchema(database.url));
  });

  it('say which table has rows that violate a new one, and leave all as it was', async () => {
    const { database, file } = await saved();
    await database.run('DELETE FROM large WHERE id > 1; CREATE UNIQUE INDEX newer ON large (n)');
    const error = await failure(restore(file, database));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'public.large');
    assert.match(error.message, /newer/);
    assert.deepEqual(await database.rows('SELECT count(*) FROM large'), [['1']]);
  });
});
