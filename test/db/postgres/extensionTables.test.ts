import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { restoreModes } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { as, backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Rows of its own, rows of users, a table without a condition, one that is not marked, and counters. */
const script = `
  CREATE TABLE place (id serial PRIMARY KEY, name text, own boolean NOT NULL DEFAULT false);
  INSERT INTO place (name, own) VALUES ('first', true), ('second', true);
  CREATE TABLE job (id int PRIMARY KEY, place int REFERENCES place, owner text DEFAULT current_user);
  ALTER TABLE job ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON job USING (owner = current_user);
  INSERT INTO job VALUES (100, 1);
  CREATE TABLE cache (id int PRIMARY KEY);
  CREATE SEQUENCE ticket;
  SELECT pg_extension_config_dump('place', 'WHERE NOT own -- users''');
  SELECT pg_extension_config_dump('job', '');
  SELECT pg_extension_config_dump('ticket', '');`;

describe('postgres: tables of extensions', function () {
  sampleParts(this, 2);
  const postgres = usePostgres();
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'restore-point-extensions-'));
    mkdirSync(join(folder, 'extension'));
    const write = (name: string, text: string): void =>
      writeFileSync(join(folder, 'extension', name), text, { mode: 0o644 });
    write('my-places.control', `default_version = '1.0'\nrelocatable = false\nschema = public\n`);
    write('my-places--1.0.sql', script);
    write('my-places--0.5.sql', 'CREATE TABLE cache (id int PRIMARY KEY)');
    for (const path of [folder, join(folder, 'extension')]) chmodSync(path, 0o755);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function empty(): Promise<TestDatabase> {
    const database = await postgres.create();
    const [[name]] = (await database.rows('SELECT current_database()')) as [[string]];
    await database.run(`ALTER DATABASE "${name}" SET extension_control_path = '${folder}:$system'`);
    return database;
  }

  async function saved(): Promise<{ database: TestDatabase; file: string }> {
    const database = await empty();
    // A session of its own: the path holds from the next one on.
    await database.run('CREATE EXTENSION "my-places"');
    await database.run(`
      INSERT INTO place (name) VALUES ('mine'), ('also mine'); DELETE FROM job;
      INSERT INTO job VALUES (1, 3, 'x'), (2, 1, 'y');
      INSERT INTO cache VALUES (1); SELECT nextval('ticket'), nextval('ticket');
      CREATE TABLE own (id int PRIMARY KEY, job int REFERENCES job); INSERT INTO own VALUES (1, 1), (2, NULL)`);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    return { database, file };
  }

  const contents = (database: TestDatabase): Promise<unknown> =>
    Promise.all(['place', 'job', 'own'].map((name) => database.rows(`SELECT * FROM ${name} ORDER BY id`)));
  const counters = (database: TestDatabase): Promise<unknown> =>
    database.rows('SELECT p.last_value, t.last_value, t.is_called FROM place_id_seq p, ticket t');

  it('rows of users are carried, and what is not is named with its reason', async () => {
    const { file } = await saved();
    const archive = await Archive.open(file, engineById);
    const { tables: held, objects, leftOut } = archive.manifest;
    await archive.close();
    assert.deepEqual(held.map(({ table, rows }) => [table.name.name, table.extension, rows]).sort(), [
      ['job', '"my-places"', 2],
      ['own', undefined, 2],
      ['place', '"my-places"', 2],
    ]);
    assert.deepEqual(
      objects.filter(({ sql }) => /CREATE TABLE "public"."(place|job|cache)"/.test(sql)),
      [],
    );
    const reasons = leftOut.filter(({ kind }) => kind === 'definition of a table of an extension');
    assert.deepEqual(
      reasons.map(({ names, reason }) => [names, reason]),
      [
        [['public.job'], 'the extension "my-places" creates it; its rows are in the backup'],
        [
          ['public.cache'],
          'the extension "my-places" creates it; its rows are not in the backup, because the extension does not mark them as data of users',
        ],
        [
          ['public.place'],
          `the extension "my-places" creates it; only those of its rows are in the backup that the extension marks as data of users: WHERE NOT own -- users'`,
        ],
      ],
    );
  });

  it('come back into an empty database, where the extension brings its own', async () => {
    const { database, file } = await saved();
    const other = await empty();
    await restore(file, other);
    assert.deepEqual(await contents(other), await contents(database));
    assert.deepEqual(await counters(other), await counters(database));
    const third = await empty();
    // Chosen tables bring their extension.
    await restore(file, third, { tables: tables('job', 'place') });
    assert.deepEqual(await third.rows('SELECT id FROM job ORDER BY id'), [['1'], ['2']]);
    assert.deepEqual(await third.rows('SELECT count(*) FROM place'), [['4']]);
  });

  it('come back over those that are there, and the rows of the extension stay', async () => {
    const { database, file } = await saved();
    const before = await contents(database);
    await database.run(`UPDATE own SET job = NULL; DELETE FROM job; DELETE FROM place WHERE NOT own;
      INSERT INTO place (id, name, own) VALUES (50, 'of a later version', true)`);
    const [places, ...others] = before as [unknown[], ...unknown[]];
    const expected = [[...places, ['50', 'of a later version', 't']], ...others];
    for (const mode of restoreModes) {
      if (mode === 'insert-missing') await database.run('DELETE FROM own; DELETE FROM job');
      const { tables: changes } = await restore(file, database, { mode });
      assert.deepEqual(await contents(database), expected, mode);
      const change = changes.find(({ table }) => table.name === 'place')!;
      assert.equal(change.rowsAfter, 2, `${mode}: rows of users`);
    }
  });

  it('a part of them is taken under a condition', async () => {
    const { database } = await saved();
    const file = postgres.file('part.dbbackup');
    await backUp(database, file, {
      where: [{ table: { schema: 'public', name: 'place' }, condition: 'id <> 4' }],
    });
    await restore(file, database);
    assert.deepEqual(await database.rows('SELECT id FROM place ORDER BY id'), [['1'], ['2'], ['3']]);
  });

  it('a table that the extension does not make there is refused by name, and nothing is changed', async () => {
    const { database, file } = await saved();
    await database.run('ALTER TABLE own DROP CONSTRAINT own_job_fkey');
    rmSync(file);
    await backUp(database, file);
    const other = await empty();
    await other.run(`CREATE EXTENSION "my-places" VERSION '0.5'`);
    const error = await failure(restore(file, other, { tables: tables('job') }));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /public\.job: it is missing: the extension "my-places" exists/);
    const { warnings } = await restore(file, other).catch((failed: Error) => assert.fail(failed));
    assert.ok(warnings.some((text) => text.startsWith('public.job: it is missing')));
  });

  it('who may not read or write them backs up and restores the rest, and is told', async () => {
    const { database } = await saved();
    await database.run(`
      DROP ROLE IF EXISTS places_user; CREATE ROLE places_user LOGIN PASSWORD 'secret';
      ALTER TABLE own OWNER TO places_user; GRANT SELECT ON job, place TO places_user;
      GRANT REFERENCES ON job TO places_user`);
    const user = as(database, 'places_user');
    try {
      const file = postgres.file('users.dbbackup');
      await backUp(user, file);
      const before = await contents(database);
      await database.run('DELETE FROM own');
      const { warnings } = await restore(file, user);
      assert.ok(
        warnings.some((text) => /^not restored: rows of public\.place: .*has not been granted/.test(text)),
        warnings.join('\n'),
      );
      assert.ok(warnings.some((text) => /public\.job.*this user may not read all of them/.test(text)));
      assert.deepEqual(await contents(database), before);
    } finally {
      await database.run('DROP OWNED BY places_user CASCADE; DROP ROLE places_user');
    }
  });
});
