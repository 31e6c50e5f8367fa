import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { silentLogger } from '../../../src/core/logger.ts';
import { restoreModes } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { nameOf, plan, useRoles } from '../../support/postgresRoles.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

describe('postgres: rights', () => {
  const postgres = usePostgres();
  const { makeRole } = useRoles();

  const revoked = `
    CREATE TABLE a (id serial PRIMARY KEY, v text); CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a, v text);
    INSERT INTO a (v) VALUES ('1'), ('2'); INSERT INTO b VALUES (1, 1, 'x');
    REVOKE ALL ON a FROM CURRENT_USER; REVOKE TRUNCATE, INSERT, REFERENCES ON b FROM CURRENT_USER;
    GRANT UPDATE (v) ON a TO CURRENT_USER; REVOKE ALL ON SEQUENCE a_id_seq FROM CURRENT_USER`;

  describe('an owner who took rights from himself', function () {
    sampleParts(this, 3);
    for (const mode of restoreModes) {
      it(`gets them for as long as a restore lasts: ${mode}`, async () => {
        const [source, target] = [await postgres.create(), await postgres.create()];
        const role = await makeRole(source, target);
        const file = postgres.file('revoked.dbbackup');
        await runAs(source, role, revoked);
        const expected = await testimonyOf(source.url);
        await backUp(source, file);
        const report = await restore(file, as(target, role), { mode });
        assert.deepEqual(report.warnings, []);
        assertSameTestimony(await testimonyOf(target.url), expected);
        await target.run('SET session_replication_role = replica; DELETE FROM b; DELETE FROM a WHERE id = 2');
        assert.equal((await plan(file, as(target, role), mode)).tables[0]?.rowsNow, 1);
        await restore(file, as(target, role), { mode });
        assertSameTestimony(await testimonyOf(target.url), expected);
      });
    }
  });

  async function runAs(database: TestDatabase, role: string, sql: string): Promise<void> {
    await database.run(`SET SESSION AUTHORIZATION ${role}; ${sql}`);
  }

  it('a backup needs CONNECT, USAGE and SELECT, and no more', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const reader = await makeRole();
    await source.run(`
      CREATE SCHEMA shop;
      CREATE TABLE shop.orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
      CREATE TABLE shop.lines (id serial PRIMARY KEY, orders integer REFERENCES shop.orders);
      INSERT INTO shop.orders (note) SELECT 'note ' || i FROM generate_series(1, 50) i;
      INSERT INTO shop.lines (orders) SELECT i FROM generate_series(1, 50) i;
      CREATE VIEW shop.notes AS SELECT note FROM shop.orders;
      REVOKE ALL ON DATABASE ${nameOf(source)} FROM PUBLIC;
      REVOKE ALL ON SCHEMA public FROM PUBLIC;
      GRANT CONNECT ON DATABASE ${nameOf(source)} TO ${reader};
      GRANT USAGE ON SCHEMA shop TO ${reader};
      GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${reader};
      GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO ${reader}`);
    const file = postgres.file('reader.dbbackup');
    await backUp(as(source, reader), file);
    await restore(file, target);
    for (const table of ['orders', 'lines', 'notes']) {
      const sql = `SELECT * FROM shop.${table} ORDER BY 1`;
      assert.deepEqual(await target.rows(sql), await source.rows(sql));
    }
    const next = `INSERT INTO shop.lines (orders) VALUES (1) RETURNING id`;
    assert.deepEqual(await target.rows(next), [['51']]);
  });

  it('tables that may not be read are all named before a file is begun, and can be left out', async () => {
    const source = await postgres.create(`
      CREATE SCHEMA closed; CREATE TABLE closed.c (id integer PRIMARY KEY);
      CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY);
      CREATE TABLE hidden (id integer PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
      INSERT INTO a VALUES (1)`);
    const role = await makeRole(source);
    await source.run(`GRANT SELECT ON a, hidden, closed.c TO ${role}`);
    const file = postgres.file('part.dbbackup');
    const error = await failure(backUp(as(source, role), file));
    assert.equal(error.code, 'refused');
    assert.match(
      error.message,
      /closed\.c: USAGE on its schema .*public\.b: SELECT .*public\.hidden: Row-level/,
    );
    assert.match(error.details.next ?? '', new RegExp(`GRANT SELECT ON TABLE "public"."b" TO "${role}"`));
    assert.deepEqual(await readdir(path.dirname(file)), []);
    const exclude = [{ name: 'b' }, { name: 'hidden' }, { schema: 'closed', name: 'c' }];
    const report = await backUp(as(source, role), file, { exclude });
    assert.deepEqual(
      report.tables.map(({ table }) => table.name.name),
      ['a'],
    );
    const [only] = await Promise.all([failure(backUp(as(source, role), file, { tables: tables('b') }))]);
    assert.equal(only.details.place?.table, 'public.b');
  });

  it('a table that may be written but is not owned is told in the plan, with all reasons', async () => {
    const source = await postgres.create(`
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TABLE plain (id integer PRIMARY KEY); CREATE TABLE armed (id integer PRIMARY KEY);
      CREATE TRIGGER t BEFORE INSERT ON armed FOR EACH ROW EXECUTE FUNCTION f(); CREATE TABLE half (id integer PRIMARY KEY);
      INSERT INTO plain VALUES (1); INSERT INTO armed VALUES (1); INSERT INTO half VALUES (1)`);
    const role = await makeRole();
    await source.run(
      `GRANT SELECT, INSERT, DELETE ON plain, armed TO ${role}; GRANT SELECT ON half TO ${role}`,
    );
    const user = as(source, role);
    const file = postgres.file('all.dbbackup');
    await backUp(user, file);
    await source.run('DELETE FROM plain; DELETE FROM armed');
    const before = await source.dump();
    let asked = false;
    const session = await user.connect();
    const work = restoreBackup(file, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode: 'replace',
      logger: silentLogger,
      confirm: () => Promise.resolve((asked = true)),
    }).finally(() => session.close());
    const error = await failure(work);
    assert.equal(error.code, 'refused');
    assert.match(error.message, /public\.armed: the trigger t must be disabled/);
    assert.match(error.message, /public\.half: INSERT, DELETE on it has not been granted/);
    assert.equal(asked, false);
    assert.equal(await source.dump(), before);
    await restore(file, user, { tables: tables('plain') });
    assert.deepEqual(await source.rows('SELECT id FROM plain'), [['1']]);
  });

  it('a materialized view of somebody else stays as it is, and the statement is told', async () => {
    const source = await postgres.create('CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)');
    await source.run('CREATE MATERIALIZED VIEW m AS SELECT id FROM t; CREATE VIEW v AS SELECT 1');
    const role = await makeRole(source);
    await source.run(`ALTER TABLE t OWNER TO ${role}; ALTER VIEW v OWNER TO ${role}`);
    const file = postgres.file('view.dbbackup');
    await backUp(as(source, role), file);
    await source.run('INSERT INTO t VALUES (2); REFRESH MATERIALIZED VIEW m');
    const report = await restore(file, as(source, role));
    assert.match(
      report.warnings.join(),
      /only its owner, postgres, may refresh it: REFRESH MATERIALIZED VIEW "public"\."m"/,
    );
    assert.deepEqual(await source.rows('SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM m)'), [
      ['1', '2'],
    ]);
    await source.run(`ALTER MATERIALIZED VIEW m OWNER TO ${role}`);
    assert.deepEqual((await restore(file, as(source, role))).warnings, []);
    assert.deepEqual(await source.rows('SELECT count(*) FROM m'), [['1']]);
  });

  it('forced row-level security: a backup by its owner is refused, a restore keeps the force', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole(source, target);
    await runAs(
      source,
      role,
      `CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1), (2);
       ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)`,
    );
    const file = postgres.file('forced.dbbackup');
    const error = await failure(backUp(as(source, role), file));
    assert.match(error.details.next ?? '', /ALTER TABLE "public"\."t" NO FORCE ROW LEVEL SECURITY/);
    await backUp(source, file);
    const expected = await testimonyOf(source.url);
    for (const mode of restoreModes) {
      await restore(file, as(target, role), { mode });
      assertSameTestimony(await testimonyOf(target.url), expected);
      await target.run('DELETE FROM t WHERE id = 2');
    }
  });

  it('what cannot be made is told in the plan: schemas that are closed, and a database that makes none', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole();
    await source.run(
      'CREATE TABLE public.t (id integer PRIMARY KEY); CREATE SCHEMA s; CREATE TABLE s.t (id integer PRIMARY KEY)',
    );
    const file = postgres.file('closed.dbbackup');
    await backUp(source, file);
    const error = await failure(restore(file, as(target, role)));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /CREATE on DATABASE .*; .*CREATE on SCHEMA public/);
    await target.run(
      `GRANT CREATE ON DATABASE ${nameOf(target)} TO ${role}; GRANT CREATE ON SCHEMA public TO ${role}`,
    );
    const { warnings } = await restore(file, as(target, role));
    assert.match(warnings.join(), /not a member of the role postgres/);
    assert.deepEqual(await target.rows(`SELECT to_regclass('s.t'), to_regclass('public.t')`), [['s.t', 't']]);
    await target.run(`DROP SCHEMA s CASCADE`);
  });

  it('a role that may not make anything in a schema can still own what is in it', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole(source, target);
    const other = await makeRole();
    await source.run(`GRANT ${other} TO ${role}`);
    await source.run(
      `CREATE SCHEMA s; CREATE TABLE s.t (id serial PRIMARY KEY); CREATE TABLE public.t (id integer); CREATE TYPE s.e AS ENUM ('x');
       CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE VIEW s.v AS SELECT 1 AS one; CREATE SCHEMA o;
       ALTER TABLE s.t OWNER TO ${other}; ALTER TABLE public.t OWNER TO ${other}; ALTER TYPE s.e OWNER TO ${other};
       ALTER FUNCTION s.f OWNER TO ${other}; ALTER VIEW s.v OWNER TO ${other}; ALTER SCHEMA s OWNER TO ${role}; ALTER SCHEMA o OWNER TO ${other}`,
    );
    const file = postgres.file('owned.dbbackup');
    await backUp(source, file);
    const { warnings } = await restore(file, as(target, role));
    assert.deepEqual(warnings, []);
    assertSameTestimony(await testimonyOf(target.url), await testimonyOf(source.url));
  });

  it('a new owner who may make nothing in a schema of somebody else is told, and the rest is made', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole();
    const other = await makeRole();
    await source.run(`CREATE TABLE t (id integer PRIMARY KEY); ALTER TABLE t OWNER TO ${other}`);
    await source.run(`GRANT ${other} TO ${role}`);
    await target.run(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const file = postgres.file('owned.dbbackup');
    await backUp(source, file);
    const { warnings } = await restore(file, as(target, role));
    assert.match(
      warnings.join(),
      new RegExp(
        `CREATE on the schema public has not been granted to ${other}: ALTER TABLE "public"."t" OWNER TO "${other}"`,
      ),
    );
    assert.deepEqual(await target.rows(`SELECT tableowner FROM pg_tables WHERE tablename = 't'`), [[role]]);
  });

  const triggerStates = `
    SELECT g.tgrelid::regclass::text, CASE WHEN g.tgisinternal THEN g.tgfoid::regproc::text ELSE g.tgname END, g.tgenabled
      FROM pg_trigger g ORDER BY 1, 2, 3`;

  it('triggers of foreign keys that a superuser has switched off come back so on new tables', async () => {
    const [source, target, other] = [
      await postgres.create(),
      await postgres.create(),
      await postgres.create(),
    ];
    const role = await makeRole(other);
    await source.run(
      `CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY DEFERRABLE, a integer REFERENCES a);
       CREATE TABLE c (a integer REFERENCES a); CREATE TABLE d (a integer REFERENCES a, b integer);
       CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();
       CREATE TRIGGER u BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();
       CREATE CONSTRAINT TRIGGER v AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();
       INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1);
       ALTER TABLE b DISABLE TRIGGER ALL; ALTER TABLE b ENABLE ALWAYS TRIGGER u; ALTER TABLE b ENABLE TRIGGER v;
       ALTER TABLE c DISABLE TRIGGER ALL`,
    );
    const file = postgres.file('off.dbbackup');
    const { leftOut } = await backUp(source, file);
    assert.deepEqual(leftOut, []);
    await restore(file, target);
    const states = await source.rows(triggerStates);
    assert.ok(states.some(([, name, state]) => name?.includes('RI_FKey_check_ins') && state === 'D'));
    assert.deepEqual(await target.rows(triggerStates), states);
    const { warnings } = await restore(file, as(other, role));
    assert.match(
      warnings.join('\n'),
      /only a superuser can create it: ALTER TABLE ONLY "public"\."b" DISABLE TRIGGER ALL/,
    );
    const [name] = (
      await source.rows(`SELECT tgname FROM pg_trigger WHERE tgrelid = 'd'::regclass ORDER BY 1`)
    )[0]!;
    await source.run(`ALTER TABLE d DISABLE TRIGGER "${name}"`);
    const told = await backUp(source, postgres.file('half.dbbackup'));
    assert.deepEqual(
      told.leftOut.map(({ kind, names }) => [kind, names]),
      [['constraint triggers', ['public.d']]],
    );
  });

  it('roles that are missing are warnings', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole();
    await source.run(`CREATE TABLE t (id integer PRIMARY KEY); GRANT SELECT ON t TO ${role};
      CREATE TABLE u (id integer PRIMARY KEY); ALTER TABLE u OWNER TO ${role}`);
    const file = postgres.file('missing.dbbackup');
    await backUp(source, file);
    await source.run(`DROP OWNED BY ${role} CASCADE`);
    await source.run(`DROP ROLE ${role}`);
    try {
      const { warnings } = await restore(file, target);
      assert.match(
        warnings.join('\n'),
        new RegExp(`privileges table public.t of ${role}.*: there is no role ${role}`),
      );
      assert.match(warnings.join('\n'), /owner table public\.u/);
      assert.deepEqual(await target.rows(`SELECT to_regclass('t'), to_regclass('u')`), [['t', 'u']]);
    } finally {
      await source.run(`CREATE ROLE ${role}`);
    }
  });
});
