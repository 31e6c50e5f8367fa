import assert from 'node:assert/strict';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Without the order in which objects were made. */
const sorted = (dump: string): string[] => dump.split('\n').sort();

describe('postgres: restoring as somebody else than a superuser', () => {
  const postgres = usePostgres();

  async function withRole(sql: string): Promise<{ database: TestDatabase; role: string; file: string }> {
    const database = await postgres.create();
    const role = `role_${new URL(database.url).pathname.slice(1)}`;
    await database.run(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO ${role}; ${sql.replaceAll('ROLE', role)}`,
    );
    return { database, role, file: postgres.file('saved.dbbackup') };
  }

  async function dropRole(database: TestDatabase, role: string): Promise<void> {
    await database.run(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
  }

  it('needs to own what it alters, and no more', async () => {
    const { database, role, file } = await withRole(`
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a);
      CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();
      INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1);
      ALTER TABLE a OWNER TO ROLE; ALTER TABLE b OWNER TO ROLE;`);
    const user = as(database, role);
    await backUp(user, file);
    await database.run('DELETE FROM b; INSERT INTO a VALUES (2)');
    const before = sorted(await database.dump());
    await restore(file, user);
    assert.deepEqual(await database.rows('SELECT a.id, b.id FROM a JOIN b ON b.a = a.id'), [['1', '1']]);
    assert.notDeepEqual(sorted(await database.dump()), before);
    await dropRole(database, role);
  });

  it('is told which outside table keeps it from restoring', async () => {
    const { database, role, file } = await withRole(`
      CREATE TABLE a (id integer PRIMARY KEY); INSERT INTO a VALUES (1); ALTER TABLE a OWNER TO ROLE;
      CREATE TABLE b (a integer CONSTRAINT "to a" REFERENCES a);`);
    const user = as(database, role);
    await backUp(user, file, { tables: tables('a') });
    const before = await database.dump();
    const error = await failure(restore(file, user));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /foreign key to a from public\.b .* only the owner/);
    assert.equal(await database.dump(), before);
    await restore(file, user, { mode: 'merge' });
    await dropRole(database, role);
  });

  it('is told of a trigger or a sequence that is not its own', async () => {
    const { database, role, file } = await withRole(`
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TABLE a (id integer PRIMARY KEY); CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
      CREATE SEQUENCE s; CREATE TABLE b (id integer PRIMARY KEY DEFAULT nextval('s'));
      GRANT ALL ON a, b, s TO ROLE;`);
    const user = as(database, role);
    await backUp(user, file);
    const trigger = await failure(restore(file, user, { tables: tables('a') }));
    assert.match(trigger.message, /trigger t must be disabled .* only the owner/);
    const sequence = await failure(restore(file, user, { tables: tables('b') }));
    assert.match(sequence.message, /Only the owner of the sequence public\.s/);
    await dropRole(database, role);
  });

  it('is not shown half a table by row-level security', async () => {
    const { database, role, file } = await withRole(`
      CREATE TABLE a (id integer PRIMARY KEY); INSERT INTO a VALUES (1), (2);
      ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON a USING (id = 1); GRANT ALL ON a TO ROLE;`);
    const user = as(database, role);
    const read = await failure(backUp(user, file));
    assert.equal(read.code, 'refused');
    assert.match(read.message, /Row-level security/);
    assert.equal(read.details.place?.table, 'public.a');
    await backUp(database, file);
    const write = await failure(restore(file, user));
    assert.match(write.message, /row-level security/i);
    await database.run(`ALTER TABLE a OWNER TO ${role}; ALTER TABLE a FORCE ROW LEVEL SECURITY`);
    await database.run('DELETE FROM a');
    // Who owns it can lift the force for as long as the transaction lasts.
    await restore(file, user);
    assert.deepEqual(
      await database.rows(`SELECT relforcerowsecurity FROM pg_class WHERE oid = 'a'::regclass`),
      [['t']],
    );
    assert.deepEqual(await database.rows('SELECT id FROM a ORDER BY id'), [['1'], ['2']]);
    await dropRole(database, role);
  });
});
