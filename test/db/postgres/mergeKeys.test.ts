import assert from 'node:assert/strict';
import { backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';

/** Keys that can be equal and written otherwise, each with rows of other tables that refer to them. */
const schema = `
  CREATE EXTENSION citext;
  CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE words (word citext PRIMARY KEY, note text);
  CREATE TABLE numbers (n numeric PRIMARY KEY, note text);
  CREATE TABLE names (name text COLLATE blind PRIMARY KEY, note text);
  CREATE TABLE plain (id int PRIMARY KEY, code citext UNIQUE, note text);
  INSERT INTO words VALUES ('Ab', 'then'), ('cd', 'then'); INSERT INTO numbers VALUES (1.50, 'then');
  INSERT INTO names VALUES ('Ab', 'then'); INSERT INTO plain VALUES (1, 'Ab', 'then');
  CREATE TABLE passed (word citext REFERENCES words ON UPDATE CASCADE, n numeric REFERENCES numbers ON UPDATE CASCADE);
  CREATE TABLE emptied (word citext REFERENCES words ON UPDATE SET NULL, name text COLLATE blind REFERENCES names ON UPDATE SET NULL,
    code citext REFERENCES plain (code) ON UPDATE SET DEFAULT);
  CREATE TABLE forbidding (word citext REFERENCES words ON UPDATE RESTRICT);
  CREATE TABLE counting (id int REFERENCES plain ON UPDATE CASCADE);
  COMMENT ON CONSTRAINT passed_word_fkey ON passed IS 'kept';`;

/** The same keys, written otherwise, and rows that refer to them in this way. */
const changed = `
  DELETE FROM words WHERE word = 'ab'; INSERT INTO words VALUES ('aB', 'now'); UPDATE numbers SET n = 1.5, note = 'now';
  UPDATE names SET name = 'aB', note = 'now'; UPDATE plain SET code = 'aB', note = 'now';
  INSERT INTO passed VALUES ('AB', 1.500); INSERT INTO emptied VALUES ('AB', 'AB', 'AB');
  INSERT INTO forbidding VALUES ('AB'); INSERT INTO counting VALUES (1);`;

describe('postgres: merge over keys that are equal and not the same', () => {
  const postgres = usePostgres();
  const others = 'SELECT p::text, e::text, f::text FROM passed p, emptied e, forbidding f';
  const foreignKeys = `SELECT conname, oid, obj_description(oid, 'pg_constraint') FROM pg_constraint
    WHERE contype = 'f' AND conrelid = 'counting'::regclass ORDER BY 1`;

  it('writes them as the backup has them, and leaves rows of other tables as they are', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(changed);
    const [before, untouched] = [await database.rows(others), await database.rows(foreignKeys)];
    await restore(file, database, {
      mode: 'merge',
      tables: tables('words', 'numbers', 'names', 'plain'),
    });
    assert.deepEqual(await database.rows('SELECT word, note FROM words ORDER BY word'), [
      ['Ab', 'then'],
      ['cd', 'then'],
    ]);
    assert.deepEqual(await database.rows('SELECT n, name, code, p.note FROM numbers, names, plain p'), [
      ['1.50', 'Ab', 'Ab', 'then'],
    ]);
    assert.deepEqual(await database.rows(others), before);
    // What it does not concern is not taken off.
    assert.deepEqual(await database.rows(foreignKeys), untouched);
    assert.deepEqual(
      await database.rows(
        `SELECT count(*), max(obj_description(oid, 'pg_constraint')) FROM pg_constraint WHERE contype = 'f'`,
      ),
      [['7', 'kept']],
    );
  });

  it('names the table whose rows would refer to nothing, and changes nothing', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(`UPDATE plain SET code = 'other'; INSERT INTO emptied (code) VALUES ('other')`);
    const error = await failure(restore(file, database, { mode: 'merge', tables: tables('plain') }));
    assert.equal(error.details.place?.table, 'public.emptied');
    assert.match(error.message, /rows are not restored, and some of them reference rows of public\.plain/);
    assert.deepEqual(await database.rows('SELECT p.code, e.code FROM plain p, emptied e'), [
      ['other', 'other'],
    ]);
  });
});
