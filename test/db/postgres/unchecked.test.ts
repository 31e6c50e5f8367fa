import assert from 'node:assert/strict';
import { restoreModes } from '../../../src/core/plan.ts';
import { backUp, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Constraints that no row was ever held to: old rows break them, and a restore has to bring such rows back. */
describe('postgres: constraints that were never checked', () => {
  const postgres = usePostgres();

  async function stateOf(database: TestDatabase): Promise<unknown[]> {
    const constraints = await database.rows(
      `SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated, conislocal, coninhcount,
              obj_description(oid, 'pg_constraint')
         FROM pg_constraint WHERE contype IN ('c', 'n') AND conrelid <> 0 AND connamespace = 'public'::regnamespace
        ORDER BY conrelid::regclass::text COLLATE "C", conname`,
    );
    const names = await database.rows(
      `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname`,
    );
    const rows = [];
    for (const [name] of names) rows.push(await database.rows(`SELECT * FROM ONLY ${name} ORDER BY 1, 2`));
    return [...constraints, ...rows];
  }

  async function comesBack(schema: string, damage: string): Promise<void> {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const before = await stateOf(database);
    for (const mode of restoreModes) {
      await database.run(damage);
      assert.notDeepEqual(await stateOf(database), before);
      await restore(file, database, { mode });
      assert.deepEqual(await stateOf(database), before, mode);
    }
  }

  const inherited = `
    CREATE TABLE top (id integer PRIMARY KEY, n integer);
    CREATE TABLE middle (PRIMARY KEY (id)) INHERITS (top);
    CREATE TABLE bottom (PRIMARY KEY (id)) INHERITS (middle);
    INSERT INTO top VALUES (1, -1); INSERT INTO middle VALUES (2, -2); INSERT INTO bottom VALUES (3, -3);`;
  const delete3 = 'DELETE FROM ONLY top; DELETE FROM ONLY middle; DELETE FROM ONLY bottom';

  it('spread from a table to those that inherit from it', () =>
    comesBack(
      `${inherited}
       ALTER TABLE top ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
       COMMENT ON CONSTRAINT positive ON top IS 'above'; COMMENT ON CONSTRAINT positive ON bottom IS 'below';`,
      delete3,
    ));

  it('are their own in each table of a tree', () =>
    comesBack(
      `${inherited}
       ALTER TABLE bottom ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
       ALTER TABLE top ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
       ALTER TABLE top ADD CONSTRAINT alone CHECK (n > 0) NO INHERIT NOT VALID;
       ALTER TABLE middle ADD CONSTRAINT alone CHECK (n > 0) NO INHERIT NOT VALID;`,
      delete3,
    ));

  it('were checked in some tables of a tree', () =>
    comesBack(
      `${inherited}
       ALTER TABLE bottom ADD CONSTRAINT small CHECK (n < 0);
       ALTER TABLE top ADD CONSTRAINT small CHECK (n < 0) NOT VALID;
       ALTER TABLE top ADD CONSTRAINT big CHECK (n < 5) NOT VALID; ALTER TABLE middle VALIDATE CONSTRAINT big;
       ALTER TABLE top ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;`,
      delete3,
    ));

  it('are those of two parents', () =>
    comesBack(
      `CREATE TABLE one (id integer PRIMARY KEY, n integer); CREATE TABLE other (id integer PRIMARY KEY, n integer);
       CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (one, other); INSERT INTO heir VALUES (1, -1);
       ALTER TABLE one ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
       ALTER TABLE other ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;`,
      'DELETE FROM heir',
    ));

  it('spread from a partitioned table to its partitions', () =>
    comesBack(
      `CREATE TABLE parted (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
       CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
       CREATE TABLE lowest PARTITION OF low FOR VALUES FROM (0) TO (5);
       CREATE TABLE rest PARTITION OF parted DEFAULT;
       INSERT INTO parted VALUES (1, -1), (20, -2);
       ALTER TABLE parted ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;`,
      'DELETE FROM parted',
    ));

  it('are NOT NULLs, in a tree and by any name (PostgreSQL 18)', async function () {
    const probe = await postgres.create();
    const [[version] = []] = await probe.rows(`SELECT current_setting('server_version_num')`);
    const add = (table: string, name: string): string =>
      Number(version) >= 180000 ? `ALTER TABLE ${table} ADD CONSTRAINT ${name} NOT NULL n NOT VALID;` : '';
    await comesBack(
      `${inherited} UPDATE top SET n = NULL; ${add('bottom', 'mine')} ${add('top', '"from now on"')}`,
      delete3,
    );
  });

  it('stand above a table that was dropped', async () => {
    const database = await postgres.create(
      `${inherited}
       ALTER TABLE top ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;`,
    );
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const before = await stateOf(database);
    await database.run('DROP TABLE bottom');
    await restore(file, database);
    assert.deepEqual(await stateOf(database), before);
    await database.run('DROP TABLE bottom');
    await restore(file, database, { tables: tables('bottom') });
    assert.deepEqual(await stateOf(database), before);
  });
});
