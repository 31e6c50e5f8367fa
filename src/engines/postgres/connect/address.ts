import { userInfo } from 'node:os';
import { type DatabaseAddress, type SslMode, sslModes } from '../../../core/connections.ts';
import { RestorePointError } from '../../../core/errors.ts';

/** An address with everything filled in that was left out. */
export interface ResolvedAddress {
  /** A folder (it begins with `/`) is that of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly ssl: SslMode;
  readonly sslRootCert?: string;
  /**
   * The user's own words allow a connection on which others could read the password, or answer in the server's place.
   * Settings of a workspace do not.
   */
  readonly maySendPasswordsOpenly: boolean;
}

/** Parameters that other programs write into URLs and that change nothing about what is read or written here. */
const ignoredParameters = new Set([
  'application_name',
  'channel_binding',
  'connect_timeout',
  'connection_limit',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'pgbouncer',
  'pool_timeout',
  'schema',
  'target_session_attrs',
]);

/** Parameters of libpq that mean nothing here: the only ones that an error repeats, others may be a piece of a password. */
const unsupportedParameters = new Set([
  ...['hostaddr', 'load_balance_hosts', 'options', 'passfile', 'replication', 'requirepeer', 'require_auth'],
  ...[
    'krbsrvname',
    'gsslib',
    'gssdelegation',
    'service',
    'servicefile',
    'client_encoding',
    'tcp_user_timeout',
  ],
  ...['sslcert', 'sslkey', 'sslpassword', 'sslcertmode', 'sslcrl', 'sslcrldir', 'sslsni', 'sslnegotiation'],
  ...['sslcompression', 'ssl_min_protocol_version', 'ssl_max_protocol_version', 'requiressl', 'ssl'],
]);

/** Modes of other programs, as the nearest one that is not weaker than what they do. */
const foreignSslModes: Readonly<Record<string, SslMode>> = { allow: 'prefer', 'no-verify': 'require' };

/** Reads `postgres://` and `postgresql://` URLs as libpq has them. See `Engine.parseUrl`. */
export function parseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined {
  if (!/^postgres(ql)?:/i.test(text)) return undefined;
  const parts = /^\w+:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text);
  if (!parts) throw wrongUrl('it does not have the form postgres://user@host:port/database');
  const [, credentials = '', authority = '', path = '', query = ''] = parts;
  // A password with one of these signs in it is cut there, and its rest would be taken for a name and repeated.
  if (authority.includes('@') || path.includes('@')) {
    throw wrongUrl('an @ or a / in its user or password is not written as %40 or %2F');
  }
  const values = new Map<string, string>();
  const set = (key: string, value: string): void => void (value !== '' && values.set(key, decode(value)));
  const colon = credentials.indexOf(':');
  set('user', colon < 0 ? credentials : credentials.slice(0, colon));
  if (colon >= 0) set('password', credentials.slice(colon + 1));
  const { host, port } = splitHost(authority);
  set('host', host);
  set('port', port);
  set('dbname', path);
  for (const [key, value] of queryParameters(query)) {
    if (!ignoredParameters.has(key)) values.set(key, value);
  }
  return fromParameters(values);
}

/** For people, without a secret: `localhost:5432/shop`. */
export function describe(address: DatabaseAddress): string {
  const { host, port, database } = withDefaults(address);
  const shown = host.includes(':') ? `[${host}]` : host;
  return `${shown}:${port}/${database}`;
}

/** Fills in what was left out, from the environment as libpq does. Throws `usage` for a setting that is wrong. */
export function resolveAddress(address: DatabaseAddress): ResolvedAddress {
  const resolved = withDefaults(address);
  const sslRootCert = address.sslRootCert ?? environment('PGSSLROOTCERT');
  const ownSsl = (address.ofWorkspace ? undefined : address.ssl) ?? environmentSslMode();
  const ssl = address.ssl ?? ownSsl ?? (isThisMachine(resolved.host) ? 'disable' : 'verify-full');
  return {
    ...resolved,
    ssl,
    maySendPasswordsOpenly:
      isThisMachine(resolved.host) ||
      (ownSsl !== undefined && sslModes.indexOf(ssl) >= sslModes.indexOf(ownSsl)),
    ...(sslRootCert === undefined ? {} : { sslRootCert }),
  };
}

