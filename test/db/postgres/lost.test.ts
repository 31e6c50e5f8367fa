import assert from 'node:assert/strict';
import { restoreModes } from '../../../src/core/plan.ts';
import { backUp, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Without the order in which objects were made. */
const sorted = (dump: string): string[] => dump.split('\n').sort();

describe('postgres: what tables that are there have lost', () => {
  const postgres = usePostgres();

  async function saved(schema: string): Promise<{ database: TestDatabase; file: string; dump: string[] }> {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    return { database, file, dump: sorted(await database.dump()) };
  }

  const schema = `
    CREATE TABLE a (id integer PRIMARY KEY, code text CONSTRAINT codes UNIQUE, span int4range,
                    CONSTRAINT apart EXCLUDE USING gist (span WITH &&));
    CREATE TABLE b (id integer PRIMARY KEY, a integer CONSTRAINT "to a" REFERENCES a ON DELETE CASCADE,
                    code text REFERENCES a (code) DEFERRABLE);
    CREATE TABLE parted (id integer PRIMARY KEY, a integer REFERENCES a) PARTITION BY RANGE (id);
    CREATE TABLE part PARTITION OF parted DEFAULT;
    CREATE TABLE c (parted integer REFERENCES parted);
    INSERT INTO a VALUES (1, 'x', '[1,2)'), (2, 'y', '[2,3)'); INSERT INTO b VALUES (1, 1, 'x'), (2, NULL, 'y');
    INSERT INTO parted VALUES (1, 2); INSERT INTO c VALUES (1);
    COMMENT ON CONSTRAINT "to a" ON b IS 'kept';`;

  for (const [what, damage] of [
    ['foreign keys', `ALTER TABLE b DROP CONSTRAINT "to a"; UPDATE b SET a = 99`],
    ['primary keys', 'ALTER TABLE a DROP CONSTRAINT a_pkey CASCADE; INSERT INTO a VALUES (2, NULL, NULL)'],
    [
      'unique keys and exclusions',
      'ALTER TABLE a DROP CONSTRAINT codes CASCADE, DROP CONSTRAINT apart; INSERT INTO a SELECT id + 5, code, span FROM a',
    ],
    [
      'keys of a partitioned table',
      'ALTER TABLE parted DROP CONSTRAINT parted_pkey CASCADE; DELETE FROM parted',
    ],
    ['what a table that was dropped took with it', 'DROP TABLE a CASCADE; UPDATE parted SET a = 99'],
  ] as const) {
    it(`comes back: ${what}`, async () => {
      const { database, file, dump } = await saved(schema);
      await database.run(damage);
      assert.notDeepEqual(sorted(await database.dump()), dump);
      await restore(file, database);
      assert.deepEqual(sorted(await database.dump()), dump);
    });
  }

  it('does not come back where rows are only added', async () => {
    const { database, file } = await saved(schema);
    await database.run(`ALTER TABLE b DROP CONSTRAINT "to a"; INSERT INTO b VALUES (3, 99)`);
    const lost = sorted(await database.dump());
    for (const mode of restoreModes.filter((one) => one !== 'replace')) {
      await restore(file, database, { mode, tables: tables('a', 'b') });
      assert.deepEqual(sorted(await database.dump()), lost, mode);
    }
  });

  it('is a foreign key: only where both of its tables are restored', async () => {
    const { database, file, dump } = await saved(schema);
    await database.run(
      `ALTER TABLE b DROP CONSTRAINT "to a"; UPDATE b SET a = 99, code = NULL; DELETE FROM a WHERE id = 1`,
    );
    const names = `SELECT conname FROM pg_constraint WHERE conrelid = 'b'::regclass AND contype = 'f' ORDER BY 1`;
    await database.run('ALTER TABLE b DROP CONSTRAINT b_code_fkey');
    await restore(file, database, { tables: tables('b') });
    assert.deepEqual(await database.rows(names), []);
    await restore(file, database, { tables: tables('a', 'b') });
    assert.deepEqual(sorted(await database.dump()), dump);
  });

  it('is told where the table has another primary key or other types now', async () => {
    const { database, file } = await saved(`
      CREATE TABLE a (id integer PRIMARY KEY, code text UNIQUE);
      CREATE TABLE b (id integer PRIMARY KEY, a text REFERENCES a (code), b integer REFERENCES a);
      INSERT INTO a VALUES (1, '7'); INSERT INTO b VALUES (1, '7', 1);`);
    await database.run(`
      ALTER TABLE a DROP CONSTRAINT a_pkey CASCADE; ALTER TABLE a ADD CONSTRAINT other PRIMARY KEY (id);
      ALTER TABLE b DROP CONSTRAINT b_a_fkey; ALTER TABLE b ALTER a TYPE integer USING 1;`);
    const { warnings } = await restore(file, database);
    const told = warnings.join('\n');
    assert.match(told, /not restored: primary key public\.a a_pkey: the table has another primary key/);
    assert.match(told, /not restored: foreign key public\.b b_b_fkey: it needs primary key public\.a a_pkey/);
    assert.match(told, /not restored: foreign key public\.b b_a_fkey: the type of the column a has changed/);
    assert.deepEqual(await database.rows('SELECT * FROM b'), [['1', '7', '1']]);
  });

  it('comes back with what stood on it: the order of rows, and what replication goes by', async () => {
    const { database, file } = await saved(`
      CREATE TABLE a (id integer NOT NULL, n integer); CREATE UNIQUE INDEX ids ON a (id); CREATE INDEX numbers ON a (n);
      ALTER TABLE a REPLICA IDENTITY USING INDEX ids; ALTER TABLE a CLUSTER ON numbers;
      CREATE TABLE b (id integer PRIMARY KEY); ALTER TABLE b REPLICA IDENTITY USING INDEX b_pkey; CLUSTER b USING b_pkey;`);
    const state = `SELECT indexrelid::regclass, indisclustered, indisreplident FROM pg_index
                    WHERE indrelid IN ('a'::regclass, 'b'::regclass) ORDER BY indexrelid::regclass::text`;
    const before = await database.rows(state);
    await database.run('DROP INDEX ids, numbers; ALTER TABLE b DROP CONSTRAINT b_pkey');
    await restore(file, database);
    assert.deepEqual(await database.rows(state), before);
  });
});
