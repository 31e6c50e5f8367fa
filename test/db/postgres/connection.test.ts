import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseAddress } from '../../../src/core/connections.ts';
import type { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { resolveAddress } from '../../../src/engines/postgres/connect/address.ts';
import { Database } from '../../../src/engines/postgres/connect/connection.ts';
import { postgresEngine } from '../../../src/engines/postgres/engine.ts';
import { Transaction } from '../../../src/engines/postgres/connect/transaction.ts';
import { selfSignedCertificate, writeServerKey } from '../../support/certificates.ts';
import { freePort } from '../../support/freePort.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { failure, openClient, usePostgres } from '../../support/postgresRestores.ts';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import { itInAll } from '../../support/sample.ts';

const secret = 'very s3cret';

/** Opens a session and closes it again. */
async function attempt(address: Partial<DatabaseAddress>, password?: string): Promise<void> {
  const session = await postgresEngine.connect(
    { engine: 'postgres', ...address },
    { readOnly: true, logger: silentLogger, ...(password === undefined ? {} : { password }) },
  );
  await session.close();
}

/** What it fails with; never a password in it. */
async function refusal(address: Partial<DatabaseAddress>, password = secret): Promise<RestorePointError> {
  const error = await failure(attempt(address, password));
  assert.equal(error.code, 'connection');
  assert.ok(error.details.next, error.message);
  assert.doesNotMatch(`${error.message} ${error.details.next}`, new RegExp(secret));
  return error;
}

describe('postgres: connecting', () => {
  const postgres = usePostgres();
  let server: PostgresServer;
  let address: DatabaseAddress;
  before(async () => {
    server = await postgresForTests();
    address = postgresEngine.parseUrl(server.url)!.address;
  });

  it('says in words why it cannot', async () => {
    const nobodyListens = await refusal({ ...address, port: await freePort() });
    assert.match(nobodyListens.message, /Nothing is listening at 127\.0\.0\.1:\d+/);
    const noHost = await refusal({ ...address, host: 'no-such-host.invalid', ssl: 'disable' });
    assert.match(noHost.message, /host no-such-host\.invalid does not exist|could not be looked up/);
    const noSocket = await refusal({ ...address, host: '/nowhere' });
    assert.match(noSocket.message, /no PostgreSQL socket in \/nowhere/);
    const wrongPassword = await refusal(address);
    assert.match(wrongPassword.message, /password for postgres is wrong/);
    const noDatabase = await refusal({ ...address, database: 'no such' }, server.password);
    assert.match(noDatabase.message, /The database no such does not exist on 127\.0\.0\.1/);
    const noTls = await refusal({ ...address, ssl: 'require' }, server.password);
    assert.match(noTls.message, /does not support TLS, but sslmode require requires it/);
  });

  it('says what is missing for a role', async () => {
    const database = await postgres.create();
    const name = new URL(database.url).pathname.slice(1);
    const role = `limited_${name}`;
    const as = { ...address, database: name, user: role };
    await database.run(`CREATE ROLE ${role} LOGIN PASSWORD '${secret}' CONNECTION LIMIT 0`);
    assert.match((await refusal(as)).message, /too many connections/);
    await database.run(`ALTER ROLE ${role} NOLOGIN CONNECTION LIMIT -1`);
    assert.match((await refusal(as)).message, /The server rejected limited_\w+/);
    await database.run(`ALTER ROLE ${role} LOGIN; REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
    assert.match((await refusal(as)).message, /may not connect to the database/);
    await database.run(`DROP ROLE ${role}`);
  });

  async function withListener(
    talk: (socket: Socket) => void,
    work: (port: number) => Promise<void>,
  ): Promise<void> {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      talk(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    try {
      await work((listener.address() as AddressInfo).port);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    }
  }

  it('says when something else answers', async () => {
    const web = (socket: Socket): void => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    for (const ssl of ['disable', 'require'] as const) {
      await withListener(web, async (port) => {
        assert.match((await refusal({ ...address, port, ssl })).message, /is not PostgreSQL/);
      });
    }
    await withListener(
      (socket) => socket.destroy(),
      async (port) => {
        assert.match((await refusal({ ...address, port })).message, /closed the connection/);
      },
    );
  });

  itInAll('says when nothing answers', () =>
    withListener(
      () => undefined,
      async (port) => {
        assert.match((await refusal({ ...address, port })).message, /did not answer in time/);
      },
    ),
  );

  it('takes the password from the environment or the password file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'restore-point-test-'));
    const kept = { PGPASSWORD: process.env['PGPASSWORD'], PGPASSFILE: process.env['PGPASSFILE'] };
    try {
      const file = join(folder, 'pgpass');
      writeFileSync(file, `127.0.0.1:${server.port}:*:postgres:${server.password}\n`);
      chmodSync(file, 0o600);
      process.env['PGPASSFILE'] = file;
      delete process.env['PGPASSWORD'];
      await attempt(address);
      process.env['PGPASSFILE'] = join(folder, 'none');
      const open = (): number =>
        process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
      const before = open();
      assert.match((await failure(attempt(address))).message, /requires a password for postgres/);
      // The server would wait for one for a minute, and a process that is done with it.
      for (let turn = 0; turn < 100 && open() > before; turn += 1) await sleep(10);
      assert.equal(open(), before);
      process.env['PGPASSWORD'] = server.password;
      await attempt(address);
    } finally {
      for (const [name, value] of Object.entries(kept)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      rmSync(folder, { recursive: true });
    }
  });

  it('tells what it is connected to, and writes nothing when it is only to read', async () => {
    const database = await postgres.create('CREATE TABLE t (id integer)');
    const session = await database.connect({ readOnly: true });
    assert.equal(session.info.engine, 'postgres');
    assert.match(session.info.serverVersion, /^PostgreSQL \d\d/);
    assert.equal(session.info.database, new URL(database.url).pathname.slice(1));
    assert.equal(session.target, `127.0.0.1:${server.port}/${session.info.database}`);
    const nothing = { plan: undefined, manifest: undefined, source: undefined } as never;
    assert.equal((await failure(session.beginRestore(nothing, { logger: silentLogger }))).code, 'usage');
    await session.close();
  });

  it('lists tables with what the server knows about them', async () => {
    const database = await postgres.create(`
      CREATE TABLE empty (id integer); CREATE TABLE full_ (id integer); INSERT INTO full_ SELECT generate_series(1, 1000);
      CREATE TABLE fresh (id integer) WITH (autovacuum_enabled = false); INSERT INTO fresh VALUES (1);
      CREATE TABLE parts (id integer) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts DEFAULT;
      CREATE TEMP TABLE mine (id integer); CREATE VIEW v AS SELECT 1 AS one;`);
    await database.run('ANALYZE full_');
    const other = await openClient(database);
    await other.query('BEGIN; CREATE TABLE hidden (); LOCK TABLE part');
    const session = await database.connect({ readOnly: true });
    const found = (await session.listTables()).map(({ name, rows, bytes }) => [
      name.name,
      rows,
      (bytes ?? 0) > 0,
    ]);
    assert.deepEqual(found, [
      ['empty', 0, false],
      ['fresh', undefined, true],
      ['full_', 1000, true],
      ['part', undefined, false],
      ['parts', undefined, false],
    ]);
    await other.end();
    const table = await session.describeTable({ schema: 'public', name: 'full_' });
    assert.deepEqual(table.columns, [{ name: 'id', type: 'integer', notNull: false }]);
    const missing = await failure(session.describeTable({ schema: 'public', name: 'none' }));
    assert.equal(missing.code, 'usage');
    const counts = await session.countRows([{ schema: 'public', name: 'full_' }], { logger: silentLogger });
    assert.deepEqual(counts, [1000]);
    await session.close();
  });

  it('leaves nothing of its settings to others, and no session behind', async () => {
    const database = await postgres.create('CREATE TABLE t (id integer)');
    const session = await database.connect();
    await session.listTables();
    const snapshot = await session.openSnapshot({ logger: silentLogger, whole: true });
    assert.equal(snapshot.schema.tables.length, 1);
    // A snapshot that nobody closed ends with the session.
    await session.close();
    const client = await openClient(database);
    const { rows } = await client.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'Restore Point'`,
    );
    await client.end();
    assert.deepEqual(rows, []);
  });
});

describe('postgres: connecting with TLS', () => {
  let folder: string;
  let server: PostgresServer;
  let address: DatabaseAddress;
  let certificate: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'restore-point-test-'));
    chmodSync(folder, 0o755);
    certificate = join(folder, 'server.crt');
    const pair = selfSignedCertificate('localhost');
    writeFileSync(certificate, pair.certificate);
    writeServerKey(join(folder, 'server.key'), pair.key);
    const binaries = process.env['POSTGRES_BINARIES'];
    server = await startPostgres({
      ...(binaries ? { binaries } : {}),
      settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: join(folder, 'server.key') },
    });
    address = { ...postgresEngine.parseUrl(server.url)!.address, host: 'localhost' };
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('checks who answers, by the certificate and its name', async () => {
    const trusting = { ...address, sslRootCert: certificate };
    await attempt({ ...trusting, ssl: 'verify-full' }, server.password);
    await attempt({ ...trusting, ssl: 'verify-ca', host: '127.0.0.1' }, server.password);
    const otherName = await refusal({ ...trusting, ssl: 'verify-full', host: '127.0.0.1' }, server.password);
    assert.match(otherName.message, /certificate .* is for another name/);
    for (const ssl of ['verify-ca', 'verify-full'] as const) {
      const unknown = await refusal({ ...address, ssl, sslRootCert: 'system' }, server.password);
      assert.match(unknown.message, /certificate .* is not trusted/);
      assert.match(unknown.details.next ?? '', /sslRootCert/);
    }
    const noFile = await failure(
      attempt({ ...address, ssl: 'verify-full', sslRootCert: join(folder, 'none') }, 'x'),
    );
    assert.equal(noFile.code, 'file');
  });

  for (const ssl of ['require', 'disable'] as const) {
    it(`reads rows as they are, and answers before and after them: ${ssl}`, async () => {
      const opened = await Database.open(resolveAddress({ ...address, ssl }), {
        password: server.password,
        logger: silentLogger,
      });
      const transaction = await Transaction.begin(opened, 'read');
      try {
        const numbers = (to: number): string =>
          `SELECT n, repeat('x', n % 100) FROM generate_series(1, ${to}) n`;
        for (const [rows, waits] of [
          [200_000, false],
          [3, false],
          [0, false],
          [50_000, true],
        ] as const) {
          const pieces: Buffer[] = [];
          await transaction.copyOut(`COPY (${numbers(rows)}) TO STDOUT`, (piece) => {
            pieces.push(Buffer.from(piece));
            return waits ? sleep(1) : undefined;
          });
          const expected = Array.from({ length: rows }, (_, index) => index + 1);
          assert.equal(
            Buffer.concat(pieces).toString(),
            expected.map((n) => `${n}\t${'x'.repeat(n % 100)}\n`).join(''),
          );
          assert.deepEqual(await transaction.rows('SELECT 7 AS n'), [{ n: 7 }]);
        }
      } finally {
        await transaction.close();
        await opened.close();
      }
    });
  }

  it('encrypts without checking when that is asked for', async () => {
    await attempt({ ...address, ssl: 'require' }, server.password);
    await attempt({ ...address, ssl: 'prefer' }, server.password);
    await attempt({ ...address, ssl: 'disable' }, server.password);
    // Who names authorities wants them to be asked.
    const stranger = join(folder, 'stranger.crt');
    writeFileSync(stranger, selfSignedCertificate('localhost').certificate);
    await attempt(
      { ...address, ssl: 'require', sslRootCert: certificate, host: '127.0.0.1' },
      server.password,
    );
    const refused = await refusal({ ...address, ssl: 'require', sslRootCert: stranger }, server.password);
    assert.match(refused.message, /certificate .* is not trusted/);
    const plain = await postgresForTests();
    const elsewhere = postgresEngine.parseUrl(plain.url)!.address;
    await attempt({ ...elsewhere, ssl: 'prefer' }, plain.password);
    // A wrong password is not tried again without TLS.
    assert.match((await refusal({ ...address, ssl: 'prefer' })).message, /password for postgres is wrong/);
  });

  it('warns where a mode leaves the network to others, but not on this machine', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const plain = await postgresForTests();
    // This machine, by a name that does not say so.
    const host = '127.1';
    const cases: [PostgresServer, Partial<DatabaseAddress>, RegExp[]][] = [
      [plain, { host, ssl: 'disable' }, [/to 127\.1 is not encrypted \(sslmode disable\)/]],
      [plain, { host, ssl: 'prefer' }, [/is not encrypted \(sslmode prefer\)/]],
      [server, { host, ssl: 'prefer' }, [/the server is not verified \(sslmode prefer\)/]],
      [server, { host, ssl: 'require' }, [/the server is not verified \(sslmode require\)/]],
      [server, { host, ssl: 'verify-ca', sslRootCert: certificate }, []],
      [server, { host, ssl: 'require', sslRootCert: certificate }, []],
      [plain, { host: '127.0.0.1' }, []],
    ];
    for (const [to, how, expected] of cases) {
      warnings.length = 0;
      const at = { ...postgresEngine.parseUrl(to.url)!.address, ...how };
      await (await postgresEngine.connect(at, { readOnly: true, logger, password: to.password })).close();
      assert.equal(warnings.length, expected.length, warnings.join());
      expected.forEach((text, index) => assert.match(warnings[index]!, text));
    }
    // Without a mode such a host is verified, and a server without TLS refused.
    const error = await failure(
      attempt({ ...postgresEngine.parseUrl(plain.url)!.address, host }, plain.password),
    );
    assert.match(error.message, /does not support TLS, but sslmode verify-full requires it/);
  });

  it('is encrypted then, to the last connection', async () => {
    const session = await postgresEngine.connect(
      { ...address, ssl: 'verify-full', sslRootCert: certificate },
      { readOnly: true, logger: silentLogger, password: server.password },
    );
    const snapshot = await session.openSnapshot({ logger: silentLogger, whole: true });
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      `SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'Restore Point'`,
    );
    assert.deepEqual(rows, [{ ssl: true }]);
    await client.end();
    await snapshot.close();
    await session.close();
  });
});