/** Whether a host name means this machine, so that nobody between the two ends could listen. */
export function isThisMachine(host: string): boolean {
  return isSocket(host) || /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host);
}

/** A host that begins with a slash is the folder of a Unix socket, where TLS has no place. */
export function isSocket(host: string): boolean {
  return host.startsWith('/');
}

function withDefaults(
  address: DatabaseAddress,
): Pick<ResolvedAddress, 'host' | 'port' | 'database' | 'user'> {
  const user = address.user ?? environment('PGUSER') ?? userInfo().username;
  const host = address.host ?? environment('PGHOST') ?? 'localhost';
  const port = address.port ?? parsePort(environment('PGPORT') ?? '5432', 'PGPORT');
  return { host, port, user, database: address.database ?? environment('PGDATABASE') ?? user };
}

function environment(name: string): string | undefined {
  return process.env[name] || undefined;
}

function environmentSslMode(): SslMode | undefined {
  const text = environment('PGSSLMODE');
  return text === undefined ? undefined : parseSslMode(text);
}

function splitHost(authority: string): { host: string; port: string } {
  const parts = /^(?:\[([^\]]*)\]|([^:,]*))(?::([^:,]*))?$/.exec(authority);
  if (!parts) {
    throw wrongUrl(
      authority.includes(',')
        ? 'it names several hosts, so a restore would not know which one to write to'
        : 'its host and port cannot be read (write an IPv6 address in [brackets])',
    );
  }
  return { host: parts[1] ?? parts[2] ?? '', port: parts[3] ?? '' };
}

function queryParameters(query: string): [string, string][] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 0) throw wrongUrl('one of its parameters has no value');
      return [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    });
}

function fromParameters(values: Map<string, string>): { address: DatabaseAddress; password?: string } {
  const take = (key: string): string | undefined => {
    const value = values.get(key);
    values.delete(key);
    return value || undefined;
  };
  const password = take('password');
  const port = take('port');
  const ssl = take('sslmode');
  const address: Record<string, string | number | undefined> = {
    host: take('host'),
    port: port === undefined ? undefined : parseUrlPort(port),
    database: take('dbname'),
    user: take('user'),
    ssl: ssl === undefined ? undefined : parseSslMode(ssl),
    sslRootCert: take('sslrootcert'),
  };
  const [unknown] = values.keys();
  if (unknown !== undefined) {
    const named = unsupportedParameters.has(unknown) ? `its parameter ${unknown}` : 'one of its parameters';
    throw wrongUrl(`${named} is not supported`);
  }
  const given = Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
  return { address: { engine: 'postgres', ...given }, ...(password === undefined ? {} : { password }) };
}

function parsePort(text: string, what: string): number {
  const port = portOf(text);
  if (port !== undefined) return port;
  throw new RestorePointError('usage', `${what} is not a number from 1 to 65535: ${text}`);
}

/** The port in a URL may really be the password, cut at a character that is not percent-encoded. */
function parseUrlPort(text: string): number {
  const port = portOf(text);
  if (port !== undefined) return port;
  throw wrongUrl(
    'its port is not a number from 1 to 65535, or its password contains a character that is not percent-encoded',
  );
}

function portOf(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}

function parseSslMode(text: string): SslMode {
  const mode = foreignSslModes[text] ?? sslModes.find((known) => known === text);
  if (mode) return mode;
  throw new RestorePointError('usage', `Unknown sslmode ${text}`, {
    next: `Use one of ${sslModes.join(', ')}.`,
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrongUrl('a percent sign in it is not followed by two hexadecimal digits');
  }
}

/** Never with the URL itself: it may hold a password. */
function wrongUrl(reason: string): RestorePointError {
  return new RestorePointError('usage', `This PostgreSQL URL cannot be used: ${reason}`, {
    next: 'Write postgres://user@host:port/database?sslmode=verify-full, with %40 for @ and %2F for / inside a part.',
  });
}
