import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RestoreMode } from '../../../src/core/plan.ts';
import {
  backUp,
  failure,
  openClient,
  restore,
  tables,
  usePostgres,
  withTransaction,
} from '../../support/postgresRestores.ts';
import { itInAll, sampleItems } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Tables with foreign keys, triggers and sequences in every state that they can have. */
const schema = `
  CREATE TABLE log (what text);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO log VALUES (TG_NAME || ' ' || TG_OP); RETURN coalesce(NEW, OLD); END$$;
  CREATE TABLE people (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, boss integer,
                       home integer);
  ALTER TABLE people ADD CONSTRAINT boss FOREIGN KEY (boss) REFERENCES people;
  CREATE TABLE places (id serial PRIMARY KEY, name text UNIQUE, keeper integer REFERENCES people);
  ALTER TABLE people ADD CONSTRAINT home FOREIGN KEY (home) REFERENCES places DEFERRABLE INITIALLY DEFERRED;
  COMMENT ON CONSTRAINT home ON people IS 'where they live';
  CREATE TABLE visits (person integer REFERENCES people ON DELETE CASCADE, place integer REFERENCES places
                       ON DELETE SET NULL, note text);
  INSERT INTO people (name, boss) VALUES ('Ann', NULL), ('Bob', 1), ('Cem', 1);
  INSERT INTO places (name, keeper) VALUES ('here', 1), ('there', 2);
  UPDATE people SET home = 1 WHERE id < 3;
  INSERT INTO visits VALUES (1, 1, 'a'), (2, 2, 'b');
  CREATE TRIGGER "on" BEFORE INSERT OR UPDATE OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TRIGGER always AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TRIGGER off BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TRIGGER replica BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TRIGGER emptied BEFORE TRUNCATE ON people FOR EACH STATEMENT EXECUTE FUNCTION note();
  CREATE CONSTRAINT TRIGGER later AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note();
  SET CONSTRAINTS ALL IMMEDIATE;
  ALTER TABLE people ENABLE ALWAYS TRIGGER always, DISABLE TRIGGER off, ENABLE REPLICA TRIGGER replica;`;

const damage = `
  UPDATE people SET name = name || '?' WHERE id = 2;
  DELETE FROM visits; UPDATE people SET boss = NULL; DELETE FROM people WHERE id = 3;
  INSERT INTO people (name) VALUES ('Dee');
  UPDATE places SET name = 'elsewhere' WHERE id = 2;
  SELECT setval('places_id_seq', 77);
  TRUNCATE log;`;

/** Without the lines that tell what the triggers did. */
const sorted = (dump: string): string[] => dump.split('\n').sort();

