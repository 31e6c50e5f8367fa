import assert from 'node:assert/strict';
import { backUp, restore, usePostgres } from '../../support/postgresRestores.ts';

/** What PostgreSQL's own regression database holds and few others do. */
describe('postgres: rare objects', () => {
  const postgres = usePostgres();

  async function cameBack(schema: string): Promise<{ warnings: readonly string[]; leftOut: unknown }> {
    const database = await postgres.create(schema);
    const file = postgres.file('rare.dbbackup');
    const { leftOut } = await backUp(database, file);
    const target = await postgres.create();
    const { warnings } = await restore(file, target);
    const sorted = (dump: string): string[] => dump.split('\n').sort();
    assert.deepEqual(sorted(await target.dump()), sorted(await database.dump()));
    return { warnings, leftOut };
  }

  it('an heir that says itself how a column is generated that it also inherits', async () => {
    await cameBack(`
      CREATE TABLE p (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED); CREATE TABLE q (z integer);
      CREATE TABLE c (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, x integer); ALTER TABLE c INHERIT p;
      CREATE TABLE d (b integer GENERATED ALWAYS AS (a * 2) STORED, a integer) INHERITS (q); ALTER TABLE d INHERIT p;
      INSERT INTO p VALUES (1); INSERT INTO c VALUES (2, DEFAULT, 3); INSERT INTO d VALUES (4, DEFAULT, 5)`);
  });

  it('a type that was never finished', async () => {
    const { warnings, leftOut } = await cameBack(
      'CREATE TYPE "un finished"; CREATE SCHEMA s; CREATE TYPE s.other; CREATE TABLE t (id integer)',
    );
    assert.deepEqual([warnings, leftOut], [[], []]);
  });

  it('rights on what belongs to the server are named', async () => {
    const role = `reader_${process.pid}`;
    const database = await postgres.create(`
      CREATE ROLE ${role}; GRANT SELECT (rolname) ON pg_authid TO ${role}; GRANT SELECT ON information_schema.tables TO ${role};
      GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ${role}; REVOKE EXECUTE ON FUNCTION version() FROM PUBLIC`);
    try {
      const { leftOut } = await backUp(database, postgres.file('rights.dbbackup'));
      assert.deepEqual(leftOut, [
        {
          kind: 'privilege on a system object',
          names: [
            'column rolname of pg_catalog.pg_authid',
            'function pg_read_file(text)',
            'function version()',
            'table information_schema.tables',
          ],
          reason: 'it was granted on an object that every database has',
        },
      ]);
    } finally {
      await database.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
