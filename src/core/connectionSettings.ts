import * as path from 'node:path';
import { addressProperties, type ConnectionForm } from './connectionForm.ts';
import { sslModes, type DatabaseAddress, type SslMode } from './connections.ts';
import { messageOf, RestorePointError } from './errors.ts';
import type { EngineId } from './manifest.ts';

/** One item of the setting `restorePoint.connections`, read and checked. */
export interface ConnectionSettings {
  readonly id: string;
  /** For people; the id where the settings have none. */
  readonly name: string;
  readonly address: DatabaseAddress;
  /** The environment variable that holds the password. */
  readonly passwordEnv?: string;
  /** All environment variables that were read, or will be. */
  readonly variables: readonly string[];
  /** Came with a URL that an environment variable holds as a whole; never with one that is in the settings itself. */
  readonly password?: string;
  /** Its backups are encrypted, with a passphrase that is asked for or to these recipients. */
  readonly encrypt?: 'passphrase' | readonly string[];
  /** A file with identities that open backups which are encrypted to recipients. */
  readonly identityFile?: string;
  /** When it is backed up, as the settings write it: `parseSchedule` reads it. A wrong one affects nothing else. */
  readonly schedule?: unknown;
  /** How often its newest backup is proved, as the settings write it. */
  readonly prove?: string;
}

export interface ConnectionContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The value of `${workspaceFolder}` and the start of relative paths; undefined if no folder is open. */
  readonly workspaceFolder?: string;
  /** The settings are those of a workspace: see `DatabaseAddress.ofWorkspace`. */
  readonly ofWorkspace?: boolean;
  /** The engines that a connection can name. */
  readonly engines: readonly { readonly id: EngineId; readonly form: ConnectionForm }[];
  /** Reads a URL as some engine does: undefined when it is no engine's, throws `usage` when it is, and wrong. */
  parseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined;
}

/** The properties that an item can have. */
export const connectionProperties = [
  ...['id', 'name', 'engine', 'url'],
  ...addressProperties,
  ...['passwordEnv', 'encrypt', 'identityFile', 'schedule', 'prove'],
] as const;

/**
 * Reads one item of `restorePoint.connections`: `${workspaceFolder}` and `${env:NAME}` are replaced, a relative file
 * is found from the workspace folder. Throws `usage`, with the connection's id, for whatever is wrong with it, and for
 * a password: it belongs in the secret store or in an environment variable.
 */
export function parseConnectionSettings(item: unknown, context: ConnectionContext): ConnectionSettings {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw wrong('A connection in the settings is not an object');
  }
  const properties = item as Readonly<Record<string, unknown>>;
  const id = parseId(properties['id']);
  try {
    refuseUnknown(properties);
    const variables = new Set<string>();
    const read = reader(properties, noting(variables, context));
    const { address, password } =
      properties['url'] === undefined ? parseParts(read, context) : parseUrl(properties, read, context);
    const name = read.text('name');
    const passwordEnv = read.text('passwordEnv');
    if (passwordEnv !== undefined) variables.add(passwordEnv);
    const encrypt = parseEncrypt(properties['encrypt']);
    const identityFile = read.text('identityFile');
    const prove = read.oneOf('prove', ['never', 'daily', 'weekly', 'monthly']);
    return {
      id,
      name: name ?? id,
      address: { ...placeFiles(address, context), ...originOf(properties, context) },
      variables: [...variables].sort(),
      ...(passwordEnv === undefined ? {} : { passwordEnv }),
      ...(password === undefined ? {} : { password }),
      ...(encrypt === undefined ? {} : { encrypt }),
      ...(prove === undefined ? {} : { prove }),
      ...(properties['schedule'] === undefined ? {} : { schedule: properties['schedule'] }),
      ...(identityFile === undefined ? {} : { identityFile: placeFile(identityFile, context) }),
    };
  } catch (error) {
    const details = RestorePointError.is(error) ? error.details : {};
    throw new RestorePointError('usage', messageOf(error), {
      next: 'Correct it in the settings.',
      ...details,
      place: { setting: `restorePoint.connections "${id}"` },
    });
  }
}

/** A context that notes which environment variables are read. */
function noting(variables: Set<string>, context: ConnectionContext): ConnectionContext {
  const env = new Proxy(context.env, {
    get(target, name) {
      variables.add(String(name));
      return target[String(name)];
    },
  });
  return { ...context, env };
}

/** A URL that an environment variable holds as a whole is the user's own. */
function originOf(
  { url }: Readonly<Record<string, unknown>>,
  { ofWorkspace }: ConnectionContext,
): Pick<DatabaseAddress, 'ofWorkspace'> {
  return ofWorkspace && !isVariable(url) ? { ofWorkspace } : {};
}

function isVariable(url: unknown): boolean {
  return typeof url === 'string' && /^\s*\$\{env:[^}]+\}\s*$/.test(url);
}

/** Whether an id is allowed: it is used on command lines, where it must not look like a URL. */
export function isConnectionId(text: string): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(text);
}

function parseId(id: unknown): string {
  if (typeof id === 'string' && isConnectionId(id)) return id;
  throw wrong(
    id === undefined
      ? 'A connection in the settings has no id'
      : `${JSON.stringify(id)} cannot be the id of a connection: only letters, digits, ".", "_" and "-" are allowed`,
  );
}

