import assert from 'node:assert/strict';
import { as, backUp, restore, tables, usePostgres } from '../../support/postgresRestores.ts';

describe('postgres: sequences that may not be read', () => {
  const postgres = usePostgres();

  it('go on after the highest value of their column, and are named', async () => {
    const role = `counter_${process.pid}`;
    const database = await postgres.create(`
      CREATE TABLE a (id serial PRIMARY KEY, v text); INSERT INTO a (v) SELECT 'x' FROM generate_series(1, 5);
      CREATE TABLE b (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int); INSERT INTO b (n) VALUES (1), (2), (3);
      CREATE SEQUENCE down INCREMENT -3 MAXVALUE 100; CREATE TABLE c (id int DEFAULT nextval('down'), n int);
      INSERT INTO c (n) VALUES (1), (2); CREATE TABLE d (id int DEFAULT nextval('down')); INSERT INTO d VALUES (60);
      CREATE TABLE empty (id serial); CREATE TABLE words (id text DEFAULT nextval('a_id_seq'));
      SELECT nextval('a_id_seq'); CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT ON a, b, c, d, empty, words TO ${role}`);
    const target = await postgres.create();
    try {
      const file = postgres.file('hidden.dbbackup');
      const chosen = tables('a', 'b', 'c', 'd', 'empty', 'words');
      const { leftOut } = await backUp(as(database, role), file, { tables: chosen });
      assert.deepEqual(
        leftOut.map(({ kind, names }) => [kind, names]),
        [
          [
            'unreadable sequence',
            ['public.a_id_seq', 'public.b_id_seq', 'public.down', 'public.empty_id_seq'],
          ],
        ],
      );
      await restore(file, target);
      await target.run(
        `INSERT INTO a (v) VALUES ('new'); INSERT INTO b (n) VALUES (4); INSERT INTO c (n) VALUES (3); INSERT INTO empty DEFAULT VALUES`,
      );
      const newest = `SELECT (SELECT max(id) FROM a), (SELECT max(id) FROM b), (SELECT min(id) FROM c), (SELECT max(id) FROM empty)`;
      assert.deepEqual(await target.rows(newest), [['6', '4', '57', '1']]);
    } finally {
      await target.run(`DROP OWNED BY ${role}`);
      await database.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
