import assert from 'node:assert/strict';
import { backUp, restore, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** What tables that inherit have of their own. */
describe('postgres: tables that inherit', () => {
  const postgres = usePostgres();

  const stateOf = (database: TestDatabase): Promise<unknown> =>
    Promise.all([
      database.rows(
        `SELECT attrelid::regclass, attname, attislocal, attinhcount, attnotnull, attstorage, attcompression
           FROM pg_attribute WHERE attrelid IN ('top'::regclass, 'heir'::regclass, to_regclass('below')) AND attnum > 0
          ORDER BY attrelid::regclass::text, attname`,
      ),
      database.rows(
        `SELECT conrelid::regclass, conname, contype, conislocal, coninhcount, convalidated
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY conname`,
      ),
      database.rows('SELECT * FROM ONLY top'),
      database.rows('SELECT * FROM ONLY heir'),
    ]);

  async function comesBack(schema: string): Promise<void> {
    const source = await postgres.create(schema);
    const { file, leftOut } = await backUp(source, postgres.file('saved.dbbackup'));
    assert.deepEqual(leftOut, []);
    const before = await stateOf(source);
    const empty = await postgres.create();
    await restore(file, empty);
    assert.deepEqual(await stateOf(empty), before);
    await source.run('DROP TABLE heir CASCADE');
    await restore(file, source);
    assert.deepEqual(await stateOf(source), before);
  }

  it('keep the NOT NULLs and checks that they say themselves', () =>
    comesBack(`
      CREATE TABLE top (id integer PRIMARY KEY, n integer NOT NULL, CONSTRAINT small CHECK (n < 9));
      CREATE TABLE heir (PRIMARY KEY (id), CONSTRAINT small CHECK (n < 9), CONSTRAINT own CHECK (id > 0)) INHERITS (top);
      ALTER TABLE heir ALTER n SET NOT NULL;
      INSERT INTO heir VALUES (1, 2);`));

  it('keep how they store values, where their parent does it in another way', () =>
    comesBack(`
      CREATE TABLE top (a text, b text, c text);
      CREATE TABLE heir () INHERITS (top);
      CREATE TABLE below () INHERITS (heir);
      ALTER TABLE ONLY top ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE MAIN;
      ALTER TABLE ONLY heir ALTER b SET STORAGE PLAIN, ALTER c SET STORAGE EXTERNAL;
      ALTER TABLE ONLY top ALTER a SET COMPRESSION pglz; ALTER TABLE ONLY heir ALTER b SET COMPRESSION pglz;
      INSERT INTO heir VALUES ('x', 'y', 'z');`));

  it('are named when their columns will stand in another order, and keep their rows', async () => {
    const source = await postgres.create(`
      CREATE TABLE top (a integer); CREATE TABLE heir (b integer) INHERITS (top); ALTER TABLE top ADD c integer;
      INSERT INTO heir VALUES (1, 2, 3);`);
    const { file, leftOut } = await backUp(source, postgres.file('saved.dbbackup'));
    assert.deepEqual(
      leftOut.map(({ kind, names }) => [kind, names]),
      [['order of columns', ['public.heir']]],
    );
    const target = await postgres.create();
    await restore(file, target);
    assert.deepEqual(await target.rows('SELECT a, b, c FROM heir'), [['1', '2', '3']]);
    await source.run('DELETE FROM top');
    await restore(file, source);
    assert.deepEqual(await source.rows('SELECT * FROM heir'), [['1', '2', '3']]);
  });
});
