import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

describe('postgres: what cannot be done is refused before anything', () => {
  const postgres = usePostgres();
  const role = 'refused_early';

  async function owned(schema: string): Promise<{ database: TestDatabase; user: TestDatabase }> {
    const database = await postgres.create(
      `DROP ROLE IF EXISTS ${role}; CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT CREATE ON SCHEMA public TO ${role};
       ${schema}`,
    );
    return { database, user: as(database, role) };
  }
  const end = (...databases: TestDatabase[]): Promise<unknown> =>
    Promise.all(databases.map((one) => one.run(`DROP OWNED BY ${role} CASCADE`))).then(() =>
      databases[0]!.run(`DROP ROLE ${role}`),
    );

  it('a safety backup that row-level security would keep from reading', async () => {
    const { database, user } = await owned(`
      CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2); ALTER TABLE t OWNER TO ${role};
      ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)`);
    try {
      const file = postgres.file('saved.dbbackup');
      await backUp(database, file);
      const safetyFolder = postgres.file('safety');
      for (const options of [{}, { tables: tables('t') }]) {
        let asked = false;
        const confirm = (): Promise<boolean> => {
          asked = true;
          return Promise.resolve(true);
        };
        const error = await failure(restore(file, user, { ...options, safetyFolder, confirm }));
        assert.equal(error.code, 'refused');
        assert.match(
          error.message,
          /^The safety backup failed: Row-level security may hide some of its rows/,
        );
        assert.equal(error.details.place?.table, 'public.t');
        assert.match(error.details.next ?? '', /NO FORCE ROW LEVEL SECURITY/);
        assert.equal(asked, false);
        assert.equal(existsSync(safetyFolder), false);
      }
      // Without one, the owner lifts the force for as long as the restore lasts.
      await restore(file, user);
    } finally {
      await end(database);
    }
  });

  it('a function with a setting of superusers is left out, with what needs it, and named', async () => {
    const { database } = await owned(`
      CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
      CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql SET log_statement = 'none' AS $$ BEGIN RETURN new; END $$;
      CREATE FUNCTION usual() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1';
      CREATE FUNCTION custom() RETURNS int LANGUAGE sql SET my.setting = 'x' AS 'SELECT 1';
      CREATE TRIGGER q BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION quiet()`);
    const target = await postgres.create(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const asUser = as(target, role);
    try {
      const file = postgres.file('saved.dbbackup');
      await backUp(database, file);
      const { warnings } = await restore(file, asUser);
      assert.ok(
        warnings.some(
          (text) => /function public\.quiet\(\)|function quiet\(\)/.test(text) && /superuser/.test(text),
        ),
        warnings.join('\n'),
      );
      assert.deepEqual(
        await target.rows(`SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`),
        [['usual']],
      );
      assert.deepEqual(await target.rows('SELECT id FROM t'), [['1']]);
    } finally {
      await end(database, target);
    }
  });
});
