import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RestoreMode } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { PostgresPayloadRows } from '../../../src/engines/postgres/payload/payloadRows.ts';
import {
  asExtras,
  largeObjectsOf,
  plannedLargeObjects,
} from '../../../src/engines/postgres/schema/extras.ts';
import { makePlan } from '../../../src/restore/restoreBackup.ts';
import { backUp, failure, restore, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Longer than what travels at a time, and no multiple of it. */
const long = `decode(repeat('000102ff0a0d5c5c4e', 100000), 'hex')`;

/** Everything about large objects that can be asked for. */
const stateOf = (database: TestDatabase): Promise<(string | null)[][]> =>
  database.rows(
    `SELECT m.oid, pg_get_userbyid(m.lomowner), m.lomacl, obj_description(m.oid, 'pg_largeobject'),
            length(lo_get(m.oid)), md5(lo_get(m.oid))
       FROM pg_largeobject_metadata m ORDER BY m.oid`,
  );

const contentOf = (database: TestDatabase): Promise<(string | null)[][]> =>
  database.rows(`SELECT oid, encode(lo_get(oid), 'escape') FROM pg_largeobject_metadata ORDER BY oid`);

const roles = ['lo_alice', 'lo_bob', 'lo_carol'];
const makeRoles = roles.map(
  (role) => `DO $$ BEGIN CREATE ROLE ${role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`,
);

describe('large objects', () => {
  const postgres = usePostgres();

  it('come back in an empty database: numbers, contents, owners, rights, comments', async () => {
    const source = await postgres.create(
      `${makeRoles.join(' ')}
       SELECT lo_from_bytea(4100000001, ${long}), lo_from_bytea(4100000002, ''), lo_create(4100000003),
              lo_put(lo_from_bytea(4100000004, 'sparse'), 600000, 'end'), lo_from_bytea(4100000005, 'of another'),
              lo_from_bytea(4100000006, 'of nobody');
       COMMENT ON LARGE OBJECT 4100000001 IS 'it''s \\ long';
       GRANT SELECT ON LARGE OBJECT 4100000001 TO PUBLIC; GRANT ALL ON LARGE OBJECT 4100000001 TO lo_bob WITH GRANT OPTION;
       SET ROLE lo_bob; GRANT SELECT ON LARGE OBJECT 4100000001 TO lo_carol; RESET ROLE;
       ALTER LARGE OBJECT 4100000005 OWNER TO lo_alice; REVOKE UPDATE ON LARGE OBJECT 4100000005 FROM lo_alice;
       REVOKE ALL ON LARGE OBJECT 4100000006 FROM postgres;`,
    );
    const file = postgres.file('large.dbbackup');
    assert.deepEqual((await backUp(source, file)).leftOut, []);
    const target = await postgres.create();
    assert.deepEqual((await restore(file, target)).warnings, []);
    assert.deepEqual(await stateOf(target), await stateOf(source));
    await verifyBackup(file, engineById, { logger: silentLogger });
  });

  const live = `SELECT lo_from_bytea(4100000001, 'one, as it was'), lo_from_bytea(4100000002, 'two'),
                       lo_from_bytea(4100000003, '')`;
  const changed = `SELECT lo_from_bytea(4100000001, 'one, longer than it was before'), lo_from_bytea(4100000003, 'three'),
                          lo_from_bytea(4100000009, 'of no backup')`;
  const kept: readonly [RestoreMode, readonly (readonly [string, string])[]][] = [
    [
      'replace',
      [
        ['4100000001', 'one, as it was'],
        ['4100000002', 'two'],
        ['4100000003', ''],
        ['4100000009', 'of no backup'],
      ],
    ],
    ...(['merge', 'insert-missing'] as const).map(
      (mode): [RestoreMode, readonly (readonly [string, string])[]] => [
        mode,
        [
          ['4100000001', 'one, longer than it was before'],
          ['4100000002', 'two'],
          ['4100000003', 'three'],
          ['4100000009', 'of no backup'],
        ],
      ],
    ),
  ];

  for (const [mode, expected] of kept) {
    it(`over a live database, mode ${mode}`, async () => {
      const file = postgres.file('live.dbbackup');
      await backUp(await postgres.create(live), file);
      const target = await postgres.create(changed);
      await restore(file, target, { mode });
      assert.deepEqual(await contentOf(target), expected);
    });
  }

  it('say in the plan what becomes of them', async () => {
    const file = postgres.file('plan.dbbackup');
    await backUp(await postgres.create(live), file);
    const target = await postgres.create(changed);
    const session = await target.connect({ readOnly: true });
    const archive = await Archive.open(file, engineById);
    try {
      for (const mode of ['replace', 'merge'] as const) {
        const plan = await makePlan(archive.manifest, session, {
          mode,
          logger: silentLogger,
        });
        const large = plannedLargeObjects(plan);
        assert.equal(large?.overwrite, mode === 'replace');
        assert.deepEqual([large.backup.objects.rows, large.now], [3, 3]);
      }
    } finally {
      await session.close();
      await archive.close();
    }
  });

  it('are kept in the safety backup of a restore that overwrites them, and undone with it', async () => {
    const file = postgres.file('safe.dbbackup');
    await backUp(await postgres.create(`CREATE TABLE t (id integer PRIMARY KEY); ${live}`), file);
    // A table that the restore does not write: the safety backup is one of a part.
    const target = await postgres.create(`CREATE TABLE other (id integer); ${changed}`);
    const before = await contentOf(target);
    const { safetyBackup } = await restore(file, target, { safetyFolder: postgres.file('safety') });
    assert.notDeepEqual(await contentOf(target), before);
    await restore(safetyBackup!, target);
    const missing = ['4100000002', 'two'];
    assert.deepEqual(
      (await contentOf(target)).filter((row) => row[0] !== missing[0]),
      before,
    );
  });

  it('are read back before the commit', async () => {
    const source = await postgres.create(
      `SELECT lo_from_bytea(4100000001, 'x');
       CREATE FUNCTION grow() RETURNS integer LANGUAGE sql AS
         $$ SELECT lo_put(4100000001, length(lo_get(4100000001)), 'x'); SELECT 1 $$;
       CREATE MATERIALIZED VIEW m AS SELECT grow()`,
    );
    const file = postgres.file('grown.dbbackup');
    await backUp(source, file);
    const target = await postgres.create();
    const error = await failure(restore(file, target));
    assert.equal(error.code, 'verification');
    assert.deepEqual(await contentOf(target), []);
  });

  it('come back to an owner without further rights; what may not be read or written is told', async () => {
    const source = await postgres.create(
      `${makeRoles.join(' ')} SELECT lo_from_bytea(4100000001, 'mine'), lo_from_bytea(4100000002, 'hidden'),
              lo_from_bytea(4100000003, 'shown');
       ALTER LARGE OBJECT 4100000001 OWNER TO lo_alice; GRANT SELECT ON LARGE OBJECT 4100000003 TO PUBLIC;
       ALTER ROLE lo_alice LOGIN PASSWORD 'alice'; GRANT CREATE ON SCHEMA public TO lo_alice`,
    );
    const url = (database: TestDatabase): TestDatabase => {
      const address = new URL(database.url);
      [address.username, address.password] = ['lo_alice', 'alice'];
      return { ...database, connect: (options) => connectAs(database, address.href, options?.readOnly) };
    };
    const file = postgres.file('owned.dbbackup');
    const report = await backUp(url(source), file);
    assert.deepEqual(report.leftOut, [
      {
        kind: 'large object',
        names: ['4100000002'],
        reason: 'this user has no SELECT on it',
      },
    ]);
    const target = await postgres.create();
    const { warnings } = await restore(file, url(target));
    assert.match(
      warnings.join('\n'),
      /large objects: owner, with all rights, postgres: the user is not a member/,
    );
    assert.deepEqual(
      await target.rows(
        `SELECT oid, pg_get_userbyid(lomowner), encode(lo_get(oid), 'escape') FROM pg_largeobject_metadata ORDER BY oid`,
      ),
      [
        ['4100000001', 'lo_alice', 'mine'],
        ['4100000003', 'lo_alice', 'shown'],
      ],
    );
    const before = await contentOf(source);
    const error = await failure(restore(file, url(source)));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /4100000003/);
    assert.deepEqual(await contentOf(source), before);
  });

  it('of a role that is missing become the user’s, and it is told', async () => {
    const source = await postgres.create(
      `CREATE ROLE lo_gone; SELECT lo_from_bytea(4100000001, 'x'), lo_from_bytea(4100000002, 'y');
       ALTER LARGE OBJECT 4100000001 OWNER TO lo_gone; GRANT SELECT ON LARGE OBJECT 4100000002 TO lo_gone`,
    );
    const file = postgres.file('gone.dbbackup');
    await backUp(source, file);
    await source.run('DROP OWNED BY lo_gone; DROP ROLE lo_gone');
    const target = await postgres.create();
    const { warnings } = await restore(file, target);
    assert.deepEqual(warnings, [
      'not restored: large objects: owner, with all rights, lo_gone: the role does not exist',
      'not restored: large objects: rights of lo_gone: the role does not exist',
    ]);
    assert.deepEqual(
      (await stateOf(target)).map((row) => row.slice(0, 2)),
      [
        ['4100000001', 'postgres'],
        ['4100000002', 'postgres'],
      ],
    );
  });

  it('are named as left out by a backup of a part', async () => {
    const source = await postgres.create(`CREATE TABLE t (id integer PRIMARY KEY); ${live}`);
    const file = postgres.file('part.dbbackup');
    const report = await backUp(source, file, { tables: [{ schema: 'public', name: 't' }] });
    assert.deepEqual(
      report.leftOut.map(({ kind, names }) => [kind, names]),
      [['large objects', ['all 3']]],
    );
  });

  it('that a rehearsal would bring back are not there afterwards', async () => {
    const file = postgres.file('rehearsed.dbbackup');
    await backUp(await postgres.create(live), file);
    const target = await postgres.create(changed);
    const before = await contentOf(target);
    await restore(file, target, { dryRun: true });
    assert.deepEqual(await contentOf(target), before);
  });

  it('of which the manifest says something else are damaged', async () => {
    const file = postgres.file('damaged.dbbackup');
    await backUp(await postgres.create(live), file);
    const archive = await Archive.open(file, engineById);
    try {
      const largeObjects = largeObjectsOf(archive.manifest)!;
      for (const part of ['objects', 'pieces'] as const) {
        const wrong = { ...largeObjects[part], digest: '0123456789abcdef' };
        const extras = asExtras({ ...largeObjects, [part]: wrong });
        const manifest = { ...archive.manifest, extras };
        const rows = new PostgresPayloadRows(archive, manifest);
        assert.equal((await failure(rows.checkExtras({ logger: silentLogger }))).code, 'damaged-backup');
      }
    } finally {
      await archive.close();
    }
  });
});

function connectAs(database: TestDatabase, url: string, readOnly = false) {
  const { address, password } = database.engine.parseUrl(url)!;
  return database.engine.connect(address, { readOnly, logger: silentLogger, password: password! });
}