function refuseUnknown(properties: Readonly<Record<string, unknown>>): void {
  if ('password' in properties) throw passwordRefused('Settings must not contain a password');
  const known: readonly string[] = connectionProperties;
  const unknown = Object.keys(properties).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`There is an unknown property "${unknown}"`);
}

function parseEncrypt(value: unknown): ConnectionSettings['encrypt'] {
  if (value === undefined || value === 'passphrase') return value;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const recipients = list.filter((text) => typeof text === 'string' && text.startsWith('age1')) as string[];
  if (recipients.length > 0 && recipients.length === list.length) return recipients;
  // A text that is not a public key could be a secret, and is not repeated.
  throw wrong('"encrypt" must be "passphrase" or a list of recipients, which start with age1');
}

interface Reader {
  text(name: string): string | undefined;
  port(): number | undefined;
  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined;
}

function reader(properties: Readonly<Record<string, unknown>>, context: ConnectionContext): Reader {
  const text = (name: string): string | undefined => {
    const value = properties[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value.trim() === '') throw wrong(`"${name}" must be a string`);
    return substitute(value, context);
  };
  return {
    text,
    port() {
      const port = properties['port'];
      if (port === undefined) return undefined;
      const number = typeof port === 'string' ? Number(text('port')) : port;
      if (typeof number === 'number' && Number.isInteger(number) && number > 0 && number < 65536)
        return number;
      throw wrong('"port" must be a number from 1 to 65535');
    },
    oneOf(name, values) {
      const value = text(name);
      if (value === undefined) return undefined;
      const found = values.find((known) => known === value);
      if (found === undefined) throw wrong(`"${name}" must be one of ${values.join(', ')}`);
      return found;
    },
  };
}

function parseParts(
  read: Reader,
  { engines }: ConnectionContext,
): { address: DatabaseAddress; password?: undefined } {
  const ids = engines.map(({ id }) => id);
  const engine = read.oneOf('engine', ids);
  if (engine === undefined) throw wrong(`"engine" is missing: ${ids.join(' or ')}`);
  const { form } = engines.find(({ id }) => id === engine)!;
  const port = read.port();
  const ssl = read.oneOf<SslMode>('ssl', sslModes);
  const texts = ['file', 'host', 'database', 'user', 'sslRootCert'] as const;
  const given = Object.fromEntries(
    texts.flatMap((name) => {
      const value = read.text(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const address: DatabaseAddress = { engine, ...given, ...(port ? { port } : {}), ...(ssl ? { ssl } : {}) };
  const foreign = addressProperties.find(
    (name) => address[name] !== undefined && !form.properties.includes(name),
  );
  if (foreign) throw wrong(`"${foreign}" does not apply to the engine ${engine}`);
  const missing = form.required.find((name) => address[name] === undefined);
  if (missing) throw wrong(`"${missing}" is missing`);
  return { address };
}

function parseUrl(
  properties: Readonly<Record<string, unknown>>,
  read: Reader,
  context: ConnectionContext,
): { address: DatabaseAddress; password?: string } {
  const twice = addressProperties.find((name) => properties[name] !== undefined);
  if (twice) throw wrong(`"url" and "${twice}" cannot be used together`);
  const parsed = context.parseUrl((read.text('url') ?? '').trim());
  if (!parsed) throw wrong('Unsupported database URL');
  if (parsed.password !== undefined && !isVariable(properties['url'])) {
    throw passwordRefused('The "url" must not contain a password');
  }
  const ids = context.engines.map(({ id }) => id);
  const engine = read.oneOf('engine', ids);
  if (engine !== undefined && engine !== parsed.address.engine) {
    throw wrong(`The "url" is for a ${parsed.address.engine} database, but "engine" is ${engine}`);
  }
  return parsed;
}

/** Replaces `${workspaceFolder}` and `${env:NAME}`. Throws `usage` for anything else of that form. */
function substitute(text: string, { env, workspaceFolder }: ConnectionContext): string {
  return text.replace(/\$\{([^}]*)\}/g, (whole, what: string) => {
    if (what === 'workspaceFolder') {
      if (workspaceFolder === undefined) throw wrong('It uses ${workspaceFolder}, but no folder is open');
      return workspaceFolder;
    }
    if (!what.startsWith('env:')) {
      throw wrong(`${whole} is not supported here; use \${workspaceFolder} or \${env:NAME}`);
    }
    const value = env[what.slice('env:'.length)];
    if (value === undefined) throw wrong(`The environment variable ${what.slice('env:'.length)} is not set`);
    return value;
  });
}

function placeFile(file: string, { workspaceFolder }: ConnectionContext): string {
  if (path.isAbsolute(file)) return path.normalize(file);
  if (workspaceFolder === undefined) {
    throw wrong(`The path ${file} is relative, but no folder is open`);
  }
  return path.join(workspaceFolder, file);
}

function placeFiles(address: DatabaseAddress, context: ConnectionContext): DatabaseAddress {
  return {
    ...address,
    ...(address.file === undefined ? {} : { file: placeFile(address.file, context) }),
    ...(address.sslRootCert === undefined ? {} : { sslRootCert: placeFile(address.sslRootCert, context) }),
  };
}

function wrong(message: string): RestorePointError {
  return new RestorePointError('usage', message);
}

function passwordRefused(message: string): RestorePointError {
  return new RestorePointError('usage', message, {
    next:
      'Remove it. Use "Enter Password…" on the connection, which saves it in the secret store, ' +
      'or name an environment variable in "passwordEnv".',
  });
}
