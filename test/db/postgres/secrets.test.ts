import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { inspect } from 'node:util';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { describeError } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { startBreakingProxy } from '../../support/breakingProxy.ts';
import { selfSignedCertificate, writeServerKey } from '../../support/certificates.ts';
import { runCli, startCli } from '../../support/cli.ts';
import { runsAll } from '../../support/sample.ts';
import { freePort } from '../../support/freePort.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { openClient, usePostgres } from '../../support/postgresRestores.ts';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import { argumentsOf } from '../../support/secretSearch.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';
import { type Case, failAll, makeSecret, stopWhenBackingUp, Watched } from '../../support/watchedRuns.ts';
import { runSql } from '../everything/postgresRoundTrip.ts';

describe('postgres: secrets in runs that fail', function () {
  this.timeout(180_000);
  const postgres = usePostgres();
  const password = makeSecret();
  const wrong = makeSecret();
  const role = `secretive_${process.pid}`;
  let watched: Watched;
  let database: TestDatabase;
  let base: { host: string; port: number; name: string };

  beforeEach(async () => {
    database = await postgres.create(`
      CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two');
      CREATE TABLE locked (id integer); CREATE TABLE denied (id integer);
      GRANT SELECT, INSERT ON t, locked TO ${role}`);
    const url = new URL(database.url);
    base = { host: url.hostname, port: Number(url.port), name: url.pathname.slice(1) };
    const home = postgres.file('watched');
    watched = new Watched(home, { password, wrong }, [path.join(home, 'pgpass')]);
  });
  before(async () => {
    const { url } = await postgresForTests();
    await runSql(url, `CREATE ROLE ${role} LOGIN PASSWORD '${password.replaceAll("'", "''")}'`);
  });
  // When the databases are gone nothing depends on it.
  after(async () => runSql((await postgresForTests()).url, `DROP ROLE ${role}`));

  interface Target {
    readonly host?: string;
    readonly port?: number;
    readonly name?: string;
    readonly query?: string;
  }

  const urlOf = (target: Target = {}, secret?: string): string => {
    const { host, port, name, query = '' } = { ...base, ...target };
    const credentials = secret === undefined ? role : `${role}:${encodeURIComponent(secret)}`;
    return `postgres://${credentials}@${host}:${port}/${name}${query}`;
  };

  /** The same run with the password in the environment and in the URL. */
  const bothWays = (
    target: Target,
    secret: string,
    rest: readonly string[],
    expected: Pick<Case, 'code' | 'says' | 'onStderr'>,
    words: (url: string) => string[] = (url) => ['backup', url],
  ): Case[] => [
    { args: [...words(urlOf(target)), ...rest], env: { PGPASSWORD: secret }, ...expected },
    { args: [...words(urlOf(target, secret)), ...rest], inArguments: true, ...expected },
  ];

  it('are told nowhere when a connection cannot be made', async () => {
    const nobody = await freePort();
    await failAll(watched, 'PostgreSQL, no connection', [
      ...bothWays({}, wrong, [], { code: 1, says: /password for secretive_\d+ is wrong/ }),
      ...bothWays({ port: nobody }, password, [], { code: 1, says: /Nothing is listening/ }),
      ...bothWays({ host: 'no-such-host.invalid', query: '?sslmode=disable' }, password, [], {
        code: 1,
        says: /does not exist|could not be looked up/,
      }),
      ...bothWays({ name: 'none' }, password, [], { code: 1, says: /The database none does not exist/ }),
      ...bothWays({ query: '?sslmode=require' }, password, [], { code: 1, says: /does not support TLS/ }),
    ]);
    watched.search(0);
  });

  it('are told nowhere when the work fails', async () => {
    const file = path.join(watched.home, 'work', 'whole.dbbackup');
    const first = await runCli(['backup', urlOf(), '--tables', 't', '--out', file], {
      env: { PGPASSWORD: password },
    });
    assert.equal(first.code, 0, first.stderr);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    const damaged = path.join(watched.home, 'work', 'damaged.dbbackup');
    writeFileSync(damaged, bytes);
    const proxy = await startBreakingProxy(base.port, 'COPY ', false);
    const locking = await openClient(database);
    await locking.query('BEGIN; LOCK TABLE locked');
    const restoring = (url: string): string[] => ['restore', file, url, '--yes'];
    try {
      await failAll(watched, 'PostgreSQL, failing work', [
        ...bothWays({}, password, ['--tables', 't', '--where', 't: 1 / (id - 1) = 1'], {
          code: 1,
          says: /division by zero/,
        }),
        ...bothWays({}, password, ['--tables', 'denied'], { code: 1, says: /denied/ }),
        ...bothWays({}, password, ['--tables', 'none'], { code: 2, says: /no table named none/ }),
        ...bothWays({}, password, ['--tables', 't', '--out', file], { code: 2, says: /never overwrites/ }),
        ...bothWays({ port: proxy.port }, password, ['--tables', 't'], { code: 1, says: /connection/i }),
        ...bothWays({}, password, ['--tables', 'locked'], {
          code: 130,
          says: /Cancelled/,
          onStderr: stopWhenBackingUp,
        }),
        // The role may add rows and not remove any.
        ...bothWays({}, password, [], { code: 1, says: /./ }, restoring),
        ...bothWays({}, wrong, [], { code: 1, says: /is wrong/ }, restoring),
        ...bothWays({}, password, [], { code: 3, says: /damaged\.dbbackup/ }, (url) => [
          'restore',
          damaged,
          url,
          '--yes',
        ]),
      ]);
      assert.ok(proxy.broken() > 0, 'the proxy broke no connection');
    } finally {
      await locking.end();
      await proxy.close();
    }
    watched.search(2);
  });

  it('are told nowhere when they come from a password file or the settings', async () => {
    const passwordFile = path.join(watched.home, 'pgpass');
    writeFileSync(passwordFile, `*:*:*:${role}:${wrong.replace(/[\\:]/g, '\\$&')}\n`);
    chmodSync(passwordFile, 0o600);
    const settings = path.join(watched.home, 'work', '.vscode', 'settings.json');
    mkdirSync(path.dirname(settings));
    const { host, port, name } = base;
    writeFileSync(
      settings,
      JSON.stringify({
        'restorePoint.connections': [
          { id: 'env', engine: 'postgres', host, port, database: name, user: role, passwordEnv: 'DB_SECRET' },
          { id: 'url', url: '${env:DB_URL}' },
        ],
      }),
    );
    const wrongPassword = { code: 1, says: /password for secretive_\d+ is wrong/ };
    const failing = { code: 1, says: /division by zero/ };
    const where = ['--tables', 't', '--where', 't: 1 / (id - 1) = 1'];
    await failAll(watched, 'PostgreSQL, password file and settings', [
      { args: ['backup', urlOf()], env: { PGPASSFILE: passwordFile }, ...wrongPassword },
      { args: ['backup', 'env', '--trust-settings'], env: { DB_SECRET: wrong }, ...wrongPassword },
      { args: ['backup', 'url', '--trust-settings'], env: { DB_URL: urlOf({}, wrong) }, ...wrongPassword },
      { args: ['backup', 'env', '--trust-settings', ...where], env: { DB_SECRET: password }, ...failing },
      {
        args: ['backup', 'url', '--trust-settings', ...where],
        env: { DB_URL: urlOf({}, password) },
        ...failing,
      },
      {
        args: ['backup', 'url', '--trust-settings'],
        env: { DB_URL: `postgres://u:${password}@h/d` },
        code: 2,
        says: /URL cannot be used/,
      },
      {
        args: ['backup', 'url', '--trust-settings'],
        env: { DB_URL: `postgress://u:${password}@h/d` },
        code: 2,
        says: /Unsupported database URL/,
      },
      { args: ['backup', 'env', '--trust-settings'], code: 2, says: /no variable DB_SECRET/ },
    ]);
    chmodSync(passwordFile, 0o644);
    await watched.fail(
      {
        args: ['backup', urlOf()],
        env: { PGPASSFILE: passwordFile },
        code: 1,
        says: /is ignored: others can read it/,
      },
      { json: false, starts: runsAll },
    );
    watched.search(1);
  });

  it('are told nowhere when a URL or an argument is wrong', async () => {
    const { host, port, name } = base;
    const at = `${host}:${port}/${name}`;
    const encoded = encodeURIComponent(password);
    const words: [string[], number?][] = [
      [['backup', `postgres://${role}:${password}@${at}`]],
      [['backup', `postgres://${role}:${password.replaceAll('#', '')}@${at}`]],
      [['backup', `postgres://${role}:${password.replaceAll(/[#?]/g, '')}@${at}`]],
      [['backup', `postgres://${role}:${password.replaceAll(/[#?%]/g, '')}@${at}`]],
      [['backup', `postgres://${role}:${password.replaceAll(/[#?%/]/g, '')}@${at}`]],
      [['backup', `postgres://${role}@${at}?password=${password.replaceAll(/[#%]/g, '')}`]],
      [['backup', `postgres://${at}?user=${role}&password=${encoded}&unknown=1`]],
      [['backup', `postgres://${role}:${encoded}%zz@${at}`]],
      [['backup', `postgress://${role}:${encoded}@${at}`]],
      [['backup', `postgres:/${role}:${password}@${at}`]],
      [['backup', `${role}:${password}@${at}`]],
      [['backup', `mysql://${role}:${encoded}@${at}`]],
      [['backup', 'sqlite:x.db', `postgres://${role}:${encoded}@${at}`]],
      [[`postgres://${role}:${encoded}@${at}`, 'backup']],
      [['restore', `postgres://${role}:${encoded}@${at}`, 'x.dbbackup', '--yes']],
      [['restore', `postgres://${role}:${encoded}@${at}`, urlOf(), '--yes']],
      [['verify', `postgres://${role}:${encoded}@${at}`]],
      [['inspect', `postgres://${role}:${encoded}@${at}`]],
      [['backup', urlOf(), '--out', `postgres://${role}:${encoded}@${at}`]],
      [['backup', urlOf(), `--password=${password}`]],
      [['backup', urlOf(), '--encrypt', '--passphrase-file', password]],
      [['backup', urlOf(), '--recipient', password]],
      [['backup', urlOf(), '--recipients-file', password]],
      [['backup', urlOf(), '--compression', `postgres://${role}:${encoded}@${at}`]],
      [['backup', urlOf(), '--tables', `postgres://${role}:${encoded}@${at}`]],
    ];
    await failAll(
      watched,
      'PostgreSQL, wrong URLs and arguments',
      words.map(([args]) => ({ args, code: 2, says: /^restore-point: /m, inArguments: true })),
    );
    watched.search(0);
  });

  it('cannot be seen among the arguments once the program runs', async () => {
    // Elsewhere other users do not see them, or there is no /proc to look at them.
    if (process.platform !== 'linux') return;
    const locking = await openClient(database);
    await locking.query('BEGIN; LOCK TABLE locked');
    let processId = 0;
    let seen: string[] = [];
    const run = await startCli(['backup', urlOf({}, password), '--tables', 'locked', '--verbose'], {
      cwd: path.join(watched.home, 'work'),
      onStart: (id) => (processId = id),
      onStderr: (text, kill) => {
        if (!text.includes('Backing up')) return;
        seen = argumentsOf(processId);
        kill('SIGINT');
      },
    });
    await locking.end();
    assert.equal(run.code, 130, run.stderr);
    assert.deepEqual(
      seen.map((words) => words.replaceAll('\0', '')),
      ['restore-point'],
    );
  });

  it('stand in no error and no log of the core', async () => {
    const lines: string[] = [];
    const keep = (message: string, error?: unknown): void =>
      void lines.push(message, inspect(error, { depth: 12 }));
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
    const engine = engineById('postgres');
    const attempts: [Target, string, (typeof work)[number]][] = [];
    const work = [
      undefined,
      { tables: [{ name: 'denied' }] },
      { where: [{ table: { name: 't' }, condition: '1/(id-1)=1' }], tables: [{ name: 't' }] },
    ];
    attempts.push([{}, wrong, undefined], [{ port: await freePort() }, password, undefined]);
    attempts.push(
      [{ name: 'none' }, password, undefined],
      [{ query: '?sslmode=require' }, password, undefined],
    );
    attempts.push([{}, password, work[1]], [{}, password, work[2]]);
    await countingTried('failing runs searched for secrets', 'PostgreSQL, the core', async (count) => {
      for (const [target, secret, selection] of attempts) {
        count();
        const { address, password: given } = engine.parseUrl(urlOf(target, secret))!;
        const options = { readOnly: true, logger, ...(given === undefined ? {} : { password: given }) };
        const error: unknown = await (async () => {
          const session = await engine.connect(address, options);
          try {
            const file = path.join(watched.home, 'work', 'core.dbbackup');
            return await takeBackup(session, { file, logger, ...(selection ? { selection } : {}) });
          } finally {
            await session.close();
          }
        })().then(
          () => assert.fail('it did not fail'),
          (thrown: unknown) => thrown,
        );
        lines.push(describeError(error), inspect(error, { depth: 12, showHidden: true }));
      }
    });
    assert.ok(lines.length > 12, 'nothing was logged');
    watched.findIn('the errors and logs', lines.join('\n'));
    watched.search(0);
  });
});

