import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupReport } from '../../../src/backup/takeBackup.ts';
import { pgDump18 } from '../../support/pgDump18.ts';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import {
  assertSameTestimony,
  differences,
  ensureDebianPostgres,
  type PgDumpClient,
  runPsql,
  type Testimony,
  testimonyOf,
} from '../../support/postgresWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import {
  createEntries,
  createEverythingRoles,
  damageEntries,
  entriesFor,
  type Entry,
  everythingRoles,
  withNeeds,
} from './postgres.ts';
import {
  backUpUrl,
  damageRows,
  droppingEntries,
  insertEverywhere,
  restoreUrl,
  runSql,
} from './postgresRoundTrip.ts';
import { typeTables } from './postgresTypes.ts';
import { sampleParts } from '../../support/sample.ts';

type Version = 15 | 18;

const start: Record<Version, () => Promise<PostgresServer>> = {
  15: () => startPostgres({ binaries: ensureDebianPostgres() }),
  18: () => startPostgres(),
};

/** A database with one of everything that a backup has to carry, and the values that are lost most easily. */
async function createEverything(server: PostgresServer, version: Version): Promise<string> {
  await createEverythingRoles(server.url);
  const url = await server.createDatabase('everything');
  await createEntries(
    url,
    entriesFor(version * 10000).filter((entry) => !entry.unlisted),
  );
  for (const script of typeTables(version * 10000)) await runSql(url, script);
  return url;
}

for (const [version, by] of [
  [15, 'debian'],
  [18, 'npm'],
] as const satisfies readonly (readonly [Version, PgDumpClient])[]) {
  describe(`everything, PostgreSQL ${version}, by pg_dump and sorted COPY`, function () {
    sampleParts(this, version === 18 ? 1 : Infinity);
    const folder = useTemporaryFolder();
    let server: PostgresServer;
    let source: string;
    let expected: Testimony;
    let report: BackupReport;
    let kept: string;

    before(async () => {
      server = await start[version]();
      source = await createEverything(server, version);
      expected = await testimonyOf(source, by);
      kept = await mkdtemp(join(tmpdir(), 'restore-point-everything-'));
      report = await backUpUrl(source, join(kept, 'everything.dbbackup'));
    });

    after(async () => {
      await server.stop();
      await rm(kept, { recursive: true, force: true });
    });

    async function copyOfSource(name: string): Promise<string> {
      await runSql(server.url, `CREATE DATABASE ${name} TEMPLATE everything`);
      return server.urlOf(name);
    }

    it('comes back in an empty database, and leaves nothing out', async () => {
      assert.deepEqual(report.leftOut, []);
      const target = await server.createDatabase('restored');
      const restored = await restoreUrl(report.file, target);
      assert.deepEqual(restored.warnings, []);
      assertSameTestimony(await testimonyOf(target, by), expected);
      assertSameTestimony(await testimonyOf(source, by), expected);
    });

    it('comes back over objects that were dropped', async () => {
      const target = await copyOfSource('dropped');
      const dropped = droppingEntries(entriesFor(version * 10000)).filter((entry) => !entry.unlisted);
      assert.ok(dropped.length > 40);
      await damageEntries(target, dropped);
      await damageRows(target);
      await restoreUrl(report.file, target);
      assertSameTestimony(await testimonyOf(target, by), expected);
    });

    // Once is enough: both take long, and the others hold for both versions.
    if (version === 15) {
      it('is the same after a second round', async () => {
        const once = await server.createDatabase('once');
        await restoreUrl(report.file, once);
        const second = await backUpUrl(once, folder.file('second.dbbackup'));
        const twice = await server.createDatabase('twice');
        await restoreUrl(second.file, twice);
        assertSameTestimony(await testimonyOf(twice, by), expected);
      });

      it('comes back over rows, sequences and large objects that were spoilt', async () => {
        const target = await copyOfSource('spoilt');
        await damageRows(target);
        assert.notDeepEqual(differences(await testimonyOf(target, by), expected), []);
        await restoreUrl(report.file, target);
        assertSameTestimony(await testimonyOf(target, by), expected);
      });
    }

    // Last of those that use the source: it moves the sequences on.
    it('takes the same new rows as the source', async () => {
      const target = await server.createDatabase('continued');
      await restoreUrl(report.file, target);
      const [here, there] = [await insertEverywhere(target), await insertEverywhere(source)];
      assert.deepEqual(here, there);
      const taken = [...here.values()].filter((outcome) => outcome.startsWith('['));
      assert.ok(taken.length >= 10, 'hardly any table took a row');
    });
  });
}

