import assert from 'node:assert/strict';
import { restoreModes } from '../../../src/core/plan.ts';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';

/** The checked tables come before those that they read, by name and in the order of rows. */
const schema = `
  CREATE TABLE z_dict (word text PRIMARY KEY);
  CREATE TABLE z_other (n int PRIMARY KEY);
  CREATE FUNCTION known(v text) RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT EXISTS (SELECT FROM public.z_dict WHERE word = v) $$;
  CREATE FUNCTION counted(v int) RETURNS boolean LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN EXISTS (SELECT FROM z_other WHERE n = v); END $$;
  CREATE DOMAIN known_word AS text CONSTRAINT is_known CHECK (known(VALUE));
  COMMENT ON CONSTRAINT is_known ON DOMAIN known_word IS 'of the dictionary';
  CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = counted);
  CREATE TABLE a_data (id int PRIMARY KEY, word text CONSTRAINT known CHECK (known(word)), n int CHECK (!! n));
  COMMENT ON CONSTRAINT known ON a_data IS 'what a check reads';
  CREATE TABLE a_heir (more int CONSTRAINT fresh CHECK (counted(more)), PRIMARY KEY (id)) INHERITS (a_data);
  CREATE TABLE a_words (id int PRIMARY KEY, w known_word);
  CREATE TABLE a_parted (id int PRIMARY KEY, n int CONSTRAINT parted CHECK (counted(n))) PARTITION BY RANGE (id);
  CREATE TABLE a_part PARTITION OF a_parted FOR VALUES FROM (0) TO (10);
  CREATE TABLE a_old (id int PRIMARY KEY, n int);
  INSERT INTO z_dict VALUES ('a'), ('b'); INSERT INTO z_other VALUES (1), (2);
  INSERT INTO a_data VALUES (1, 'a', 1), (2, 'b', 2); INSERT INTO a_heir VALUES (3, 'a', 1, 2);
  INSERT INTO a_words VALUES (1, 'a'); INSERT INTO a_parted VALUES (1, 1); INSERT INTO a_old VALUES (1, -1);
  ALTER TABLE a_old ADD CONSTRAINT never CHECK (counted(n)) NOT VALID;
  CREATE TABLE a_chain (id int PRIMARY KEY, before int);
  CREATE FUNCTION follows(b int) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RETURN b IS NULL OR EXISTS (SELECT FROM public.a_chain WHERE id = b); END $$;
  ALTER TABLE a_chain ADD CHECK (follows(before));
  INSERT INTO a_chain VALUES (9, NULL); INSERT INTO a_chain VALUES (5, 9); INSERT INTO a_chain VALUES (1, 5);`;

const damage = `
  DELETE FROM ONLY a_data; DELETE FROM a_heir; DELETE FROM a_words; DELETE FROM a_parted; DELETE FROM a_old;
  DELETE FROM a_chain; DELETE FROM z_dict; DELETE FROM z_other;`;

