import assert from 'node:assert/strict';
import { backUp, failure, restore, usePostgres } from '../../support/postgresRestores.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';

const schema = `
  CREATE FUNCTION folded(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower(t); END $$;
  CREATE TABLE items (id int PRIMARY KEY, pos int NOT NULL, list int NOT NULL, name text, part text, span int4range,
    later int UNIQUE DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT places UNIQUE NULLS NOT DISTINCT (list, pos), CONSTRAINT apart EXCLUDE USING gist (span WITH &&));
  COMMENT ON CONSTRAINT places ON items IS 'one each';
  CREATE UNIQUE INDEX names ON items (lower(name)); CREATE UNIQUE INDEX folds ON items (folded(name));
  CREATE UNIQUE INDEX few ON items (part) WHERE part IS NOT NULL; COMMENT ON INDEX few IS 'of some';
  INSERT INTO items SELECT i, i, 1, 'n' || i, 'p' || i, int4range(i, i + 1), i FROM generate_series(1, 6) i;
  CREATE TABLE notes (id int PRIMARY KEY, item int NOT NULL REFERENCES items ON DELETE CASCADE ON UPDATE CASCADE);
  INSERT INTO notes SELECT i, i FROM generate_series(1, 6) i;`;

/** Rows 1 to 4 go round in a circle, 5 takes what a lost row had. */
const moved = `
  ALTER TABLE items DISABLE TRIGGER ALL; DELETE FROM items WHERE id = 6;
  UPDATE items SET pos = -pos, name = 'x' || id, part = 'x' || id, span = int4range(id + 100, id + 101), later = -id;
  UPDATE items SET pos = n, name = 'N' || n, part = 'p' || n, span = int4range(n, n + 1), later = n
    FROM (SELECT id AS of, CASE WHEN id < 5 THEN id % 4 + 1 ELSE 6 END AS n FROM items) x WHERE of = id;
  ALTER TABLE items ENABLE TRIGGER ALL;`;

describe('postgres: a merge where unique values move between rows', () => {
  const postgres = usePostgres();

  it('looks at the final state', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const before = await testimonyOf(database.url);
    await database.run(moved);
    await restore(file, database, { mode: 'merge', tables: [{ schema: 'public', name: 'items' }] });
    assertSameTestimony(await testimonyOf(database.url), before);
  });

  it('names a clash that is left, and leaves all as it was', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(
      `${moved} UPDATE items SET pos = -5 WHERE id = 5; INSERT INTO items VALUES (7, 6, 1, 'other')`,
    );
    const before = await testimonyOf(database.url);
    const error = await failure(restore(file, database, { mode: 'merge' }));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'public.items');
    assert.match(error.message, /places.*\(list, pos\)=\(1, 6\)/);
    assertSameTestimony(await testimonyOf(database.url), before);
  });
});