/** Until somebody waits for a lock of this table. */
async function untilLockIsWaitedFor(database: TestDatabase, table: string): Promise<void> {
  const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '${table}'::regclass`;
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if ((await database.rows(waiting)).length > 0) return;
    await delay(50);
  }
  throw new assert.AssertionError({ message: `nobody waits for ${table}` });
}

describe('postgres: restoring', () => {
  const postgres = usePostgres();

  async function saved(sql = schema): Promise<{ database: TestDatabase; file: string; dump: string[] }> {
    const database = await postgres.create(sql);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    return { database, file, dump: sorted(await database.dump()) };
  }

  it('brings everything back, triggers and foreign keys in exactly their states', async () => {
    const { database, file, dump } = await saved(`${schema} TRUNCATE log;`);
    await database.run(damage);
    await database.run('TRUNCATE log');
    await restore(file, database);
    assert.deepEqual(sorted(await database.dump()), dump);
    assert.deepEqual(
      await database.rows(`SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`),
      [
        ['always', 'A'],
        ['emptied', 'O'],
        ['later', 'O'],
        ['off', 'D'],
        ['on', 'O'],
        ['replica', 'R'],
      ],
    );
    assert.deepEqual(await database.rows('SELECT * FROM log'), []);
    await database.run(`INSERT INTO people (name) VALUES ('Eve')`);
    assert.deepEqual(await database.rows('SELECT what FROM log ORDER BY 1'), [
      ['always INSERT'],
      ['later INSERT'],
      ['on INSERT'],
    ]);
  });

  for (const mode of sampleItems(['replace', 'merge', 'insert-missing'] satisfies RestoreMode[], 3)) {
    it(`leaves nothing behind when it is rolled back after any step (${mode})`, async () => {
      const database = await postgres.create(schema);
      const file = postgres.file('saved.dbbackup');
      const selection = { tables: tables('people', 'places') };
      await backUp(database, file, selection);
      await database.run(damage);
      const before = await database.dump();
      let count = 1;
      for (let stop = 0; stop <= count; stop += 1) {
        await withTransaction(file, database, mode, async (steps, transaction) => {
          count = steps.length;
          for (const step of steps.slice(0, stop)) await step();
          await transaction.rollback();
        });
        assert.equal(await database.dump(), before, `after ${stop} steps`);
      }
    });
  }

  it('merges in cycles, and counts what it inserts and updates', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file, { tables: tables('people', 'places') });
    const before = await database.rows('SELECT p::text FROM people p ORDER BY id');
    const constraints = `SELECT conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint ORDER BY 1`;
    const schemaBefore = await database.rows(constraints);
    await database.run(damage);
    await database.run(`INSERT INTO places (name) VALUES ('new'); TRUNCATE log`);
    const report = await restore(file, database, { mode: 'merge' });
    const change = (name: string) => {
      const { rowsBefore, rowsAfter, inserted, updated } = report.tables.find(
        ({ table }) => table.name === name,
      )!;
      return { rowsBefore, rowsAfter, inserted, updated };
    };
    assert.deepEqual(change('people'), { rowsBefore: 3, rowsAfter: 4, inserted: 1, updated: 1 });
    assert.deepEqual(change('places'), { rowsBefore: 3, rowsAfter: 3, inserted: 0, updated: 1 });
    assert.deepEqual(await database.rows('SELECT p::text FROM people p WHERE id < 4 ORDER BY id'), before);
    assert.deepEqual(await database.rows('SELECT id, name FROM people WHERE id > 3'), [['4', 'Dee']]);
    assert.deepEqual(await database.rows(`SELECT last_value FROM places_id_seq`), [['78']]);
    assert.deepEqual(await database.rows('SELECT * FROM log'), []);
    assert.deepEqual(await database.rows(constraints), schemaBefore);
  });

  it('inserts what is missing, and does not look at the rest', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file, { tables: tables('people') });
    await database.run(damage);
    const report = await restore(file, database, { mode: 'insert-missing' });
    assert.deepEqual(
      { ...report.tables[0]!, table: undefined },
      { table: undefined, rowsBefore: 3, rowsAfter: 4, inserted: 1, updated: 0 },
    );
    assert.deepEqual(await database.rows('SELECT id, name, boss FROM people ORDER BY id'), [
      ['1', 'Ann', null],
      ['2', 'Bob?', null],
      ['3', 'Cem', '1'],
      ['4', 'Dee', null],
    ]);
  });

  it('keeps the rows of outside tables, which would go with ON DELETE', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file, { tables: tables('people', 'places') });
    await database.run(`UPDATE people SET name = 'x'`);
    await restore(file, database);
    assert.deepEqual(await database.rows('SELECT * FROM visits ORDER BY note'), [
      ['1', '1', 'a'],
      ['2', '2', 'b'],
    ]);
  });

  it('names the outside table whose rows would point at nothing, and changes nothing', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file, { tables: tables('people', 'places') });
    await database.run(`INSERT INTO people (name) VALUES ('Dee'); INSERT INTO visits VALUES (4, 1, 'c')`);
    const before = await database.dump();
    const error = await failure(restore(file, database));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'public.visits');
    assert.match(
      error.message,
      /rows are not restored.*public\.people.*visits_person_fkey.*Key \(person\)=\(4\)/,
    );
    assert.equal(await database.dump(), before);
  });

  it('puts a foreign key back whose checks were switched off, and leaves alone one that checks nothing', async () => {
    const database = await postgres.create(`
      CREATE TABLE a (id integer PRIMARY KEY);
      CREATE TABLE b (id integer PRIMARY KEY, a integer CONSTRAINT half REFERENCES a);
      CREATE TABLE c (id integer PRIMARY KEY, a integer CONSTRAINT off REFERENCES a);
      INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1, 1);
      ALTER TABLE b DISABLE TRIGGER ALL;
      ALTER TABLE c DISABLE TRIGGER ALL;
      DO $$ DECLARE g record; BEGIN
        FOR g IN SELECT tgname FROM pg_trigger t JOIN pg_constraint k ON k.oid = tgconstraint
                  WHERE conname = 'off' AND tgrelid = 'a'::regclass LOOP
          EXECUTE format('ALTER TABLE a DISABLE TRIGGER %I', g.tgname);
        END LOOP; END $$;
      INSERT INTO c VALUES (2, 99);`);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const states = `SELECT conname, tgrelid::regclass::text, tgfoid::regproc::text, tgenabled
                      FROM pg_trigger t JOIN pg_constraint k ON k.oid = tgconstraint ORDER BY 1, 2, 3`;
    const before = await database.rows(states);
    await database.run('DELETE FROM b; DELETE FROM c; DELETE FROM a WHERE id = 2');
    await restore(file, database);
    assert.deepEqual(await database.rows(states), before);
    assert.deepEqual(await database.rows('SELECT * FROM c ORDER BY id'), [
      ['1', '1'],
      ['2', '99'],
    ]);
    assert.deepEqual(await database.rows('SELECT * FROM a ORDER BY id'), [['1'], ['2']]);
  });

  it('takes rows that an unchecked constraint would refuse', async () => {
    const { database, file, dump } = await saved(`
      CREATE TABLE t (id integer PRIMARY KEY, n integer);
      INSERT INTO t VALUES (1, -1), (2, 5);
      ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
      COMMENT ON CONSTRAINT positive ON t IS 'from now on';`);
    for (const mode of ['replace', 'merge', 'insert-missing'] satisfies RestoreMode[]) {
      await database.run('DELETE FROM t WHERE id = 1');
      await restore(file, database, { mode });
      assert.deepEqual(sorted(await database.dump()), dump, mode);
    }
  });

  it('tells rows apart as the key does, whatever the search path is', async () => {
    const { database, file } = await saved(`
      CREATE EXTENSION citext;
      CREATE TABLE t (name citext PRIMARY KEY, n integer);
      INSERT INTO t VALUES ('Ann', 1), ('Bob', 2);`);
    await database.run(`UPDATE t SET name = 'ANN', n = 5 WHERE n = 1; DELETE FROM t WHERE n = 2`);
    const { tables: changes } = await restore(file, database, { mode: 'insert-missing' });
    assert.equal(changes[0]!.inserted, 1);
    assert.deepEqual(await database.rows('SELECT * FROM t ORDER BY 1'), [
      ['ANN', '5'],
      ['Bob', '2'],
    ]);
    await restore(file, database, { mode: 'merge' });
    assert.deepEqual(await database.rows('SELECT * FROM t ORDER BY 1'), [
      ['Ann', '1'],
      ['Bob', '2'],
    ]);
  });

  it('merges tables with deferrable keys, rules, and identity columns beside the key', async () => {
    const { database, file } = await saved(`
      CREATE TABLE t (code text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n integer GENERATED ALWAYS AS IDENTITY,
                      twice integer GENERATED ALWAYS AS (length(code) * 2) STORED);
      INSERT INTO t (code) VALUES ('a'), ('b');
      CREATE RULE ignore AS ON UPDATE TO t DO INSTEAD NOTHING;
      CREATE RULE ignore_too AS ON INSERT TO t DO INSTEAD NOTHING;
      ALTER TABLE t ENABLE ALWAYS RULE ignore_too;`);
    await database.run(`ALTER TABLE t DISABLE RULE ignore; UPDATE t SET n = DEFAULT WHERE code = 'a';
                        DELETE FROM t WHERE code = 'b'; ALTER TABLE t ENABLE RULE ignore`);
    const { tables: changes } = await restore(file, database, { mode: 'merge' });
    assert.equal(changes[0]!.inserted + changes[0]!.updated, 2);
    assert.deepEqual(await database.rows('SELECT * FROM t ORDER BY 1'), [
      ['a', '1', '2'],
      ['b', '2', '2'],
    ]);
    assert.deepEqual(
      await database.rows(
        `SELECT rulename, ev_enabled FROM pg_rewrite WHERE ev_class = 't'::regclass ORDER BY 1`,
      ),
      [
        ['ignore', 'O'],
        ['ignore_too', 'A'],
      ],
    );
    assert.deepEqual(
      await database.rows(
        `SELECT attidentity FROM pg_attribute WHERE attname = 'n' AND attrelid = 't'::regclass`,
      ),
      [['a']],
    );
  });

  it('names table, row, column and cause of what the server refuses', async () => {
    const { database, file } = await saved(`
      CREATE TABLE a (id integer PRIMARY KEY, n integer);
      INSERT INTO a SELECT i, i FROM generate_series(1, 5000) i;`);
    const attempt = async (change: string, undo: string) => {
      await database.run(change);
      const before = await database.dump();
      const error = await failure(restore(file, database));
      assert.equal(await database.dump(), before);
      await database.run(undo);
      const { place } = error.details;
      return { message: error.message, table: place?.table, row: place?.row, column: place?.column };
    };
    const checked = await attempt(
      'DELETE FROM a WHERE n = 1234; ALTER TABLE a ADD CONSTRAINT no_1234 CHECK (n <> 1234)',
      'ALTER TABLE a DROP CONSTRAINT no_1234',
    );
    assert.match(checked.message, /check constraint "no_1234"/);
    assert.doesNotMatch(checked.message, /Failing row/);
    assert.deepEqual([checked.table, checked.row], ['public.a', 1234]);
    const typed = await attempt(
      'ALTER TABLE a ALTER n TYPE boolean USING true',
      'ALTER TABLE a ALTER n TYPE integer USING 1',
    );
    assert.match(typed.message, /invalid input syntax for type boolean/);
    assert.deepEqual([typed.table, typed.row, typed.column], ['public.a', 2, 'n']);
    const unique = await attempt(
      'DELETE FROM a; CREATE UNIQUE INDEX same ON a ((n % 100))',
      'DROP INDEX same',
    );
    assert.match(unique.message, /"same" \(Key \(\(n % 100\)\)=\(1\) already exists\)/);
    assert.deepEqual([unique.table, unique.row], ['public.a', 101]);
  });

  it('notices rows that came back otherwise than they were', async () => {
    const { database, file } = await saved(
      `CREATE TABLE t (id integer PRIMARY KEY, n numeric(10,2)); INSERT INTO t VALUES (1, 1.5)`,
    );
    await database.run('ALTER TABLE t ALTER n TYPE numeric(10,4)');
    const before = await database.dump();
    const error = await failure(restore(file, database));
    assert.equal(error.code, 'verification');
    assert.equal(error.details.place?.table, 'public.t');
    assert.match(error.details.next ?? '', /was numeric\(10,2\) and is numeric\(10,4\) now/);
    assert.equal(await database.dump(), before);
  });

  itInAll('says who keeps a table locked, and which, while others wait for those before it', async () => {
    const { database, file } = await saved(
      `CREATE TABLE a (id integer); CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE u (id serial)`,
    );
    const [other, waiting] = [await openClient(database), await openClient(database)];
    await other.query('BEGIN; SELECT * FROM t');
    const failing = failure(restore(file, database));
    // Queued for as long as the restore has the first table, and in possession of it when that has failed.
    await untilLockIsWaitedFor(database, 't');
    const queued = waiting.query('BEGIN; SELECT * FROM a');
    const error = await failing;
    await queued;
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'public.t');
    assert.match(
      error.message,
      /within 10 seconds.*process \d+, user postgres, the test, idle in transaction/,
    );
    for (const client of [other, waiting]) await client.query('ROLLBACK');
    await restore(file, database);
    for (const client of [other, waiting]) await client.end();
  });

  it('empties a table of few rows without new files, and leaves none of its large values behind', async () => {
    const { database, file, dump } = await saved(`
      CREATE TABLE few (id integer PRIMARY KEY, name text);
      INSERT INTO few SELECT i, 'name ' || i FROM generate_series(1, 100) i;
      CREATE TABLE large (id integer PRIMARY KEY, body bytea);
      ALTER TABLE large ALTER body SET STORAGE EXTERNAL;
      INSERT INTO large SELECT i, decode(repeat('5a', 2000000), 'hex') FROM generate_series(1, 4) i`);
    const places = (): Promise<unknown> =>
      database.rows(`SELECT pg_relation_filenode('few'), pg_table_size('large') / 1048576`);
    const before = await places();
    await database.run('UPDATE few SET name = upper(name) WHERE id < 50; DELETE FROM large WHERE id = 1');
    await restore(file, database);
    assert.deepEqual(await places(), before);
    assert.deepEqual(sorted(await database.dump()), dump);
  });
});