describe('postgres: checks that read other rows', () => {
  const postgres = usePostgres();

  it('hold when all rows are there, in place and in an empty database', async () => {
    const database = await postgres.create(schema);
    const before = await testimonyOf(database.url);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    for (const mode of restoreModes) {
      await database.run(damage);
      await restore(file, database, { mode });
      assertSameTestimony(await testimonyOf(database.url), before);
    }
    const other = await postgres.create();
    await restore(file, other);
    assertSameTestimony(await testimonyOf(other.url), before);
  });

  it('name the row that breaks one, and leave all as it was', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(`DELETE FROM ONLY a_data WHERE id = 2; DELETE FROM z_dict WHERE word = 'b'`);
    const before = await testimonyOf(database.url);
    for (const mode of restoreModes) {
      const error = await failure(restore(file, database, { mode, tables: tables('a_data', 'a_heir') }));
      assert.equal(error.code, 'database');
      assert.equal(error.details.place?.table, 'public.a_data');
      assert.match(error.message, /"known".*\(id\) = \(2\)/);
      assertSameTestimony(await testimonyOf(database.url), before);
    }
    await database.run(damage);
    const inDomain = await failure(restore(file, database, { tables: tables('a_words') }));
    assert.equal(inDomain.details.place?.table, 'public.a_words');
    assert.match(inDomain.message, /column "w"/);
  });

  it('name the row that breaks one of a domain, whatever else is called VALUE', async () => {
    const database = await postgres.create(`
      CREATE TABLE z_dict (word text PRIMARY KEY, "VALUE" text DEFAULT 'VALUE');
      CREATE FUNCTION known(v text, kind text) RETURNS boolean LANGUAGE sql STABLE AS
        $$ SELECT EXISTS (SELECT FROM public.z_dict WHERE word = v AND "VALUE" = kind) $$;
      CREATE DOMAIN known_word AS text CONSTRAINT is_known CHECK (VALUE IS NULL OR known(VALUE, 'VALUE'));
      CREATE DOMAIN short_word AS known_word CHECK (length(VALUE) < 9);
      INSERT INTO z_dict VALUES ('a'), ('b');
      CREATE TABLE words (id int, part text, "a ""VALUE""" short_word, PRIMARY KEY (id, part));
      INSERT INTO words VALUES (1, 'x', 'a'), (2, 'y', 'b'), (3, 'z', NULL)`);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(`DELETE FROM words; DELETE FROM z_dict WHERE word = 'b'`);
    const error = await failure(restore(file, database, { tables: tables('words') }));
    assert.equal(error.code, 'database');
    assert.match(error.message, /: the row with \(id, part\) = \(2,y\)$/);
    assert.equal(error.details.place?.table, 'public.words');
    assert.equal(error.details.place?.column, 'a "VALUE"');
    assert.deepEqual(await database.rows('SELECT count(*) FROM words'), [['0']]);
  });

  it('stay on where the user does not own the table', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    await database.run(`
      DROP ROLE IF EXISTS checks_guest; CREATE ROLE checks_guest LOGIN PASSWORD 'secret';
      GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO checks_guest; DELETE FROM ONLY a_data WHERE id = 1`);
    try {
      await restore(file, as(database, 'checks_guest'), { tables: tables('a_data'), mode: 'replace' });
      assert.deepEqual(await database.rows('SELECT count(*) FROM ONLY a_data'), [['2']]);
    } finally {
      await database.run('DROP OWNED BY checks_guest; DROP ROLE checks_guest');
    }
  });
});

describe('postgres: materialized views that cannot be refreshed', () => {
  const postgres = usePostgres();
  const views = `
    CREATE TABLE documents (id int PRIMARY KEY, divisor int);
    INSERT INTO documents VALUES (1, 1), (2, 0);
    CREATE FUNCTION part(n int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN RETURN CASE WHEN current_setting('my.ready', true) = 'yes' THEN 1 ELSE 1 / n END; END $$;
    SET my.ready = 'yes';
    CREATE MATERIALIZED VIEW parts AS SELECT id, part(divisor) AS part FROM documents;
    CREATE UNIQUE INDEX ON parts (id);
    CREATE MATERIALIZED VIEW fine AS SELECT count(*) FROM documents;`;

  it('stay as they are, and the rows come back', async () => {
    const database = await postgres.create(views);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const before = await testimonyOf(database.url);
    await database.run('DELETE FROM documents WHERE id = 1');
    const report = await restore(file, database);
    assertSameTestimony(await testimonyOf(database.url), before);
    assert.match(
      report.warnings.join('\n'),
      /public\.parts could not be refreshed.*division by zero.*REFRESH MATERIALIZED VIEW/,
    );
    assert.doesNotMatch(report.warnings.join('\n'), /fine/);
  });

  it('are made and not filled in an empty database', async () => {
    const database = await postgres.create(views);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const other = await postgres.create();
    const report = await restore(file, other);
    assert.equal(report.warnings.length, 1);
    const filled = `SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm' ORDER BY 1`;
    assert.deepEqual(await other.rows(filled), [
      ['fine', 't'],
      ['parts', 'f'],
    ]);
    assert.deepEqual(await other.rows('SELECT count(*) FROM documents'), [['2']]);
  });
});
