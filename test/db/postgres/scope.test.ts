import assert from 'node:assert/strict';
import { chooseObjects } from '../../../src/backup/chooseObjects.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { formatTableName, tableKey, type TableName } from '../../../src/core/names.ts';
import { isCarried } from '../../../src/core/schema.ts';
import { backUp, failure, openClient, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { randomCase } from '../../support/randomPostgres.ts';
import { randomSource, seededSource } from '../../support/randomSource.ts';
import { itInAll } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { createEntries, createEverythingRoles, entriesFor } from '../everything/postgres.ts';

const cases = 6;
/** Of the tables, one of so many is tried. */
const share = 3;

describe('postgres: chosen tables', () => {
  const postgres = usePostgres();

  itInAll('are read with all that they need: the same as all of the schema says of them', async function () {
    this.timeout(300_000);
    const { seed } = randomSource(this.test!.title);
    const database = await postgres.create();
    await createEverythingRoles(database.url);
    await createEntries(database.url, entriesFor(180_000));
    for (let number = 0; number < cases; number++)
      await database.run(randomCase(seededSource(seed + number), number, 180_000).make);
    await assertSame(database, seed % share);
  });

  itInAll('do not wait for another table that somebody has locked', async function () {
    this.timeout(120_000);
    const database = await postgres.create(`
      CREATE TABLE a (id integer PRIMARY KEY, v text DEFAULT 'x' CHECK (v <> ''), w text GENERATED ALWAYS AS (v || 'y') STORED);
      CREATE INDEX ON a (lower(v)) WHERE id > 0; CREATE VIEW of_a AS SELECT * FROM a;
      CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM a;
      CREATE FUNCTION first_of_a() RETURNS text BEGIN ATOMIC SELECT v FROM a LIMIT 1; END;
      ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON a USING (v <> 'z');
      CREATE TABLE parts (id integer) PARTITION BY RANGE (id);
      CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (10);
      CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE c (id serial PRIMARY KEY, m mood DEFAULT 'sad');
      CREATE TABLE d (id integer PRIMARY KEY REFERENCES c); CREATE VIEW of_c AS SELECT * FROM c;
      INSERT INTO a VALUES (1); INSERT INTO c (m) VALUES ('glad'); INSERT INTO d VALUES (1)`);
    const whole = postgres.file('whole.dbbackup');
    await backUp(database, whole);
    const client = await openClient(database);
    try {
      await client.query('BEGIN; LOCK TABLE a, parts, of_a IN ACCESS EXCLUSIVE MODE');
      const started = performance.now();
      await backUp(database, postgres.file('part.dbbackup'), { tables: tables('c') });
      await database.run(`UPDATE c SET m = 'sad'`);
      await restore(whole, database, { tables: tables('c') });
      await restore(whole, database, { tables: tables('c', 'd'), mode: 'merge' });
      await restore(whole, database, { tables: tables('d'), mode: 'insert-missing' });
      assert.ok(performance.now() - started < 25_000, 'it waited for a lock');
      assert.deepEqual(await database.rows('SELECT id, m FROM c'), [['1', 'glad']]);
      const error = await failure(backUp(database, postgres.file('none.dbbackup')));
      assert.match(
        error.message,
        /the test, idle in transaction, for 0 min, which locks public\.a, public\.of_a/,
      );
      await client.query('ROLLBACK; BEGIN; LOCK TABLE d IN ACCESS EXCLUSIVE MODE');
      await backUp(database, postgres.file('beside.dbbackup'), { tables: tables('c') });
    } finally {
      await client.end();
    }
  });
});

/** Each table by itself: what a backup of it holds is the same, whatever else was read. */
async function assertSame(database: TestDatabase, rest: number): Promise<void> {
  const session = await database.connect();
  try {
    const all = await session.introspect({ logger: silentLogger });
    const carried = all.tables.filter(isCarried);
    assert.ok(carried.length > 50, `only ${carried.length} tables`);
    for (const table of carried.filter((_, place) => place % share === rest)) {
      const own = (name: TableName): boolean => tableKey(name) === tableKey(table.name);
      const scope = { tables: own, names: [] };
      const part = await session.introspect({ logger: silentLogger, scope });
      const title = formatTableName(table.name);
      assert.deepEqual(
        part.tables.find(({ name }) => own(name)),
        table,
        title,
      );
      assert.deepEqual(chooseObjects(part, [table.name]), chooseObjects(all, [table.name]), title);
      const inbound = all.tables.filter(({ foreignKeys }) => foreignKeys.some((key) => own(key.references)));
      for (const { name, foreignKeys } of inbound) {
        const found = part.tables.find((other) => tableKey(other.name) === tableKey(name));
        assert.deepEqual(found?.foreignKeys, foreignKeys, title);
      }
    }
  } finally {
    await session.close();
  }
}
