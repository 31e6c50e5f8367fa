import assert from 'node:assert/strict';
import { alongIndexes } from '../../../src/engines/postgres/restore/alongIndexes.ts';
import {
  backUp,
  failure,
  inTransaction,
  restore,
  tables,
  usePostgres,
} from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** From so many on a table is large. */
const rows = 25_000;

const series = `FROM generate_series(1, ${rows}) i`;

const schema = `
  CREATE TABLE parent (id integer PRIMARY KEY, "in two" bigint, parts integer, word text UNIQUE,
    UNIQUE ("in two", parts));
  INSERT INTO parent SELECT i, i, i % 7, 'w' || i ${series};
  CREATE TABLE child (
    id integer PRIMARY KEY,
    indexed integer CONSTRAINT indexed REFERENCES parent, plain integer CONSTRAINT plain REFERENCES parent,
    partly integer CONSTRAINT partly REFERENCES parent, word text CONSTRAINT words REFERENCES parent (word),
    "in, two" bigint, parts integer, "odd (" integer CONSTRAINT odd REFERENCES parent,
    CONSTRAINT pair FOREIGN KEY ("in, two", parts) REFERENCES parent ("in two", parts));
  INSERT INTO child SELECT i, i, i, i, 'w' || i, i, i % 7, i ${series};
  CREATE INDEX ON child (indexed, id); CREATE INDEX ON child (partly) WHERE id > 1; CREATE INDEX ON child (word);
  CREATE INDEX ON child ("in, two", parts); CREATE INDEX ON child ("odd (");
  CREATE TABLE turned (a bigint, b integer, CONSTRAINT turned FOREIGN KEY (a, b) REFERENCES parent ("in two", parts));
  INSERT INTO turned SELECT i, i % 7 ${series};
  CREATE INDEX ON turned (b, a);`;

describe('postgres: checking foreign keys of large tables', () => {
  const postgres = usePostgres();

  /** All can see all rows, and the server knows; of a commit that is not on the disk yet it would not be sure. */
  async function settle(database: TestDatabase): Promise<void> {
    await database.run('CHECKPOINT');
    await database.run('VACUUM');
  }

  /** By the name of a foreign key, whether joins by hashing are on while it is made. */
  function duringEach(database: TestDatabase): Promise<Record<string, string>> {
    return inTransaction(database, async (transaction) => {
      const settings = async (): Promise<string> => {
        const [row] = await transaction.rows<{ value: string }>(
          `SELECT current_setting('enable_hashjoin') AS value`,
        );
        return row!.value;
      };
      const before = await settings();
      const keys = await transaction.rows<{ table: string; name: string; definition: string }>(
        `SELECT conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
           FROM pg_constraint WHERE contype = 'f' ORDER BY conname`,
      );
      const during: Record<string, string> = {};
      for (const { table, name, definition } of keys) {
        const target = { schema: 'public', name: table.replace(/^public\./, '') };
        await alongIndexes(transaction, target, definition, async () => {
          during[name] = await settings();
        });
        assert.equal(await settings(), before);
      }
      return during;
    });
  }

  it('goes along indexes where these tell all, and leaves the settings as they were', async () => {
    const database = await postgres.create(schema);
    const usual = { indexed: 'on', odd: 'on', pair: 'on', partly: 'on', plain: 'on' };
    const others = { turned: 'on', words: 'on' };
    assert.deepEqual(await duringEach(database), { ...usual, ...others });
    await settle(database);
    assert.deepEqual(await duringEach(database), {
      ...usual,
      ...others,
      indexed: 'off',
      pair: 'off',
    });
  });

  it('finds each row that points at nothing', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('child.dbbackup');
    await backUp(database, file, { tables: tables('child') });
    await settle(database);
    // The pages are still known as those that all can see.
    await database.run(
      `DELETE FROM child WHERE indexed = ${rows}; DELETE FROM turned WHERE a = ${rows};
       DELETE FROM parent WHERE id = ${rows}`,
    );
    const kept = 'SELECT count(*), sum(indexed) FROM child';
    const before = await database.rows(kept);
    const error = await failure(restore(file, database));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'public.child');
    assert.deepEqual(await database.rows(kept), before);
  });

  it('goes along indexes of rows that were just loaded into a new table', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('all.dbbackup');
    await backUp(database, file);
    const empty = await postgres.create();
    await restore(file, empty);
    const during = await duringEach(empty);
    assert.deepEqual(
      Object.keys(during).filter((name) => during[name] === 'off'),
      ['indexed', 'pair'],
    );
  });
});
