import type { DatabaseAddress } from '../../../core/connections.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import type { DatabaseInfo } from '../../../core/manifest.ts';
import type { CreatedDatabase, WorkOptions } from '../../engine.ts';
import { resolveAddress } from './address.ts';
import { Database } from './connection.ts';
import { describeFailure, hasState, isServerError, state } from './errors.ts';
import { quoteIdentifier, quoteLiteral } from './identifiers.ts';

type Options = WorkOptions & { readonly password?: string };

/** See `Engine.createDatabase`. It is created from template0, with the encoding and the locale of the source. */
export async function createDatabase(
  address: DatabaseAddress,
  given: string | undefined,
  { madeWith = {} }: DatabaseInfo,
  options: Options,
): Promise<CreatedDatabase> {
  const { database: name } = resolveAddress(given === undefined ? address : { ...address, database: given });
  if (Buffer.byteLength(name) > 63) throw wrong(name, 'Its name is too long: PostgreSQL allows 63 bytes');
  const warnings = await onServer(address, options, async (run, version) => {
    await refuseImpossible(run, name);
    return await create(run, name, attempts(madeWith, version), options);
  });
  return {
    address: { ...address, database: name },
    warnings,
    async drop() {
      // A cancelled restore must not leave it either.
      const { signal: _, ...rest } = options;
      await onServer(address, rest, (run) => run(`DROP DATABASE ${quoteIdentifier(name)} WITH (FORCE)`));
    },
  };
}

/** Runs one statement. Every value in its rows is text. */
export type Run = (sql: string, values?: readonly unknown[]) => Promise<Record<string, string>[]>;

/** Databases that nearly every server has: a connection to one of them creates another. */
const usualDatabases = ['postgres', 'template1'];

/** Works on the server of an address, in a database that is not that of the address. */
export async function onServer<Result>(
  address: DatabaseAddress,
  options: Options,
  work: (run: Run, version: number) => Promise<Result>,
): Promise<Result> {
  const database = await openUsual(address, options);
  try {
    const client = await database.acquire();
    try {
      await client.query(`SET search_path = ''`);
      const run: Run = async (sql, values = []) => {
        const { rows } = await client.query<Record<string, string>>(sql, [...values]);
        return rows;
      };
      return await work(run, database.server.version);
    } finally {
      await database.release(client);
    }
  } catch (error) {
    throw describeFailure(error);
  } finally {
    await database.close();
  }
}

async function openUsual(address: DatabaseAddress, options: Options): Promise<Database> {
  let first: unknown;
  for (const database of usualDatabases) {
    try {
      return await Database.open(resolveAddress({ ...address, database }), options);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

async function refuseImpossible(run: Run, name: string): Promise<void> {
  const [found] = await run('SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1', [name]);
  if (found) throw exists(name);
  const [user] = await run(
    `SELECT current_user AS name, (rolcreatedb OR rolsuper)::pg_catalog.text AS may
       FROM pg_catalog.pg_roles WHERE rolname = current_user`,
  );
  if (user?.['may'] === 'true') return;
  const role = user?.['name'] ?? '';
  throw new RestorePointError('refused', `The user ${role} may not create databases`, {
    unchanged: 'Nothing was changed.',
    next: `A superuser can run ALTER ROLE ${quoteIdentifier(role)} CREATEDB.`,
  });
}

/** The options of CREATE DATABASE, from the most exact to none, each with what it loses. */
function attempts(
  { encoding, collate, ctype, provider, locale }: Readonly<Record<string, string>>,
  version: number,
): { options: string; lost?: string }[] {
  const option = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`${name} ${quoteLiteral(value)}`];
  const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };
  const named = provider !== undefined && version >= 150_000 ? providers[provider] : undefined;
  const localeOption = named === 'builtin' ? 'BUILTIN_LOCALE' : 'ICU_LOCALE';
  const all = [
    ...option('ENCODING', encoding),
    ...option('LC_COLLATE', collate),
    ...option('LC_CTYPE', ctype),
    ...(named === undefined ? [] : [`LOCALE_PROVIDER ${named}`]),
    ...(named === 'libc' || named === undefined ? [] : option(localeOption, locale)),
  ];
  const lost = `the locale of the source (${locale ?? collate ?? 'unknown'})`;
  return [
    { options: all.join(' ') },
    { options: option('ENCODING', encoding).join(' '), lost },
    { options: '', lost: `${lost} and its encoding (${encoding ?? 'unknown'})` },
  ];
}

async function create(
  run: Run,
  name: string,
  ways: readonly { options: string; lost?: string }[],
  { signal, logger }: Options,
): Promise<string[]> {
  for (const [index, { options, lost }] of ways.entries()) {
    throwIfCancelled(signal);
    try {
      await run(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0 ${options}`);
      return lost === undefined
        ? []
        : [`The server does not have ${lost}: the new database uses the server's own`];
    } catch (error) {
      if (hasState(error, '42P04')) throw exists(name);
      const isUnknown = isServerError(error) && /^(?:22|42|0A)/.test(error.code);
      if (index === ways.length - 1 || !isUnknown || hasState(error, state.insufficientPrivilege))
        throw error;
      logger.info(`The database cannot be created with ${options}: ${messageOf(error)}`);
    }
  }
  return [];
}

function exists(name: string): RestorePointError {
  return wrong(
    name,
    'It already exists',
    'Choose another name, or leave --create-database out to restore into it.',
  );
}

function wrong(name: string, reason: string, next = 'Choose another name.'): RestorePointError {
  return new RestorePointError('usage', `The database ${name} cannot be created: ${reason}`, {
    unchanged: 'Nothing was changed.',
    next,
  });
}
