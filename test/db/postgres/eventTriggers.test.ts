import assert from 'node:assert/strict';
import { restoreModes } from '../../../src/core/plan.ts';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const rows = `
  CREATE TABLE a (id int PRIMARY KEY, t text CHECK (t <> '')); INSERT INTO a VALUES (1, 'x'), (2, 'y');
  CREATE TABLE b (id int PRIMARY KEY REFERENCES a); INSERT INTO b VALUES (1);
  CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
  CREATE TRIGGER note BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION noted();`;

/** A log, a rule that all tables have row-level security, and a guard: on in each of the ways. */
const acting = `
  CREATE TABLE log (id serial PRIMARY KEY, tag text);
  CREATE FUNCTION ddl_end() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE o record; BEGIN FOR o IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
      INSERT INTO public.log (tag) VALUES (o.command_tag);
      IF o.command_tag = 'CREATE TABLE' THEN EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', o.object_identity); END IF;
    END LOOP; END $$;
  CREATE FUNCTION no_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no drops'; END $$;
  CREATE EVENT TRIGGER ends ON ddl_command_end EXECUTE FUNCTION ddl_end(); ALTER EVENT TRIGGER ends ENABLE ALWAYS;
  CREATE EVENT TRIGGER starts ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS', 'ALTER TABLE') EXECUTE FUNCTION no_drop();
  CREATE EVENT TRIGGER drops ON sql_drop EXECUTE FUNCTION no_drop();
  CREATE EVENT TRIGGER sleeps ON sql_drop EXECUTE FUNCTION no_drop(); ALTER EVENT TRIGGER sleeps DISABLE;
  CREATE EVENT TRIGGER replicas ON sql_drop EXECUTE FUNCTION no_drop(); ALTER EVENT TRIGGER replicas ENABLE REPLICA;`;

describe('postgres: event triggers', () => {
  const postgres = usePostgres();

  async function saved(): Promise<{ database: TestDatabase; file: string }> {
    const database = await postgres.create(rows + acting);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    return { database, file };
  }

  it('do not act on a restore, and are as they were', async () => {
    const { database, file } = await saved();
    const before = await testimonyOf(database.url);
    for (const mode of restoreModes) {
      await database.run('DELETE FROM b; DELETE FROM a WHERE id = 1');
      await restore(file, database, { mode, tables: tables('a', 'b') });
      assertSameTestimony(await testimonyOf(database.url), before);
    }
    await assert.rejects(database.run('DROP TABLE b'), /no drops/);
  });

  it('do not act on tables that come back, nor in another schema', async () => {
    const { database, file } = await saved();
    const before = await testimonyOf(database.url);
    await database.run('ALTER EVENT TRIGGER drops DISABLE; ALTER EVENT TRIGGER ends DISABLE; DROP TABLE b;');
    await database.run('ALTER EVENT TRIGGER drops ENABLE; ALTER EVENT TRIGGER ends ENABLE ALWAYS');
    await restore(file, database, { tables: tables('b') });
    assertSameTestimony(await testimonyOf(database.url), before);
    await restore(file, database, { tables: tables('a'), intoSchema: 'copy' });
    assert.deepEqual(
      await database.rows(`SELECT relrowsecurity FROM pg_class WHERE oid = 'copy.a'::regclass`),
      [['f']],
    );
    assert.deepEqual(await database.rows('SELECT count(*) FROM log'), [['0']]);
  });

  it('that a backup brings do not act on the restore that makes them', async () => {
    const { database, file } = await saved();
    // What is read back takes a right that its owner gave up.
    const other = await postgres.create();
    await restore(file, other);
    assertSameTestimony(await testimonyOf(other.url), await testimonyOf(database.url));
  });

  it('that a user may not switch off stop what they would act on, by name, before anything is written', async () => {
    const { database, file } = await saved();
    await database.run(`
      ALTER EVENT TRIGGER starts DISABLE; ALTER EVENT TRIGGER ends DISABLE;
      DROP ROLE IF EXISTS events_owner; CREATE ROLE events_owner LOGIN PASSWORD 'secret';
      ALTER TABLE a OWNER TO events_owner; ALTER TABLE b OWNER TO events_owner; DELETE FROM b`);
    const before = await testimonyOf(database.url);
    const user = as(database, 'events_owner');
    try {
      const error = await failure(restore(file, user, { tables: tables('b') }));
      assert.equal(error.code, 'refused');
      assert.match(error.message, /drops \(sql_drop\)/);
      assert.match(error.details.next ?? '', /ALTER EVENT TRIGGER "drops" DISABLE/);
      assertSameTestimony(await testimonyOf(database.url), before);
      // It drops nothing there.
      await restore(file, user, { tables: tables('b'), mode: 'insert-missing' });
      assert.deepEqual(await database.rows('SELECT count(*) FROM b'), [['1']]);
    } finally {
      await database.run(
        'ALTER EVENT TRIGGER drops DISABLE; ALTER EVENT TRIGGER replicas DISABLE; DROP OWNED BY events_owner; DROP ROLE events_owner',
      );
    }
  });
});
