import assert from 'node:assert/strict';
import type { ChosenRow } from '../../../src/core/chosenRows.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { restoreRows, restoreRowsIn, type TextTable } from '../../support/chosenRows.ts';
import { as, failure, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { allRows } from '../../support/typedRows.ts';

/** All rows of a table, to be brought back or to be deleted. */
async function allOf(database: TestDatabase, name: string, side: keyof ChosenRow): Promise<TextTable> {
  const session = await database.connect();
  try {
    const snapshot = await session.openSnapshot({ whole: true, logger: silentLogger });
    const table = await session.describeTable({ schema: 'public', name });
    const rows = await allRows(snapshot.rows({ table }));
    const pages = async function* (): AsyncGenerator<readonly ChosenRow[]> {
      await Promise.resolve();
      for (const row of rows) yield [{ [side]: row }];
    };
    return { name, rows: pages };
  } finally {
    await session.close();
  }
}

const values = `
  CREATE EXTENSION citext; CREATE EXTENSION hstore;
  CREATE TYPE mood AS ENUM ('so so', 'null', '');
  CREATE TYPE pair AS (a int, b text);
  CREATE DOMAIN positive AS numeric(6, 2) CHECK (VALUE > 0);
  CREATE DOMAIN moods AS mood[];
  CREATE TABLE kinds (id int PRIMARY KEY, t text, v varchar(9), c char(5), q "char", n numeric, n2 numeric(8, 3), f4 real, f8 float8,
    b bool, bytes bytea, d date, ts timestamp(3), tz timestamptz, tm time, tmz timetz, i interval, j json, jb jsonb, x xml,
    u uuid, m mood, p pair, dom positive, ms moods, ia int[], ta text[], ra int4range, nm nummultirange, bits bit(5), vb varbit,
    ip inet, cd cidr, ci citext, hs hstore, tv tsvector, r regclass, mo money, pt point, bx box[], pa pair[]);
  INSERT INTO kinds VALUES (1, E'tab\\t line\\n \\\\ back\\b', '', 'a', 'x', 'NaN', 1.5, '-0', 'Infinity',
    true, '\\x00ff5c', 'infinity', '-infinity', '0044-03-15 01:02:03.456 BC', '24:00', '12:00:00+05:30:15', '1 year -2 days +03:04:05.6', '{"a" :1, "a": 2}', '{"b": 1.00}', '<?xml version="1.0"?><a/>',
    '00000000-0000-0000-0000-0000000000ab', 'null', ROW(1, E'q"\\\\,)'), 1.50, ARRAY['null', '']::mood[], '[0:1]={1,NULL}', ARRAY['NULL', NULL, '', 'a,b', E'\\\\"{}'], '(,5)', '{[1.0,2.00),(3,)}', '10101', '1',
    '10.0.0.1/24', '10.0.0.0/8', 'CiText', 'a=>NULL, "b c"=>"d"', '''a'':1 b', 'kinds', 12.5, '(1e300,-0)', ARRAY['(1,1),(0,0)']::box[], ARRAY[ROW(1, NULL)::pair, NULL]);
  INSERT INTO kinds (id, t, c, n, f8, ts, ia, p) VALUES (2, NULL, '', 1.0, '-0', '294276-12-31 23:59:59.999', '{}', ROW(NULL, NULL)), (3, 'NULL', NULL, '-Infinity', 0.1, 'infinity', '{{1,2},{3,4}}', NULL), (4, E'\\\\.', NULL, 1e-20, 5e-324, NULL, NULL, NULL), (5, E'\\\\N', NULL, 10000000000000000000000, NULL, NULL, NULL, NULL);
  CREATE TABLE bare AS SELECT * FROM kinds; CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;`;

describe('postgres: chosen rows of tables of all kinds', () => {
  const postgres = usePostgres();

  it('come back byte by byte, and go only if every byte is the same', async () => {
    const database = await postgres.create(values);
    const before = await database.dump();
    for (const name of ['kinds', 'bare', 'nothing']) {
      const [back, away] = [await allOf(database, name, 'wanted'), await allOf(database, name, 'seen')];
      const { checked, unchanged } = await restoreRows(database, [away]);
      assert.deepEqual([checked.counts, unchanged], [{}, [0]], name);
      assert.deepEqual(await database.rows(`SELECT count(*) FROM ${name}`), [['0']]);
      await restoreRows(database, [back]);
      assert.equal(await database.dump(), before, name);
    }
    const session = await database.connect();
    try {
      const again = await restoreRowsIn(session, [await allOf(database, 'kinds', 'wanted')]);
      assert.deepEqual([again.unchanged, again.written], [[5], [[]]]);
    } finally {
      await session.close();
    }
  });

  it('does not let triggers, rules, event triggers and row-level security act, and leaves them as they were', async () => {
    const database = await postgres.create(`
      CREATE TABLE log (what text);
      CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (TG_NAME); RETURN NULL; END';
      CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int GENERATED ALWAYS AS (id * 2) STORED, a int DEFAULT 7, s serial);
      CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION noted();
      CREATE TRIGGER always_on AFTER INSERT OR UPDATE OR DELETE ON t EXECUTE FUNCTION noted(); ALTER TABLE t ENABLE ALWAYS TRIGGER always_on;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted();
      CREATE TRIGGER off BEFORE INSERT ON t EXECUTE FUNCTION noted(); ALTER TABLE t DISABLE TRIGGER off;
      INSERT INTO t (a) VALUES (1), (2); DELETE FROM log;
      ALTER TABLE t DISABLE TRIGGER USER; INSERT INTO t (a) VALUES (1), (2); ALTER TABLE t ENABLE TRIGGER USER; ALTER TABLE t DISABLE TRIGGER off; ALTER TABLE t ENABLE ALWAYS TRIGGER always_on;
      CREATE RULE no_delete AS ON DELETE TO t DO INSTEAD NOTHING;
      CREATE FUNCTION event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (TG_TAG); END';
      CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION event();
      ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
      TRUNCATE log;`);
    const [catalog] = [
      await database.rows(
        `SELECT tgname, tgenabled FROM pg_trigger UNION ALL SELECT rulename, ev_enabled FROM pg_rewrite WHERE ev_class = 't'::regclass UNION ALL SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY 1`,
      ),
    ];
    const { written } = await restoreRows(database, [
      {
        name: 't',
        columns: ['id', 'a'],
        rows: [
          [['3', '1'], undefined],
          [
            ['4', '2'],
            ['4', '5'],
          ],
          [undefined, ['100', null]],
        ],
      },
    ]);
    assert.deepEqual(written, [
      [
        [['3', '1', '3'], undefined],
        [
          ['4', '2', '4'],
          ['4', '5', '4'],
        ],
        [undefined, ['100', null, '5']],
      ],
    ]);
    assert.deepEqual(await database.rows('SELECT * FROM log'), []);
    assert.deepEqual(await database.rows('SELECT id, n, a, s FROM t ORDER BY id'), [
      ['4', '8', '5', '4'],
      ['100', '200', null, '5'],
    ]);
    assert.deepEqual(
      await database.rows(
        `SELECT tgname, tgenabled FROM pg_trigger UNION ALL SELECT rulename, ev_enabled FROM pg_rewrite WHERE ev_class = 't'::regclass UNION ALL SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY 1`,
      ),
      catalog,
    );
    assert.deepEqual(await database.rows(`SELECT relforcerowsecurity FROM pg_class WHERE relname = 't'`), [
      ['t'],
    ]);
    assert.deepEqual(await database.rows(`SELECT nextval('t_id_seq'), nextval('t_s_seq')`), [['101', '6']]);
    // Never lowered.
    await restoreRows(database, [{ name: 't', columns: ['id', 'a'], rows: [[undefined, ['50', '1']]] }]);
    assert.deepEqual(await database.rows(`SELECT nextval('t_id_seq')`), [['102']]);
  });

  it('writes the table itself and not those that inherit from it', async () => {
    const database = await postgres.create(`
      CREATE TABLE parent (id int PRIMARY KEY, a text); CREATE TABLE child () INHERITS (parent);
      INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (1, 'c'), (2, 'c')`);
    const { unchanged } = await restoreRows(database, [
      {
        name: 'parent',
        rows: [
          [['1', 'p'], undefined],
          [['2', 'c'], undefined],
          [undefined, ['3', 'p']],
        ],
      },
    ]);
    assert.deepEqual(unchanged, [1]);
    assert.deepEqual(await database.rows('SELECT tableoid::regclass, * FROM parent ORDER BY id, 1'), [
      ['child', '1', 'c'],
      ['child', '2', 'c'],
      ['parent', '3', 'p'],
    ]);
  });

  it('evaluates code of users under their own search path, whatever stands first in it', async () => {
    const database = await postgres.create(`
      CREATE SCHEMA app; CREATE SCHEMA evil;
      CREATE FUNCTION evil.never(int8, int8) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
      CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = int8, RIGHTARG = int8);
      CREATE FUNCTION evil.never(tid, tid) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
      CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = tid, RIGHTARG = tid);
      CREATE FUNCTION evil.never(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
      CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = text, RIGHTARG = text);
      CREATE FUNCTION evil.count() RETURNS int8 LANGUAGE sql AS 'SELECT 0::int8';
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = evil, app, pg_catalog, public', current_database()); END $$;`);
    await database.run(`
      CREATE FUNCTION app.inner_check(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
      CREATE FUNCTION app.outer_check(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT inner_check($1)';
      CREATE TABLE public.p (id int PRIMARY KEY);
      CREATE TABLE public.t (id int PRIMARY KEY, n int CHECK (app.outer_check(n)), p int REFERENCES public.p);
      INSERT INTO public.t VALUES (1, 1), (2, 2)`);
    const rows: TextTable = {
      name: 't',
      where: 'inner_check(id)',
      rows: [
        [['1', '1', null], undefined],
        [
          ['2', '2', null],
          ['2', '3', '5'],
        ],
        [undefined, ['3', '3', null]],
        [undefined, ['-4', '3', null]],
      ],
    };
    await restoreRows(database, [rows, { name: 'p', rows: [[undefined, ['5']]] }]);
    assert.deepEqual(await database.rows('SELECT * FROM public.t ORDER BY id'), [
      ['2', '3', '5'],
      ['3', '3', null],
    ]);
    const { late } = await restoreRows(
      database,
      [
        {
          name: 't',
          rows: [
            [undefined, ['7', '-1', null]],
            [undefined, ['8', '1', null]],
          ],
        },
      ],
      { answer: 'skip' },
    );
    assert.deepEqual(late.counts, { constraint: 1 });
  });

  it('refuses what the user may not write, before anything, and lets owners help themselves', async () => {
    const database = await postgres.create(`
      CREATE ROLE rows_owner LOGIN PASSWORD 'secret'; CREATE ROLE rows_writer LOGIN PASSWORD 'secret';
      CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE);
      ALTER TABLE t OWNER TO rows_owner; INSERT INTO t VALUES (1, 'a'), (2, 'b');
      GRANT CREATE, USAGE ON SCHEMA public TO rows_owner`);
    try {
      const insert: TextTable = { name: 't', rows: [[undefined, ['3', 'c']]] };
      const change: TextTable = {
        name: 't',
        rows: [
          [
            ['1', 'a'],
            ['1', 'b'],
          ],
        ],
      };
      const remove: TextTable = { name: 't', rows: [[['1', 'b'], undefined]] };
      const writer = as(database, 'rows_writer');
      const refusedTo = async (who: TestDatabase, table: TextTable, reason: RegExp): Promise<void> => {
        const before = await database.dump();
        const error = await failure(restoreRows(who, [table]));
        assert.equal(error.code, 'refused');
        assert.match(error.message, reason);
        assert.equal(await database.dump(), before);
      };
      await refusedTo(writer, change, /SELECT, UPDATE on it has not been granted to rows_writer/);
      await database.run('GRANT SELECT, UPDATE ON t TO rows_writer');
      await restoreRows(writer, [change]);
      await refusedTo(writer, insert, /INSERT on it has not been granted/);
      const gone: TextTable = {
        name: 't',
        rows: [
          [
            ['8', 'x'],
            ['8', 'y'],
          ],
        ],
      };
      assert.equal((await failure(restoreRows(writer, [gone], { answer: 'overwrite' }))).code, 'refused');
      await database.run('GRANT INSERT, DELETE ON t TO rows_writer');
      await restoreRows(writer, [insert]);
      // The rows that reference it cannot be seen.
      await refusedTo(writer, remove, /may not read all of them/);
      await database.run('GRANT SELECT ON child TO rows_writer');
      await restoreRows(writer, [remove]);
      const trigger = `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON t EXECUTE FUNCTION f()`;
      await database.run(trigger);
      const second: TextTable = {
        name: 't',
        rows: [
          [
            ['2', 'b'],
            ['2', 'c'],
          ],
        ],
      };
      await refusedTo(writer, second, /the trigger tr must be disabled/);
      await database.run('ALTER TABLE t ENABLE ROW LEVEL SECURITY; DROP TRIGGER tr ON t');
      await refusedTo(writer, second, /Row-level security may hide/);
      const reader = await writer.connect();
      const condition = await failure(reader.checkCondition({ schema: 'public', name: 't' }, 'true'));
      await reader.close();
      assert.deepEqual(
        [condition.code, condition.message],
        ['refused', 'Row-level security may hide some of its rows from this user'],
      );
      await database.run(
        'ALTER TABLE t FORCE ROW LEVEL SECURITY; REVOKE ALL ON t FROM rows_owner; CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON t EXECUTE FUNCTION f()',
      );
      const catalog = `SELECT relacl::text, relforcerowsecurity FROM pg_class WHERE relname = 't'`;
      const before = await database.rows(catalog);
      await restoreRows(as(database, 'rows_owner'), [second]);
      assert.deepEqual(await database.rows('SELECT * FROM t ORDER BY id'), [
        ['2', 'c'],
        ['3', 'c'],
      ]);
      assert.deepEqual(await database.rows(catalog), before);
      const readOnly = await database.connect({ readOnly: true });
      assert.equal((await failure(restoreRowsIn(readOnly, [second]))).code, 'usage');
      await readOnly.close();
    } finally {
      await database.run('DROP OWNED BY rows_owner, rows_writer CASCADE; DROP ROLE rows_owner, rows_writer');
    }
  });
});
