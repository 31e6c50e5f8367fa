import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import knex, { type Knex } from 'knex';
import type pg from 'pg';
import { madeWith, readIdentity } from './databaseIdentity.ts';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import { isSocket, isThisMachine, type ResolvedAddress } from './address.ts';
import { describeConnectError } from './connectionErrors.ts';
import { DirectSocket } from './directSocket.ts';
import { hasState } from './errors.ts';
import { CarefulClient } from './passwordRequests.ts';
import { passwordFromFile } from './pgpass.ts';
import type { ServerTraits } from './settings.ts';
import { tlsOptions, type TlsOptions } from './tls.ts';

const connectSeconds = 10;
const closeMilliseconds = 400;

export interface ServerInfo extends ServerTraits {
  /** For people: `PostgreSQL 18.4`. */
  readonly label: string;
  readonly database: string;
  /** See `DatabaseInfo`. */
  readonly identity?: string;
  readonly madeWith: Readonly<Record<string, string>>;
}

/** A driver's connection as the pool hands it out. */
export type PooledClient = pg.Client & {
  /** Knex takes a connection with this mark out of the pool. */
  __knex__disposed?: unknown;
  /** The driver's own, which it does not declare: the socket, to break it off when nothing else helps. */
  readonly connection: { readonly stream: { destroy(): void } };
};

/** A database on a server: a small pool of connections to it, and what the server is. */
export class Database {
  readonly knex: Knex;
  readonly server: ServerInfo;
  readonly logger: Logger;
  readonly #address: ResolvedAddress;
  readonly #sockets: Set<Socket>;

  private constructor(
    pool: Knex,
    server: ServerInfo,
    {
      address,
      logger,
      sockets,
    }: { readonly address: ResolvedAddress; readonly logger: Logger; readonly sockets: Set<Socket> },
  ) {
    this.knex = pool;
    this.server = server;
    this.logger = logger;
    this.#address = address;
    this.#sockets = sockets;
  }

  /** Throws `connection` with the reason in words. */
  static async open(
    address: ResolvedAddress,
    options: { readonly password?: string; readonly logger: Logger },
  ): Promise<Database> {
    const { logger } = options;
    const password =
      options.password ?? process.env['PGPASSWORD'] ?? (await passwordFromFile(address, logger));
    const sockets = new Set<Socket>();
    const attempts: TlsOptions[] = [await tlsOptions(address)];
    // `prefer`: whatever goes wrong with TLS, the same is tried without.
    if (address.ssl === 'prefer' && !isSocket(address.host)) attempts.push(false);
    for (const [index, ssl] of attempts.entries()) {
      const pool = createPool({ address, ssl, password, logger, sockets });
      try {
        const server = await readServer(pool);
        warnOfOpenNetwork(address, ssl, logger);
        return new Database(pool, server, { address, logger, sockets });
      } catch (error) {
        await pool.destroy();
        destroyAll(sockets);
        const last = index === attempts.length - 1 || !mayWorkWithoutTls(error);
        if (last) throw describeConnectError(error, address);
      }
    }
    throw new RestorePointError('connection', 'The connection could not be opened');
  }

  /** Throws `connection`, as `open` does. */
  async acquire(): Promise<PooledClient> {
    try {
      return await ownerOf(this.knex).acquireConnection();
    } catch (error) {
      throw describeConnectError(error, this.#address);
    }
  }

  /** Gives a connection back. With `broken`, it is closed instead of lent again. */
  release(client: PooledClient, broken?: string): Promise<void> {
    return giveBack(this.knex, client, broken);
  }

  /** Runs one query by itself on a connection of its own, under an empty search path. It leaves nothing to be committed. */
  once<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return onConnection(this.knex, async (client) => {
      await client.query(`BEGIN; SET LOCAL search_path = ''`);
      const { rows } = await client.query<Row>(sql, values);
      await client.query('ROLLBACK');
      return rows;
    });
  }

  /** Asks the server to give up what another session of ours is doing. */
  async cancel(processId: number): Promise<void> {
    await this.once('SELECT pg_catalog.pg_cancel_backend($1)', [processId]);
  }

