import assert from 'node:assert/strict';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import {
  assertSameTestimony,
  differences,
  type Testimony,
  testimonyOf,
} from '../../support/postgresWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { createEntries, createEverythingRoles, entriesFor } from './postgres.ts';
import { backUpUrl, damageRows, restoreUrl, runSql } from './postgresRoundTrip.ts';
import { typeTables } from './postgresTypes.ts';
import { sampleParts } from '../../support/sample.ts';

const version = 180000;

describe('PostgreSQL: what must make no difference', function () {
  sampleParts(this, 20);
  this.timeout(300_000);
  const folder = useTemporaryFolder();
  let server: PostgresServer;
  let number = 0;

  before(async () => {
    server = await startPostgres();
    await createEverythingRoles(server.url);
    await runSql(
      server.url,
      `CREATE ROLE boss LOGIN PASSWORD 'boss'; GRANT everything_reader, everything_owner TO boss`,
    );
  });

  after(() => server.stop());

  async function createDatabase(options = ''): Promise<{ name: string; url: string; bossUrl: string }> {
    const name = `database_${(number += 1)}`;
    await runSql(server.url, `CREATE DATABASE ${name} ${options}`);
    return { name, url: server.urlOf(name), bossUrl: server.urlOf(name, { user: 'boss', password: 'boss' }) };
  }

  const odd = {
    datestyle: `'German, DMY'`,
    intervalstyle: `'sql_standard'`,
    timezone: `'Asia/Kathmandu'`,
    extra_float_digits: '-15',
    bytea_output: `'escape'`,
    standard_conforming_strings: 'off',
    backslash_quote: 'off',
    escape_string_warning: 'off',
    search_path: `'nowhere'`,
    xmloption: `'document'`,
    xmlbinary: `'hex'`,
    quote_all_identifiers: 'on',
    default_transaction_isolation: `'serializable'`,
    default_transaction_deferrable: 'on',
    default_tablespace: `'pg_default'`,
    default_table_access_method: `'heap'`,
    row_security: 'off',
    transform_null_equals: 'on',
    array_nulls: 'off',
    check_function_bodies: 'on',
    client_encoding: `'LATIN1'`,
    lc_messages: `'C'`,
    lc_monetary: `'C.UTF-8'`,
    lc_numeric: `'C.UTF-8'`,
    lc_time: `'C.UTF-8'`,
    session_replication_role: `'origin'`,
    lock_timeout: `'1h'`,
    idle_in_transaction_session_timeout: `'1h'`,
  };

  for (const [where, names] of [
    ['the database', (name: string) => `DATABASE ${name}`],
    ['the role', (name: string) => `ROLE postgres IN DATABASE ${name}`],
  ] as const) {
    it(`settings of ${where}`, async () => {
      const [source, target] = [await createDatabase(), await createDatabase()];
      for (const script of typeTables(version)) await runSql(source.url, script);
      const expected = await testimonyOf(source.url);
      for (const { name } of [source, target]) {
        for (const [setting, value] of Object.entries(odd)) {
          await runSql(server.url, `ALTER ${names(name)} SET ${setting} = ${value}`);
        }
      }
      await assertNoDifference(source.url, target.url, expected);
    });
  }

  it('settings of the server', async () => {
    const settings = Object.entries(odd).map(([name, value]) => [name, value.replaceAll(`'`, '')]);
    const source = await createDatabase();
    for (const script of typeTables(version)) await runSql(source.url, script);
    const expected = await testimonyOf(source.url);
    const { file } = await backUpUrl(source.url, folder.file('usual.dbbackup'));
    const other = await startPostgres({ settings: Object.fromEntries(settings) as Record<string, string> });
    try {
      for (const name of ['here', 'there']) await runSql(other.url, `CREATE DATABASE ${name}`);
      const [here, there] = [other.urlOf('here'), other.urlOf('there')];
      await restoreUrl(file, here);
      assertSameTestimony(await testimonyOf(here), expected);
      await assertNoDifference(here, there, expected);
    } finally {
      await other.stop();
    }
  });

  /** Backs up, and restores into an empty database and into one whose rows are spoilt. */
  async function assertNoDifference(source: string, target: string, expected: Testimony): Promise<void> {
    const { file } = await backUpUrl(source, folder.file('odd.dbbackup'));
    await restoreUrl(file, target);
    assertSameTestimony(await testimonyOf(target), expected);
    await damageRows(target);
    assert.notDeepEqual(differences(await testimonyOf(target), expected), []);
    await restoreUrl(file, target);
    assertSameTestimony(await testimonyOf(target), expected);
  }

  const texts: Record<string, string> = {
    LATIN1: 'é ü ß \u00a0 ÿ \\ \t',
    LATIN9: '€ é Š',
    WIN1252: '€ ‘quoted’ – ÿ',
    EUC_JP: '名前 表 能力 ソ',
    KOI8R: 'Привет',
  };

  for (const [encoding, text] of Object.entries(texts)) {
    it(`a database in ${encoding}`, async () => {
      const options = `ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`;
      const [source, target, unicode] = [
        await createDatabase(options),
        await createDatabase(options),
        await createDatabase(),
      ];
      await runSql(
        source.url,
        `CREATE TABLE "t ${text}" ("c ${text}" text PRIMARY KEY, j json, x xml, a text[]);
         COMMENT ON TABLE "t ${text}" IS '${text}';
         INSERT INTO "t ${text}" VALUES ('${text}', '{"a":"${text.replaceAll(/[\\\t]/g, '')}"}', '<a>${text}</a>', ARRAY['${text}', NULL])`,
      );
      const expected = await testimonyOf(source.url);
      const { file } = await backUpUrl(source.url, folder.file('encoded.dbbackup'));
      for (const { url } of [target, unicode]) {
        await restoreUrl(file, url);
        assertSameTestimony(await testimonyOf(url), expected);
      }
      const back = await backUpUrl(unicode.url, folder.file('back.dbbackup'));
      await runSql(target.url, `DELETE FROM "t ${text}"`);
      await restoreUrl(back.file, target.url);
      assertSameTestimony(await testimonyOf(target.url), expected);
    });
  }

  it('a database without an encoding, which holds any bytes', async () => {
    const options = `ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`;
    const [source, target] = [await createDatabase(options), await createDatabase(options)];
    await runSql(
      source.url,
      `CREATE TABLE t (v text); INSERT INTO t VALUES (E'\\xff\\xfe'), (E'\\xc3\\xa9'), (E'\\xe9'), (E'\\x80\\\\\\t')`,
    );
    const { file } = await backUpUrl(source.url, folder.file('bytes.dbbackup'));
    await restoreUrl(file, target.url);
    assert.deepEqual(
      await runSql(
        target.url,
        `SELECT encode(v::bytea, 'hex') FROM (SELECT convert_to(v, 'SQL_ASCII') AS v FROM t) t ORDER BY 1`,
      ),
      await runSql(
        source.url,
        `SELECT encode(v::bytea, 'hex') FROM (SELECT convert_to(v, 'SQL_ASCII') AS v FROM t) t ORDER BY 1`,
      ),
    );
  });

  it('characters that the target cannot hold: it says so, and nothing is changed', async () => {
    const source = await createDatabase();
    const target = await createDatabase(`ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    await runSql(source.url, `CREATE TABLE t (v text); INSERT INTO t VALUES ('名前')`);
    const { file } = await backUpUrl(source.url, folder.file('unicode.dbbackup'));
    const before = await testimonyOf(target.url);
    await assert.rejects(restoreUrl(file, target.url), { name: 'RestorePointError', message: /LATIN1/ });
    assertSameTestimony(await testimonyOf(target.url), before);
  });

  it('an owner without further rights', async () => {
    const [source, target] = [await createDatabase('OWNER boss'), await createDatabase('OWNER boss')];
    // Row-level security that is forced holds for the owner too: see below.
    const forced = 'forced row-level security';
    const entries = entriesFor(version).filter(
      (entry) => !entry.superuser && !entry.unlisted && entry.kind !== forced,
    );
    await createEntries(source.bossUrl, entries);
    for (const script of typeTables(version)) await runSql(source.bossUrl, script);
    const expected = await testimonyOf(source.url);
    const report = await backUpUrl(source.bossUrl, folder.file('owned.dbbackup'));
    assert.deepEqual(report.leftOut, []);
    const restored = await restoreUrl(report.file, target.bossUrl);
    assert.deepEqual(restored.warnings, []);
    assertSameTestimony(await testimonyOf(target.url), expected);
    // The superuser spoils it: an owner may not set session_replication_role.
    await damageRows(target.url);
    await restoreUrl(report.file, target.bossUrl);
    assertSameTestimony(await testimonyOf(target.url), expected);
  });

  it('what needs a superuser is told in the plan, with the statement', async () => {
    const [source, target] = [await createDatabase(), await createDatabase('OWNER boss')];
    await runSql(
      source.url,
      `CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1);
       CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
       CREATE EVENT TRIGGER needs_more ON ddl_command_end EXECUTE FUNCTION e();
       CREATE PUBLICATION needs_more_too FOR ALL TABLES`,
    );
    const { file } = await backUpUrl(source.url, folder.file('superuser.dbbackup'));
    let told: readonly string[] = [];
    await restoreUrl(file, target.bossUrl, (plan) => (told = plan.warnings));
    assert.match(told.join('\n'), /CREATE EVENT TRIGGER needs_more /);
    assert.match(told.join('\n'), /CREATE PUBLICATION needs_more_too /);
    assert.deepEqual(await runSql(target.url, 'SELECT id FROM t'), [['1']]);
    await runSql(target.url, 'DROP TABLE t');
  });

  it('row-level security that the owner is under as well', async () => {
    const [source, target] = [await createDatabase('OWNER boss'), await createDatabase('OWNER boss')];
    await runSql(
      source.bossUrl,
      `CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1), (2);
       ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)`,
    );
    // An owner can see all rows only by lifting the force, which a backup must not do: it says so.
    await assert.rejects(backUpUrl(source.bossUrl, folder.file('hidden.dbbackup')), {
      name: 'RestorePointError',
      message: /row-level security/i,
    });
    const { file } = await backUpUrl(source.url, folder.file('seen.dbbackup'));
    await restoreUrl(file, target.url);
    assert.deepEqual(differences(await testimonyOf(target.url), await testimonyOf(source.url)), []);
  });

  it('a publication of all tables, under which rows without a key cannot be deleted', async () => {
    const source = await createDatabase();
    await runSql(
      source.url,
      `CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ('a'), ('b'); CREATE PUBLICATION everywhere FOR ALL TABLES`,
    );
    const expected = await testimonyOf(source.url);
    const { file } = await backUpUrl(source.url, folder.file('published.dbbackup'));
    await runSql(source.url, `INSERT INTO keyless VALUES ('c')`);
    await restoreUrl(file, source.url);
    assertSameTestimony(await testimonyOf(source.url), expected);
  });
});
