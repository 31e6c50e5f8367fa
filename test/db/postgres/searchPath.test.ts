import assert from 'node:assert/strict';
import { RestorePointError } from '../../../src/core/errors.ts';
import { restoreModes } from '../../../src/core/plan.ts';
import { backUp, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { pgDumpSchema } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const setPath = (path: string): string =>
  `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = ${path}', current_database()); END $$;`;

/** Functions that name others without a schema, as applications write them, wherever a row can meet one. */
const schema = `
  CREATE SCHEMA app;
  CREATE FUNCTION app.folded(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower(v); END $$;
  CREATE FUNCTION app.slug(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN replace(folded(v), ' ', '-'); END $$;
  CREATE FUNCTION app.code(v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'c' || folded(v) $$;
  CREATE DOMAIN app.word AS text CHECK (app.slug(VALUE) <> '');
  CREATE TABLE app.by_check (id int PRIMARY KEY, t text CHECK (app.slug(t) <> ''));
  CREATE TABLE app.by_domain (id int PRIMARY KEY, t app.word, more app.word[]);
  CREATE TABLE app.by_generated (id int PRIMARY KEY, t text, slug text GENERATED ALWAYS AS (app.slug(t)) STORED,
    code text GENERATED ALWAYS AS (app.code(t)) STORED);
  CREATE TABLE app.by_index (id int PRIMARY KEY, t text); CREATE INDEX ON app.by_index (app.slug(t));
  CREATE TABLE app.by_unique (id int PRIMARY KEY, t text); CREATE UNIQUE INDEX ON app.by_unique (app.slug(t));
  CREATE TABLE app.by_part (id int PRIMARY KEY, t text); CREATE INDEX ON app.by_part (t) WHERE app.slug(t) <> 'q';
  CREATE TABLE app.by_reference (id int PRIMARY KEY REFERENCES app.by_index);
  CREATE MATERIALIZED VIEW app.words AS SELECT t FROM app.by_check;
`;

/** In front of pg_catalog each of these is taken for the server's own; all of them say that they were. */
const raise = `LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'captured'; END $f$`;
const types = ['integer', 'bigint', 'text', 'boolean', 'name', 'oid', 'record', 'tid', '"char"'];
const operators = types.flatMap((type) =>
  (type === 'record' ? ['=', '<>', '*<>'] : ['=', '<>', '<', '||']).map(
    (operator) =>
      `CREATE OPERATOR evil.${operator} (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = evil.compare);`,
  ),
);
const functions = [
  ...['to_json(anyelement)', 'quote_ident(text)', 'to_regclass(text)', 'set_config(text, text, boolean)'],
  ...['pg_get_indexdef(oid)', 'hashtextextended(text, bigint)', 'pg_backend_pid()', 'current_database()'],
  ...['format(text, text)', 'pg_has_role(oid, text)', 'obj_description(oid, text)'],
].map((name) => `CREATE FUNCTION evil.${name} RETURNS text ${raise};`);
const evil = `CREATE SCHEMA evil;
  ${types.map((type) => `CREATE FUNCTION evil.compare(${type}, ${type}) RETURNS boolean ${raise};`).join('\n')}
  ${operators.join('\n')} ${functions.join('\n')}
  CREATE FUNCTION evil.none(bigint) RETURNS bigint ${raise};
  CREATE AGGREGATE evil.count(*) (SFUNC = evil.none, STYPE = bigint, INITCOND = '0');`;

const names = ['by_check', 'by_domain', 'by_generated', 'by_index', 'by_unique', 'by_part'];
const fill = names.map((name) => `INSERT INTO app.${name} (id, t) VALUES (1, 'A b'), (2, 'C d');`).join(' ');

describe('postgres: the search path with which a database lives', function () {
  sampleParts(this, 2);
  const postgres = usePostgres();

  async function living(): Promise<TestDatabase> {
    const database = await postgres.create(setPath('app, public'));
    await database.run(schema);
    await database.run(fill);
    return database;
  }

  async function rowsOf(database: TestDatabase): Promise<unknown[]> {
    const found = [];
    for (const name of names) found.push(await database.rows(`SELECT * FROM app.${name} ORDER BY 1`));
    return found;
  }

  it('is that under which rows are written in place, in every mode', async () => {
    const database = await living();
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const [dump, rows] = [await pgDumpSchema(database.url), await rowsOf(database)];
    for (const mode of restoreModes) {
      for (const name of names) await database.run(`DELETE FROM app.${name} WHERE id = 1`);
      await restore(file, database, { mode });
      assert.deepEqual(await rowsOf(database), rows, mode);
      assert.deepEqual(await pgDumpSchema(database.url), dump, mode);
    }
  });

  it('is that under which new tables are made and filled', async () => {
    const database = await living();
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const other = await postgres.create(setPath('app, public'));
    const report = await restore(file, other);
    assert.deepEqual(
      report.warnings.filter((warning) => /could not/.test(warning)),
      [],
    );
    assert.deepEqual(await rowsOf(other), await rowsOf(database));
    assert.deepEqual(await pgDumpSchema(other.url), await pgDumpSchema(database.url));
  });

  it('is named, with the statement that sets it, where the database to restore into has another', async () => {
    const database = await living();
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const other = await postgres.create();
    let statement = '';
    await assert.rejects(restore(file, other), (error: unknown) => {
      assert.ok(RestorePointError.is(error, 'database'));
      statement =
        /ALTER DATABASE \S+ SET search_path = app, public$/.exec(error.details.next ?? '')?.[0] ?? '';
      return statement !== '';
    });
    await other.run(statement);
    await restore(file, other);
    assert.deepEqual(await rowsOf(other), await rowsOf(database));
  });

  it('is that under which the planner reads an index', async () => {
    // Values of these types are written under an empty path all the same.
    const database = await postgres.create(`
      CREATE FUNCTION inner_one(v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(v) $$;
      CREATE FUNCTION outer_one(v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT public.inner_one(v) $$;
      CREATE TABLE kept (id int PRIMARY KEY, t text, x xml);
      CREATE TABLE plain (id int PRIMARY KEY, t text, r regclass);
      CREATE INDEX ON kept (outer_one(t)); CREATE INDEX ON plain (outer_one(t));
      CREATE OR REPLACE FUNCTION outer_one(v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT inner_one(v) $$;
      INSERT INTO plain VALUES (1, 'a', 'kept'), (2, 'b', 'pg_class');`);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file, { tables: tables('plain') });
    for (const mode of restoreModes) {
      await database.run('DELETE FROM plain WHERE id = 1');
      await restore(file, database, { mode });
      assert.deepEqual(await database.rows('SELECT id, r FROM plain ORDER BY 1'), [
        ['1', 'kept'],
        ['2', 'pg_class'],
      ]);
    }
    await backUp(database, postgres.file('some.dbbackup'), {
      tables: tables('kept'),
      where: [{ table: tables('kept')[0]!, condition: 'id > 0' }],
    });
  });

  it('reaches nothing of ours, whatever stands in front of pg_catalog', async () => {
    const path = setPath('evil, pg_catalog, public');
    const database = await postgres.create(`${evil}
      CREATE TABLE parents (id int PRIMARY KEY, t text CHECK (id > 0));
      CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents, t text);
      INSERT INTO parents SELECT i, repeat('long', 100) FROM generate_series(1, 25000) i;
      INSERT INTO children VALUES (1, 1, 'x'), (2, 2, 'y');
      CREATE MATERIALIZED VIEW seen AS SELECT id FROM parents; ${path}`);
    await assert.rejects(database.rows('SELECT count(*) FROM public.children'), /captured/);
    await assert.rejects(database.rows('SELECT 1 FROM public.children WHERE id = 1'), /captured/);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const condition = 'id OPERATOR(pg_catalog.=) 1';
    await backUp(database, postgres.file('part.dbbackup'), {
      tables: tables('children'),
      where: [{ table: { schema: 'public', name: 'children' }, condition }],
    });
    for (const mode of restoreModes) {
      await database.run(`DELETE FROM public.children; UPDATE public.parents SET t = 'z' WHERE ${condition}`);
      await restore(file, database, { mode });
      assert.deepEqual(await database.rows('SELECT pg_catalog.count(*) FROM public.children'), [['2']], mode);
    }
    const other = await postgres.create(`${evil} ${path}`);
    await restore(file, other, { tables: tables('parents', 'children') });
    assert.deepEqual(await other.rows('SELECT pg_catalog.count(*) FROM public.children'), [['2']]);
  });
});
