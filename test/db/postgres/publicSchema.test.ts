import assert from 'node:assert/strict';
import { as, backUp, restore, usePostgres } from '../../support/postgresRestores.ts';
import { plan, useRoles } from '../../support/postgresRoles.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

describe('postgres: the schema public', function () {
  sampleParts(this, 4);
  const postgres = usePostgres();
  const { makeRole } = useRoles();
  const states: Record<string, string> = {
    'rights of its own': `REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO ROLE`,
    'more rights': 'GRANT CREATE ON SCHEMA public TO PUBLIC',
    'another owner': 'ALTER SCHEMA public OWNER TO ROLE',
    'another comment': `COMMENT ON SCHEMA public IS 'ours'`,
    'no comment': 'COMMENT ON SCHEMA public IS NULL',
    'made anew': 'DROP SCHEMA public; CREATE SCHEMA public',
    'its usual state': 'SELECT 1',
  };
  for (const [state, sql] of Object.entries(states)) {
    it(`comes back with ${state}`, async () => {
      const [source, target] = [await postgres.create(), await postgres.create()];
      const role = await makeRole(source, target);
      const file = postgres.file('public.dbbackup');
      await source.run(`${sql.replaceAll('ROLE', role)}; CREATE TABLE public.t (id integer PRIMARY KEY)`);
      const expected = await testimonyOf(source.url);
      await backUp(source, file);
      await restore(file, target);
      assertSameTestimony(await testimonyOf(target.url), expected);
      const again = (await plan(file, target)).create.filter(({ repeat }) => !repeat);
      assert.deepEqual(
        again.map(({ sql }) => sql),
        [],
      );
    });
  }

  it('is changed by the owner of the database', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const role = await makeRole(source, target);
    const file = postgres.file('public.dbbackup');
    await source.run(`ALTER SCHEMA public OWNER TO ${role}; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
    await backUp(as(source, role), file);
    const report = await restore(file, as(target, role));
    assert.deepEqual(report.warnings, []);
    assertSameTestimony(await testimonyOf(target.url), await testimonyOf(source.url));
  });

  it('stays as it is where somebody has changed it already', async () => {
    const [source, target] = [await postgres.create(), await postgres.create()];
    const file = postgres.file('public.dbbackup');
    await source.run(`COMMENT ON SCHEMA public IS 'theirs'`);
    await target.run(`COMMENT ON SCHEMA public IS 'ours'`);
    await backUp(source, file);
    const before = await testimonyOf(target.url);
    await restore(file, target);
    assertSameTestimony(await testimonyOf(target.url), before);
  });

  it('goes where the backup has none, if it is empty, and comes where the target has none', async () => {
    const [source, empty, used] = [await postgres.create(), await postgres.create(), await postgres.create()];
    const file = postgres.file('public.dbbackup');
    await source.run('DROP SCHEMA public; CREATE SCHEMA s; CREATE TABLE s.t (id integer PRIMARY KEY)');
    await used.run('CREATE TABLE public.kept (id integer)');
    await backUp(source, file);
    const schemas = (database: TestDatabase): Promise<(string | null)[][]> =>
      database.rows(`SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 's') ORDER BY 1`);
    assert.match((await plan(file, empty)).warnings.join(), /schema public is empty and not in the backup/);
    await restore(file, empty, { mode: 'merge' });
    assert.deepEqual(await schemas(empty), [['public'], ['s']]);
    await restore(file, empty);
    assert.deepEqual(await schemas(empty), [['s']]);
    await restore(file, used);
    assert.deepEqual(await schemas(used), [['public'], ['s']]);
    const back = postgres.file('back.dbbackup');
    await backUp(used, back);
    await restore(back, empty);
    assertSameTestimony(await testimonyOf(empty.url), await testimonyOf(used.url));
  });
});
