import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { ProofDatabases } from '../../../src/backup/proofs.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { runCli, startCli, type CliRun } from '../../support/cli.ts';
import { forge, objectsAt } from '../../support/hostileFiles.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { nameOf, useRoles } from '../../support/postgresRoles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { runSql } from '../everything/postgresRoundTrip.ts';
import { createEntries, createEverythingRoles, entriesFor } from '../everything/postgres.ts';
import { shopRows, shopSchema } from '../shop.ts';

describe('a proof on a PostgreSQL server', () => {
  const engine = testEngines.find(({ id }) => id === 'postgres')!;
  const folder = useTemporaryFolder();
  const { makeRole } = useRoles();
  let database: TestDatabase;
  let file: string;

  beforeEach(async () => {
    database = await engine.create();
    file = folder.file('shop.dbbackup');
  });
  afterEach(() => database.remove());

  const env = (): { XDG_STATE_HOME: string } => ({ XDG_STATE_HOME: folder.file('state') });
  const run = (...args: string[]): Promise<CliRun> => runCli(args, { env: env() });
  const onServer = async (sql: string): Promise<(string | null)[][]> =>
    runSql((await postgresForTests()).url, sql);
  const found = async (): Promise<string[]> =>
    (
      await onServer(`SELECT datname FROM pg_database WHERE datname LIKE 'restore\\_point\\_proof\\_%'`)
    ).flat() as string[];

  async function backUp(url = database.url): Promise<void> {
    const done = await run('backup', url, '--out', file);
    assert.equal(done.code, 0, done.stderr);
  }

  async function fill(rows: number): Promise<void> {
    await database.run(`CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, ${rows}) i;
      ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (text)`);
  }

  it('proves everything that a database can have', async () => {
    const server = await postgresForTests();
    await createEverythingRoles(server.url);
    const [[version]] = (await onServer('SHOW server_version_num')) as [[string]];
    await createEntries(database.url, entriesFor(Number(version)));
    await backUp();
    const done = await run('prove', file, database.url);
    assert.equal(done.code, 0, done.stdout + done.stderr);
  });

  it('keeps the encoding and the collation of the source', async () => {
    const name = `test_latin_${process.pid}`;
    await onServer(
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    try {
      const url = (await postgresForTests()).urlOf(name);
      await runSql(url, `CREATE TABLE t (a text); INSERT INTO t VALUES ('é')`);
      await backUp(url);
      const done = await run('prove', file, url);
      assert.equal(done.code, 0, done.stdout + done.stderr);
      assert.doesNotMatch(done.stdout, /note:/);
    } finally {
      await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('says which right is missing, and takes another server', async () => {
    const server = await postgresForTests();
    const role = await makeRole(database);
    const url = server.urlOf(nameOf(database), { user: role, password: 'secret' });
    await runSql(
      url,
      'CREATE SCHEMA own; CREATE TABLE own.t (id int primary key); INSERT INTO own.t VALUES (1)',
    );
    await backUp(url);
    const refused = await run('prove', file, url);
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stderr, /may not create databases.*ALTER ROLE \S+ CREATEDB.*--server/s);
    assert.deepEqual(await found(), []);
    const elsewhere = await run('prove', file, url, '--server', server.url);
    assert.equal(elsewhere.code, 0, elsewhere.stdout + elsewhere.stderr);
    await onServer(`ALTER ROLE ${role} CREATEDB`);
    const allowed = await run('prove', file, url);
    assert.equal(allowed.code, 0, allowed.stdout + allowed.stderr);
    assert.deepEqual(await found(), []);
  });

  it('needs a server', async () => {
    await fill(1);
    await backUp();
    const none = await run('prove', file);
    assert.equal(none.code, 2);
    assert.match(
      none.stderr,
      /needs a connection to a server, and none was given.*Add a connection to a PostgreSQL server/s,
    );
    assert.equal((await run('prove', file, 'sqlite:x.db')).code, 2);
  });

  it('finds a unique index that the rows of the backup break', async () => {
    await database.run(`${shopSchema('postgres')} ${shopRows}`);
    await backUp();
    const forged = forge(await readFile(file), ({ manifest }) => {
      for (const object of objectsAt(manifest['objects'])) {
        if (object['kind'] !== 'index') continue;
        object['sql'] = 'CREATE UNIQUE INDEX orders_by_customer ON public.orders USING btree (customer_id)';
      }
    });
    await writeFile(file, forged);
    assert.equal((await run('verify', file)).code, 0);
    const done = await run('prove', file, database.url, '--trust');
    assert.equal(done.code, 1, done.stderr);
    assert.match(
      done.stdout,
      /^Not proved: .* could not be restored:\n {2}.*orders_by_customer could not be created: .*duplicate/,
    );
    assert.deepEqual(await found(), []);
  });

  it('finds an extension that the server does not have', async () => {
    await database.run(
      `${shopSchema('postgres')} ${shopRows} CREATE EXTENSION citext; CREATE TABLE c (a citext);`,
    );
    await backUp();
    const forged = forge(await readFile(file), ({ manifest }) => {
      for (const object of objectsAt(manifest['objects'])) {
        if (object['kind'] !== 'extension') continue;
        object['sql'] = (object['sql'] as string).replaceAll('citext', 'not_there');
        object['name'] = 'not_there';
      }
    });
    await writeFile(file, forged);
    assert.equal((await run('verify', file)).code, 0);
    const done = await run('prove', file, database.url, '--trust');
    assert.notEqual(done.code, 0, done.stdout);
    assert.match(done.stdout, /^Not proved: /);
    assert.deepEqual(await found(), []);
  });

  it('drops the database when it is cancelled', async () => {
    await fill(200_000);
    await backUp();
    let begun: Promise<void> | undefined;
    const abort = new AbortController();
    const { commandLine } = await import('../../../src/cli/commandLine.ts');
    const { Readable, Writable } = await import('node:stream');
    const sink = (): InstanceType<typeof Writable> => new Writable({ write: (_c, _e, done) => done() });
    const before = process.env['XDG_STATE_HOME'];
    Object.assign(process.env, env());
    try {
      begun = waitForScratch().then(() => abort.abort());
      const terminal = { stdin: Readable.from([]), stdout: sink(), stderr: sink() };
      assert.equal(await commandLine(['prove', file, database.url], terminal, abort.signal), 130);
    } finally {
      if (before === undefined) delete process.env['XDG_STATE_HOME'];
      else process.env['XDG_STATE_HOME'] = before;
      await begun;
    }
    assert.deepEqual(await found(), []);
    await assert.rejects(readFile(folder.file('state/restore-point/proofs')));
  });

  async function waitForScratch(): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if ((await found()).length > 0) return;
      await delay(20);
    }
    throw new Error('No database was created for the proof');
  }

  it('drops what a killed proof has left, and no database that it has not recorded', async () => {
    await fill(200_000);
    await backUp();
    let killing: Promise<void> | undefined;
    const killed = await startCli(['prove', file, database.url], {
      env: env(),
      onStart: (pid) => {
        killing = waitForScratch().then(() => void process.kill(pid, 'SIGKILL'));
      },
    });
    await killing;
    assert.equal(killed.code, null);
    const [left = ''] = await found();
    assert.match(left, /^restore_point_proof_/);
    // Named the same, by somebody else; of a process that runs; of another machine, today and long ago.
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
    const [now, past] = [Date.now().toString(36), (Date.now() - 2 * 24 * 3600 * 1000).toString(36)];
    const others = {
      unrecorded: `restore_point_proof_${now}_999999_${machine}_000000000001`,
      running: `restore_point_proof_${now}_${process.pid}_${machine}_000000000002`,
      elsewhere: `restore_point_proof_${now}_999999_00000000_000000000003`,
      old: `restore_point_proof_${past}_999999_00000000_000000000004`,
    };
    const names = new ProofDatabases(folder.file('state/restore-point'), silentLogger);
    for (const name of [others.running, others.elsewhere, others.old]) await names.add(name);
    for (const name of Object.values(others)) await onServer(`CREATE DATABASE ${name}`);
    try {
      const done = await run('prove', file, database.url);
      assert.equal(done.code, 0, done.stdout + done.stderr);
      assert.deepEqual((await found()).sort(), [others.unrecorded, others.running, others.elsewhere].sort());
    } finally {
      for (const name of Object.values(others)) await onServer(`DROP DATABASE IF EXISTS ${name}`);
    }
  });
});