describe('postgres: secrets where a server is not trusted, or is stopped', function () {
  this.timeout(180_000);
  const files = usePostgres();
  const password = makeSecret();
  let server: PostgresServer;

  beforeEach(async () => {
    const pair = selfSignedCertificate('localhost');
    // The folder of the test is not for others, and the server runs as one.
    chmodSync(path.dirname(files.file('x')), 0o755);
    writeFileSync(files.file('server.crt'), pair.certificate);
    writeServerKey(files.file('server.key'), pair.key);
    const binaries = process.env['POSTGRES_BINARIES'];
    server = await startPostgres({
      ...(binaries ? { binaries } : {}),
      settings: {
        ssl: 'on',
        ssl_cert_file: files.file('server.crt'),
        ssl_key_file: files.file('server.key'),
      },
    });
  });
  afterEach(() => server.stop());

  it('are told nowhere, also not in the log of the server', async () => {
    const watched = new Watched(files.file('watched'), { password }, []);
    const admin = await openClient({ url: server.url } as TestDatabase);
    await admin.query(`
      CREATE TABLE locked (id integer); CREATE ROLE other LOGIN; GRANT SELECT ON locked TO other;
      SET log_statement = 'none'; SET log_min_error_statement = 'panic'`);
    await admin.query(`ALTER ROLE other PASSWORD '${password.replaceAll("'", "''")}'`);
    await admin.query('BEGIN; LOCK TABLE locked');
    const env = { PGPASSWORD: password };
    const url = (host: string, query: string): string =>
      `postgres://other@${host}:${server.port}/postgres?${query}`;
    const trusted = `sslmode=verify-full&sslrootcert=${encodeURIComponent(files.file('server.crt'))}`;
    let stopping: Promise<void> | undefined;
    await failAll(watched, 'PostgreSQL, TLS and a server that is stopped', [
      {
        args: ['backup', url('localhost', 'sslmode=verify-full&sslrootcert=system')],
        env,
        code: 1,
        says: /not trusted/,
      },
      { args: ['backup', url('127.0.0.1', trusted)], env, code: 1, says: /for another name/ },
      {
        args: ['backup', url('localhost', trusted)],
        env,
        code: 1,
        says: /connection|shutdown|terminat/i,
        onStderr: (text) => {
          if (text.includes('Backing up')) stopping ??= server.stop();
        },
      },
    ]);
    assert.ok(stopping, 'the server was not stopped');
    await stopping;
    watched.findIn('the log of the server', server.log());
    watched.search(0);
  });
});
