import type { DatabaseAddress } from '../core/connections.ts';
import { RestorePointError } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import type { Engine } from './engine.ts';
import { postgresEngine } from './postgres/engine.ts';
import { sqliteEngine } from './sqlite/engine.ts';

/** Every engine there is, in the order in which users are offered them. */
export const engines: readonly Engine[] = [sqliteEngine, postgresEngine];

/** The engine of a manifest or an address. Throws `usage` for one that this version does not have. */
export function engineById(id: EngineId): Engine {
  const engine = engines.find((candidate) => candidate.id === id);
  if (engine) return engine;
  throw new RestorePointError('usage', `This version of Restore Point has no engine "${id}"`, {
    next: `It has: ${engines.map((known) => known.id).join(', ')}.`,
  });
}

/** For people: `sqlite:path/to.db or postgres://user@host/database`. */
export function exampleUrls(): string {
  return engines.map(({ form }) => form.exampleUrl).join(' or ');
}

/** Engines that people have too, by the scheme of their URLs or by what other tools call them. */
const otherEngines: Readonly<Record<string, string>> = {
  mysql: 'MySQL',
  mysql2: 'MySQL',
  mysqlx: 'MySQL',
  mariadb: 'MariaDB',
  mssql: 'SQL Server',
  sqlserver: 'SQL Server',
  'sql server': 'SQL Server',
  oracle: 'Oracle Database',
  oracledb: 'Oracle Database',
  cockroach: 'CockroachDB',
  cockroachdb: 'CockroachDB',
  redshift: 'Amazon Redshift',
  mongo: 'MongoDB',
  mongodb: 'MongoDB',
  'mongodb+srv': 'MongoDB',
  redis: 'Redis',
  rediss: 'Redis',
  clickhouse: 'ClickHouse',
  duckdb: 'DuckDB',
  libsql: 'libSQL',
};

/** The name for people of an engine that this version does not have; undefined for anything that is not known as an engine. */
export function otherEngine(name: string): string | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(otherEngines, key) ? otherEngines[key] : undefined;
}

/** Reads what a user writes in place of a connection: undefined when it is no URL. Throws `usage`. */
export function parseDatabaseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined {
  for (const engine of engines) {
    const parsed = engine.parseUrl(text);
    if (parsed) return parsed;
  }
  const [, scheme = '', slashes = ''] = /^\s*(?:jdbc:)?([a-z][a-z0-9+.-]+):(\/\/)?/i.exec(text) ?? [];
  const name = otherEngine(scheme);
  if (name === undefined && slashes === '') return undefined;
  // The text where the scheme belongs may be a secret, so it is not repeated.
  const message = name === undefined ? 'Unsupported database URL' : `${name} is not supported yet`;
  throw new RestorePointError('usage', message, {
    next: `Use ${exampleUrls()}.`,
  });
}
