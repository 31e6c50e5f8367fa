import assert from 'node:assert/strict';
import { backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';

describe('postgres: what is there already in another form', () => {
  const postgres = usePostgres();

  const source = `
    CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (id integer PRIMARY KEY, m mood DEFAULT 'b'); INSERT INTO t VALUES (1);
    CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE VIEW v AS SELECT f(id) AS f FROM t;
    CREATE SEQUENCE s; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;`;

  async function saved(): Promise<string> {
    const file = postgres.file('saved.dbbackup');
    await backUp(await postgres.create(source), file);
    return file;
  }

  for (const [what, sql, named] of [
    [
      'a function with another body',
      `CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'`,
      'function public.f(integer)',
    ],
    [
      'a function with another result',
      `CREATE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT 2::text'`,
      'function public.f(integer)',
    ],
    ['a view with other columns', 'CREATE VIEW v AS SELECT 1 AS other', 'view public.v'],
    ['a type with more labels', `CREATE TYPE mood AS ENUM ('z', 'a', 'b')`, 'type public.mood'],
    ['a sequence of other steps', 'CREATE SEQUENCE s INCREMENT 5', 'sequence public.s'],
  ] as const) {
    it(`is named in the plan and stays as it is: ${what}`, async () => {
      const file = await saved();
      const target = await postgres.create(sql);
      const { warnings, created } = await restore(file, target);
      assert.deepEqual(warnings, [
        `left as they are, although the backup defines them differently: ${named}`,
      ]);
      assert.equal(created.length, 1);
    });
  }

  it('is named for chosen tables too, as far as they need it', async () => {
    const file = await saved();
    const target = await postgres.create(`
      CREATE TYPE mood AS ENUM ('b'); CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 2'`);
    const { warnings } = await restore(file, target, { tables: tables('t') });
    assert.deepEqual(warnings, [
      'left as they are, although the backup defines them differently: type public.mood',
    ]);
  });

  it('says nothing where all is as it was', async () => {
    const database = await postgres.create(source);
    const file = postgres.file('same.dbbackup');
    await backUp(database, file);
    assert.deepEqual((await restore(file, database)).warnings, []);
  });

  for (const [what, sql, refusal] of [
    [
      'a table where a view was',
      'CREATE TABLE v (id int)',
      'view public.v cannot be created: table public.v exists',
    ],
    [
      'a view where a table was',
      'CREATE VIEW t AS SELECT 1 AS id',
      'table public.t cannot be created: view public.t exists',
    ],
    [
      'a type where a table was',
      'CREATE TYPE t AS (a int)',
      'table public.t cannot be created: composite type public.t exists',
    ],
    [
      'a domain where a type was',
      'CREATE DOMAIN mood AS text',
      'type public.mood cannot be created: domain public.mood exists',
    ],
    [
      'an index where a sequence was',
      'CREATE TABLE x (id int); CREATE INDEX s ON x (id)',
      'sequence public.s cannot be created: index public.s exists',
    ],
    [
      'a view where a materialized view was',
      'CREATE VIEW m AS SELECT 1 AS one',
      'materialized view public.m cannot be created: view public.m exists',
    ],
  ] as const) {
    it(`is refused before anything is written: ${what}`, async () => {
      const file = await saved();
      const target = await postgres.create(sql);
      const error = await failure(restore(file, target));
      assert.equal(error.code, 'refused');
      assert.ok(error.message.includes(refusal), error.message);
    });
  }
});

describe('postgres: what rests on foreign tables', () => {
  const postgres = usePostgres();

  const source = `
    CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
    CREATE FOREIGN TABLE ft (id integer, v text COLLATE "C") SERVER far; CREATE FOREIGN TABLE alone (id integer) SERVER far;
    CREATE FUNCTION f() RETURNS SETOF ft LANGUAGE sql AS 'SELECT * FROM public.ft'; CREATE VIEW calls AS SELECT * FROM f();
    CREATE DOMAIN one AS ft;
    CREATE TABLE plain (id integer PRIMARY KEY, f ft, many ft[], d one);
    INSERT INTO plain VALUES (1, ROW (7, 'seven'), ARRAY[ROW (8, NULL)::ft], ROW (9, 'nine'));
    CREATE TABLE leans (id integer PRIMARY KEY, f ft CHECK ((f).id > 0)); INSERT INTO leans VALUES (1, ROW (1, 'x'));
    CREATE TABLE other (id integer PRIMARY KEY REFERENCES leans); INSERT INTO other VALUES (1)`;
  const rows = 'SELECT plain::text FROM plain';

  it('a table with a column of such a row comes back, and all else is named', async () => {
    const database = await postgres.create(source);
    const file = postgres.file('foreign.dbbackup');
    const { leftOut } = await backUp(database, file);
    const names = leftOut.flatMap(({ kind, names: all }) => all.map((name) => `${kind} ${name}`));
    for (const name of [
      'foreign table public.ft',
      'foreign table public.alone',
      'function public.f()',
      'view public.calls',
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(!names.includes('table public.plain'));
    const target = await postgres.create();
    const { warnings } = await restore(file, target);
    assert.deepEqual(await target.rows(rows), await database.rows(rows));
    assert.ok(
      warnings.some((text) =>
        text.startsWith('public.leans: it is missing, and the backup does not contain its definition'),
      ),
      warnings.join('\n'),
    );
    assert.deepEqual(await target.rows('SELECT id FROM other'), await database.rows('SELECT id FROM other'));
    const error = await failure(restore(file, await postgres.create(), { tables: tables('leans') }));
    assert.match(
      error.message,
      /public\.leans: it is missing, and the backup does not contain its definition: it needs foreign table public\.ft/,
    );
  });

  it('and also where the foreign tables are there', async () => {
    const database = await postgres.create(source);
    const file = postgres.file('foreign.dbbackup');
    await backUp(database, file);
    const before = await database.rows(rows);
    await database.run('DROP TABLE plain; DROP DOMAIN one');
    await restore(file, database);
    assert.deepEqual(await database.rows(rows), before);
  });
});