  /** Never throws. */
  async close(): Promise<void> {
    const closing = this.knex.destroy().catch((error: unknown) => {
      this.logger.error('A connection could not be closed', error);
    });
    // Closing the sockets immediately avoids the wait for the time-out.
    await Promise.race([closing, delay(closeMilliseconds, undefined, { ref: false })]);
    // A connection attempt to a server that does not answer would only end with its own time-out.
    destroyAll(this.#sockets);
  }
}

interface PoolOwner {
  acquireConnection(): Promise<PooledClient>;
  releaseConnection(connection: PooledClient): Promise<void>;
}

interface DriverOwner {
  driver: { readonly Client: typeof pg.Client };
}

function ownerOf(pool: Knex): PoolOwner {
  return pool.client as PoolOwner;
}

async function giveBack(pool: Knex, client: PooledClient, broken: string | undefined): Promise<void> {
  if (broken !== undefined) {
    client.__knex__disposed ??= broken;
    // The pool would only throw it away when it is wanted again; until then its transaction would stay open.
    client.connection.stream.destroy();
  }
  await ownerOf(pool).releaseConnection(client);
}

async function onConnection<Result>(
  pool: Knex,
  work: (client: PooledClient) => Promise<Result>,
): Promise<Result> {
  const client = await ownerOf(pool).acquireConnection();
  let broken: string | undefined;
  try {
    return await work(client);
  } catch (error) {
    broken = messageOf(error);
    throw error;
  } finally {
    await giveBack(pool, client, broken);
  }
}

/** Warns about what others on the network could do with the chosen TLS mode. */
function warnOfOpenNetwork(address: ResolvedAddress, ssl: TlsOptions, logger: Logger): void {
  if (isThisMachine(address.host)) return;
  if (!ssl) {
    logger.warn(
      `The connection to ${address.host} is not encrypted (sslmode ${address.ssl}): others on the network can read and change it`,
    );
  } else if (ssl.rejectUnauthorized === false) {
    logger.warn(
      `The connection to ${address.host} is encrypted, but the server is not verified (sslmode ${address.ssl})`,
    );
  }
}

/** The driver leaves the socket open when it gives up in the middle of a handshake, as without a password. */
function destroyAll(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) socket.destroy();
}

interface PoolSettings {
  readonly address: ResolvedAddress;
  readonly ssl: TlsOptions;
  readonly password: string | undefined;
  readonly logger: Logger;
  /** The open sockets. */
  readonly sockets: Set<Socket>;
}

function createPool({ address, ssl, password, logger, sockets }: PoolSettings): Knex {
  const verified = ssl !== false && ssl.rejectUnauthorized !== false;
  const pool = knex({
    client: 'pg',
    // Knex asks for it otherwise, and forgets to close a connection that fails to answer.
    version: '14',
    connection: {
      host: address.host,
      port: address.port,
      user: address.user,
      database: address.database,
      ssl,
      stream: () => {
        const socket = new DirectSocket();
        sockets.add(socket);
        return socket.once('close', () => sockets.delete(socket));
      },
      // A function: the driver would look in the environment and in the password file by itself, its own way.
      password: () => password as string,
      application_name: 'Restore Point',
      connectionTimeoutMillis: connectSeconds * 1000,
      keepAlive: true,
      // A network that is gone is noticed in half a minute and not in hours.
      keepAliveInitialDelayMillis: 10_000,
      // The driver's parsers lose digits; every value stays the text that the server sent.
      types: { getTypeParser: () => (value: unknown) => value },
    } as Knex.PgConnectionConfig,
    // The work; who holds a lock, and cancelling; what became of a transaction.
    pool: { min: 0, max: 5, idleTimeoutMillis: 60_000 },
    acquireConnectionTimeout: (connectSeconds + 5) * 1000,
    log: {
      debug: (message: unknown) => logger.debug(String(message)),
      warn: (message: unknown) => logger.debug(String(message)),
      deprecate: (message: unknown) => logger.debug(String(message)),
      error: (message: unknown) => logger.warn(String(message)),
    },
  });
  if (!verified && !address.maySendPasswordsOpenly)
    (pool.client as DriverOwner).driver = { Client: CarefulClient };
  return pool;
}

async function readServer(pool: Knex): Promise<ServerInfo> {
  interface Row {
    version: string;
    number: string;
    encoding: string;
    database: string;
    settings: string;
  }
  const row = await onConnection(pool, async (client) => {
    const { rows } = await client.query<Row>(
      `SELECT pg_catalog.version() AS version,
              pg_catalog.current_setting('server_version_num') AS number,
              pg_catalog.current_setting('server_encoding') AS encoding,
              pg_catalog.current_database() AS database,
              (SELECT pg_catalog.to_json(d)::pg_catalog.text FROM pg_catalog.pg_database d
                WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS settings`,
    );
    return { ...rows[0]!, identity: await readIdentity(client) };
  });
  const label = /^\S+ [\d.]+\w*/.exec(row.version)?.[0] ?? row.version;
  const version = Number(row.number);
  if (version < 140_000) {
    throw new RestorePointError('connection', `${label} is too old for Restore Point`, {
      next: 'Restore Point needs PostgreSQL 14 or later.',
    });
  }
  const { encoding, database, identity, settings } = row;
  return {
    ...{ label, version, encoding, database, linux: row.version.includes('linux') },
    ...(identity === undefined ? {} : { identity }),
    madeWith: madeWith(encoding, settings),
  };
}

function mayWorkWithoutTls(error: unknown): boolean {
  if (RestorePointError.is(error)) return false;
  if (hasState(error, '28000')) return true;
  const { code } = error as NodeJS.ErrnoException;
  return /SSL|TLS|EPROTO|ECONNRESET/.test(`${code ?? ''} ${messageOf(error)}`);
}