/** What version 15 does not know, on a table that can do without. */
const lossy = `
  CREATE EXTENSION btree_gist;
  CREATE TABLE stays (room integer, during tsrange, v integer, CONSTRAINT stay UNIQUE (room, during WITHOUT OVERLAPS));
  INSERT INTO stays VALUES (1, '[2020-01-01, 2020-02-01)', 1), (2, NULL, NULL);
  ALTER TABLE stays ADD CONSTRAINT unenforced CHECK (v > 5) NOT ENFORCED, ADD CONSTRAINT late NOT NULL v NOT VALID;
  GRANT SELECT, MAINTAIN ON stays TO everything_reader;
  CREATE COLLATION builtin (PROVIDER = builtin, LOCALE = 'C.UTF-8');
  CREATE PUBLICATION generated FOR TABLE stays WITH (publish_generated_columns = stored)`;

/** How the plan tells it, with the version that knows it. */
const lost: readonly (readonly [string, number])[] = [
  ['constraint public.stays stay', 18],
  ['check constraint public.stays unenforced', 18],
  ['check constraint public.stays late', 18],
  ['publication generated', 18],
  ['MAINTAIN', 17],
  ['collation public.builtin', 17],
];

describe('everything, from PostgreSQL 15 to 18', function () {
  sampleParts(this, Infinity);
  const folder = useTemporaryFolder();
  let older: PostgresServer;
  let newer: PostgresServer;
  let source: string;
  let file: string;
  let kept: string;

  before(async () => {
    [older, newer] = await Promise.all([start[15](), start[18]()]);
    source = await createEverything(older, 15);
    kept = await mkdtemp(join(tmpdir(), 'restore-point-everything-'));
    ({ file } = await backUpUrl(source, join(kept, 'everything.dbbackup')));
  });

  after(async () => {
    await Promise.all([older.stop(), newer.stop()]);
    await rm(kept, { recursive: true, force: true });
  });

  it('is what pg_dump and psql make of it', async () => {
    await createEverythingRoles(newer.url);
    const byPsql = await newer.createDatabase('by_psql');
    await runPsql(byPsql, await pgDump18(source, ['--large-objects']));
    const target = await newer.createDatabase('restored');
    await restoreUrl(file, target);
    const expected = new Map(await testimonyOf(byPsql));
    const original = await testimonyOf(source);
    // What pg_dump 18 does not bring back itself (see witness18.test.ts); and rights that version 15 has no name for.
    for (const heading of [
      'Name: a_late_child; Type: TABLE; Schema: tables; Owner: postgres',
      'rows of tables.a_late_child',
      'rows of data."010 real"',
      'rows of data."011 double precision"',
    ]) {
      expected.set(heading, original.get(heading) ?? '');
    }
    const found = differences(await testimonyOf(target), expected);
    assert.deepEqual(
      found.filter((text) => !text.startsWith('Name: TABLE t_revoked; Type: ACL;')),
      [],
    );
  });

  it('leaves out the rights of a role that is missing, and says so', async () => {
    const gone = 'everything_gone';
    await createEverythingRoles(
      newer.url,
      everythingRoles.filter((role) => role !== gone),
    );
    for (const what of [
      'DATABASE IF EXISTS by_psql',
      'DATABASE IF EXISTS restored',
      `ROLE IF EXISTS ${gone}`,
    ]) {
      await runSql(newer.url, `DROP ${what}`);
    }
    const target = await newer.createDatabase('without_role');
    const report = await restoreUrl(file, target);
    assert.match(report.warnings.join('\n'), new RegExp(gone));
    const rights = [...(await testimonyOf(target))].filter(([heading]) =>
      /t_gone(\.v)?; Type: ACL/.test(heading),
    );
    const text = rights.map(([, body]) => body).join('\n');
    assert.match(text, /GRANT UPDATE\(v\) ON TABLE grants\.t_gone TO everything_reader;/);
    assert.doesNotMatch(text, new RegExp(gone));
  });

  it('comes without what a newer server has given up', async () => {
    const given = await older.createDatabase('given_up');
    await runSql(
      given,
      `CREATE UNLOGGED TABLE parts (a integer) PARTITION BY LIST (a);
       CREATE UNLOGGED TABLE part PARTITION OF parts DEFAULT; INSERT INTO parts VALUES (1), (2)`,
    );
    const backup = await backUpUrl(given, folder.file('given.dbbackup'));
    const target = await newer.createDatabase('taken_up');
    await restoreUrl(backup.file, target);
    assert.deepEqual(
      await runSql(
        target,
        `SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'part%' ORDER BY 1`,
      ),
      [
        ['part', 'u'],
        ['parts', 'p'],
      ],
    );
    assert.deepEqual(await runSql(target, 'SELECT a FROM parts ORDER BY a'), [['1'], ['2']]);
  });

  it('tells before it writes what an older server does not know', async () => {
    const modern = await newer.createDatabase('modern');
    await runSql(
      modern,
      'CREATE TABLE t (n integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL)',
    );
    const backup = await backUpUrl(modern, folder.file('modern.dbbackup'));
    const target = await older.createDatabase('too_old');
    await assert.rejects(restoreUrl(backup.file, target), { code: 'refused', message: /virtual/i });
    assert.deepEqual(
      await runSql(target, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`),
      [],
    );
  });

  it('leaves out what an older server does not know, where the rest can do without, and says so', async () => {
    const modern = await newer.createDatabase('lossy');
    await runSql(modern, lossy);
    const backup = await backUpUrl(modern, folder.file('lossy.dbbackup'));
    const target = await older.createDatabase('lost');
    let told: readonly string[] = [];
    await restoreUrl(backup.file, target, (plan) => (told = plan.warnings));
    for (const [what, version] of lost) {
      assert.match(told.join('\n'), new RegExp(`${what}.*: it needs server version ${version} or later`));
    }
    assert.deepEqual(
      await runSql(target, 'SELECT * FROM stays ORDER BY 1'),
      await runSql(modern, 'SELECT * FROM stays ORDER BY 1'),
    );
  });

  it('leaves out an extension and a compression that the server lacks, and says so', async () => {
    const equipped = await older.createDatabase('equipped');
    await runSql(
      equipped,
      `CREATE EXTENSION old_snapshot; CREATE TABLE t (v text COMPRESSION lz4); INSERT INTO t VALUES (repeat('x', 9999))`,
    );
    const backup = await backUpUrl(equipped, folder.file('equipped.dbbackup'));
    const target = await newer.createDatabase('poor');
    const { warnings } = await restoreUrl(backup.file, target);
    const [offer] = await runSql(
      newer.url,
      `SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'`,
    );
    const without =
      'not restored: column compression public.t v: the server does not support this: lz4 compression';
    assert.deepEqual(
      warnings.filter(
        (text) => !text.startsWith('not restored: extension old_snapshot: the server does not support this'),
      ),
      offer?.[0] === 't' ? [] : [without],
    );
    assert.equal(warnings.length, offer?.[0] === 't' ? 1 : 2);
    assert.deepEqual(await runSql(target, 'SELECT length(v) FROM t'), [['9999']]);
  });

  it('goes to an older server where that knows the types', async () => {
    const modern = await newer.createDatabase('plain');
    await runSql(
      modern,
      `CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text); INSERT INTO t (v) VALUES ('x')`,
    );
    const backup = await backUpUrl(modern, folder.file('plain.dbbackup'));
    const target = await older.createDatabase('old_enough');
    await restoreUrl(backup.file, target);
    assertSameTestimony(await testimonyOf(target), await testimonyOf(modern));
  });
});

/** Those that a backup may leave out each for itself: what is left out of one must not excuse another. */
function groupsOf(entries: readonly Entry[]): Entry[][] {
  const listed = entries.filter((entry) => !entry.unlisted);
  const size = 24;
  const groups = listed.flatMap((_, first) =>
    first % size === 0 ? [listed.slice(first, first + size)] : [],
  );
  return [...groups, ...entries.filter((entry) => entry.unlisted).map((entry) => [entry])];
}

describe('a few kinds of objects, without the others, PostgreSQL 18', function () {
  sampleParts(this, 10);
  const folder = useTemporaryFolder();
  let server: PostgresServer;
  let number = 0;

  before(async () => {
    server = await start[18]();
    await createEverythingRoles(server.url);
  });

  after(() => server.stop());

  for (const group of groupsOf(entriesFor(180000))) {
    const [first] = group;
    it(`${first!.unlisted ? 'carries or names' : 'carries'}: ${first!.kind}${group.length > 1 ? ', …' : ''}`, async () => {
      number += 1;
      const source = await server.createDatabase(`source_${number}`);
      await createEntries(source, [...new Set(group.flatMap(withNeeds))]);
      const report = await backUpUrl(source, folder.file('some.dbbackup'));
      if (!first!.unlisted) assert.deepEqual(report.leftOut, []);
      const target = await server.createDatabase(`target_${number}`);
      await restoreUrl(report.file, target);
      if (report.leftOut.length > 0) return;
      const [actual, expected] = await Promise.all([testimonyOf(target), testimonyOf(source)]);
      assertSameTestimony(actual, expected);
    });
  }

  it('names: subscription', async () => {
    const source = await server.createDatabase('subscribed');
    await runSql(
      source,
      `CREATE SUBSCRIPTION everything_subscription CONNECTION 'dbname=nowhere password=h1dden' PUBLICATION p WITH (connect = false, slot_name = NONE)`,
    );
    const report = await backUpUrl(source, folder.file('subscribed.dbbackup'));
    await runSql(source, 'DROP SUBSCRIPTION everything_subscription');
    assert.match(JSON.stringify(report.leftOut), /everything_subscription/);
    assert.doesNotMatch(JSON.stringify(report.leftOut), /h1dden/);
  });
});
