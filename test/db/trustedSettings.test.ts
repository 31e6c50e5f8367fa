import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { cliCommand, type CliRun, runCli } from '../support/cli.ts';
import { postgresForTests } from '../support/postgresForTests.ts';
import type { PostgresServer } from '../support/postgresServer.ts';
import { runSqlite } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { runInTerminal } from '../support/terminal.ts';

const secret = 'AKIA-very-s3cret';

/** What a program that pretends to be a PostgreSQL server hears. */
interface Listener {
  readonly port: number;
  heard(): string;
  close(): Promise<void>;
}

/** Asks whoever comes for the password; 3: in the clear, 5: as MD5. */
async function listen(method: 3 | 5): Promise<Listener> {
  const sockets: Socket[] = [];
  let heard = '';
  const request = Buffer.from(
    method === 3 ? [0x52, 0, 0, 0, 8, 0, 0, 0, 3] : [0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4],
  );
  const server = createServer((socket) => {
    sockets.push(socket);
    let asked = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      // An SSLRequest, which it declines, is 8 bytes long.
      if (bytes.length === 8) return void socket.write('N');
      heard += bytes.toString('latin1');
      // Whoever has answered waits for nothing more.
      if (asked) return void socket.destroy();
      socket.write(request);
      asked = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('settings that come with a folder', () => {
  const folder = useTemporaryFolder();
  let listener: Listener;
  let server: PostgresServer;
  before(async () => {
    server = await postgresForTests();
  });
  beforeEach(async () => {
    listener = await listen(3);
    await mkdir(folder.file('repository/.vscode'), { recursive: true });
  });
  afterEach(() => listener.close());

  // This machine, by a name that does not say so.
  const elsewhere = '127.1';
  const env = (): Record<string, string> => ({
    XDG_STATE_HOME: folder.file('state'),
    AWS_SECRET: secret,
    GOOD_PASSWORD: server.password,
  });

  it('are refused where they are no file of settings, in a moment', async () => {
    const file = folder.file('repository/.vscode/settings.json');
    const run = (): Promise<CliRun> =>
      runCli(['backup', 'prod'], { cwd: folder.file('repository'), env: env() });
    await writeFile(file, '['.repeat(200_000));
    const deep = await run();
    assert.deepEqual([deep.code, /nested too deeply/.test(deep.stderr)], [2, true], deep.stderr);
    await rm(file);
    await symlink('/dev/zero', file);
    const device = await run();
    assert.deepEqual(
      [device.code, /The settings cannot be read/.test(device.stderr)],
      [2, true],
      device.stderr,
    );
  });

  async function settings(item: Readonly<Record<string, unknown>>, at = 'repository'): Promise<void> {
    const text = JSON.stringify({ 'restorePoint.connections': [{ id: 'prod', ...item }] });
    await writeFile(folder.file(`${at}/.vscode/settings.json`), text);
  }

  function run(
    args: readonly string[],
    more: Record<string, string> = {},
    at = 'repository',
  ): Promise<CliRun> {
    return runCli(args, { cwd: folder.file(at), env: { ...env(), ...more } });
  }

  function answer(typed: string, at = 'repository'): ReturnType<typeof runInTerminal> {
    const command = [...cliCommand, 'backup', 'prod', '--out', folder.file(`${Date.now()}.dbbackup`)];
    return runInTerminal(command, { typed: [typed], cwd: folder.file(at), env: env() });
  }

  function good(): Record<string, unknown> {
    const port = new URL(server.url).port;
    return {
      engine: 'postgres',
      host: '127.0.0.1',
      port: Number(port),
      database: 'postgres',
      user: 'postgres',
      passwordEnv: 'GOOD_PASSWORD',
    };
  }

  it('send nothing anywhere before the user has said yes', async () => {
    const attacks: Record<string, unknown>[] = [
      {
        engine: 'postgres',
        host: elsewhere,
        port: listener.port,
        user: 'u',
        database: 'd',
        ssl: 'disable',
        passwordEnv: 'AWS_SECRET',
      },
      {
        engine: 'postgres',
        host: 'localhost',
        port: listener.port,
        database: '${env:AWS_SECRET}',
        user: 'u',
      },
      {
        engine: 'postgres',
        host: 'localhost',
        port: listener.port,
        database: 'd',
        user: '${env:AWS_SECRET}',
      },
      { engine: 'postgres', host: '${env:AWS_SECRET}.example.invalid', user: 'u' },
      { url: `postgres://u@localhost:${listener.port}/\${env:AWS_SECRET}` },
      // A password of the user's own, which the environment has for another server.
      { engine: 'postgres', host: 'localhost', port: listener.port, user: 'u', database: 'd' },
    ];
    await run(['backup', `postgres://127.0.0.1:${new URL(server.url).port}/postgres`, '--out', 'a.dbbackup']);
    for (const item of attacks) {
      await settings(item);
      for (const args of [
        ['backup', 'prod'],
        ['restore', 'a.dbbackup', 'prod', '--yes', '--trust'],
      ]) {
        const { code, stdout, stderr } = await run(args, { PGPASSWORD: secret });
        assert.equal(code, 1, stderr);
        assert.match(stderr, /settings for the connection "prod" are not used.*No connection was made/);
        assert.match(stderr, /--trust-settings/);
        assert.doesNotMatch(stdout + stderr, new RegExp(secret));
      }
    }
    assert.equal(listener.heard(), '');
  });

  it('are asked about once, and shown as they are written', async () => {
    await settings({ ...good(), database: '${env:DATABASE}' });
    const no = await runInTerminal([...cliCommand, 'backup', 'prod'], {
      typed: ['n'],
      cwd: folder.file('repository'),
      env: { ...env(), DATABASE: secret },
    });
    assert.equal(no.code, 1, no.shown);
    assert.match(no.shown, /database: \$\{env:DATABASE\}/);
    assert.match(no.shown, /environment variables.*: DATABASE, GOOD_PASSWORD/);
    assert.doesNotMatch(no.shown, new RegExp(secret));
    const closed = await runInTerminal([...cliCommand, 'backup', 'prod'], {
      typed: [],
      cwd: folder.file('repository'),
      env: { ...env(), DATABASE: secret },
    });
    assert.equal(closed.code, 1, closed.shown);
    await settings(good());
    const yes = await answer('y');
    assert.equal(yes.code, 0, yes.shown);
    const again = await run(['backup', 'prod']);
    assert.equal(again.code, 0, again.stderr);
    const kept = await readFile(folder.file('state/restore-point/trusted-settings'), 'utf8');
    assert.match(kept, /^[0-9a-f]{64}\n$/);
  });

  it('are asked about again when anything of them changed, and in another folder', async () => {
    await settings(good());
    assert.equal((await answer('y')).code, 0);
    const changes: Record<string, unknown>[] = [
      ...[{ host: 'localhost' }, { port: listener.port }, { database: 'template1' }, { user: 'other' }],
      ...[{ ssl: 'prefer' }, { sslRootCert: 'ca.pem' }, { passwordEnv: 'AWS_SECRET' }],
      ...[{ database: '${env:PGDATABASE}' }, { encrypt: 'passphrase' }],
    ];
    for (const change of changes) {
      await settings({ ...good(), ...change });
      const { code, stderr } = await run(['backup', 'prod'], { PGDATABASE: 'postgres' });
      assert.equal(code, 1, JSON.stringify(change));
      assert.match(stderr, /are not used/, JSON.stringify(change));
    }
    await settings({ ...good(), name: 'Another name' });
    assert.equal((await run(['backup', 'prod'])).code, 0);
    await mkdir(folder.file('clone/.vscode'), { recursive: true });
    await settings(good(), 'clone');
    assert.match((await run(['backup', 'prod'], {}, 'clone')).stderr, /are not used/);
    assert.equal(listener.heard(), '');
  });

  it('are used without a question for a database file of the folder, and no other', async () => {
    runSqlite(folder.file('repository/shop.db'), 'CREATE TABLE t (a)');
    runSqlite(folder.file('private.db'), 'CREATE TABLE t (a)');
    await symlink(folder.file('private.db'), folder.file('repository/link.db'));
    await symlink(folder.path, folder.file('repository/up'));
    for (const [file, code] of [
      ['shop.db', 0],
      ['${workspaceFolder}/shop.db', 0],
      ['../private.db', 1],
      ['link.db', 1],
      ['up/private.db', 1],
      ['up/missing.db', 1],
      ['${env:DATABASE}', 1],
    ] as const) {
      await settings({ engine: 'sqlite', file });
      const { code: found, stderr } = await run(['backup', 'prod'], { DATABASE: 'shop.db' });
      assert.equal(found, code, `${file}: ${stderr}`);
    }
    assert.equal((await readdir(folder.file('repository/backups'))).length, 2);
  });

  for (const [method, name] of [
    [3, 'in the clear'],
    [5, 'as MD5'],
  ] as const) {
    it(`do not let a password out ${name} over a network that they leave open`, async () => {
      await listener.close();
      listener = await listen(method);
      const item = {
        engine: 'postgres',
        host: elsewhere,
        port: listener.port,
        user: 'u',
        database: 'd',
        passwordEnv: 'AWS_SECRET',
      };
      const sent = (): boolean => listener.heard().includes(method === 3 ? secret : 'p\0\0\0(md5');
      for (const ssl of ['disable', 'prefer']) {
        await settings({ ...item, ssl });
        const { code, stderr } = await run(['backup', 'prod', '--trust-settings']);
        assert.equal(code, 1);
        assert.match(stderr, /asks for the password itself.*The password was not sent.*PGSSLMODE/);
        assert.equal(sent(), false);
      }
      // Words of the user's own.
      const own: [string[], Record<string, string>][] = [
        [['backup', 'prod', '--trust-settings'], { PGSSLMODE: 'disable' }],
        [['backup', `postgres://u@${elsewhere}:${listener.port}/d?sslmode=disable`], { PGPASSWORD: secret }],
      ];
      await settings({ ...item, ssl: 'disable' });
      for (const [args, more] of own) {
        await listener.close();
        listener = await listen(method);
        await settings({ ...item, port: listener.port, ssl: 'disable' });
        const moved = args.map((word) => word.replace(/:\d+\/d/, `:${listener.port}/d`));
        await run(moved, { ...more, PGCONNECT_TIMEOUT: '1' });
        assert.equal(sent(), true, args.join(' '));
      }
    });
  }

  it('work with a server that wants no more than a proof of the password', async () => {
    await settings({ ...good(), host: elsewhere, ssl: 'disable' });
    const { code, stderr } = await run(['backup', 'prod', '--trust-settings']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /is not encrypted/);
  });
});
