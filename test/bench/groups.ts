import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from '../support/postgresServer.ts';
import { type Contest, postgresContests, type PostgresPlace, sqliteContests } from './contests.ts';
import { fillPostgres, fillSqlite, serverProcess, withClient } from './databases.ts';
import type { HostTask } from './hostDelaySuite.ts';
import { ormContests, postgresOrmPlace, sqliteOrmPlace } from './ormContests.ts';

/** Contests over one filled database, or a look into the extension host that works on it. */
export interface Group {
  readonly contests: readonly Contest[];
  readonly connections?: HostTask['connections'];
  /** What the settings of the connections refer to: a password does not stand in them. */
  readonly env?: Readonly<Record<string, string>>;
  readonly end: () => Promise<void>;
}

export interface GroupOptions {
  readonly folder: string;
  readonly scale: number;
  /** Folder of a PostgreSQL server and its clients. */
  readonly clients: string;
}

/** By the names that `--only` takes. */
export const groups: Readonly<Record<string, (options: GroupOptions) => Promise<Group>>> = {
  postgres: (options) => withPostgres(options, options.scale, postgresContests),
  sqlite: (options) => withSqlite(options, options.scale, sqliteContests),
  'postgres-host': async (options) => {
    let url = '';
    const group = await withPostgres(options, options.scale, (place) => {
      url = place.source;
      return [];
    });
    return {
      ...group,
      connections: [{ id: 'PostgreSQL', url: '${env:RESTORE_POINT_BENCH_URL}' }],
      env: { RESTORE_POINT_BENCH_URL: url },
    };
  },
  'sqlite-host': async (options) => {
    let file = '';
    const group = await withSqlite(options, options.scale, (source) => {
      file = source;
      return [];
    });
    return { ...group, connections: [{ id: 'SQLite', engine: 'sqlite', file }] };
  },
  'postgres-orm': (options) =>
    withPostgres(options, options.scale / 10, (place, folder) =>
      ormContests(postgresOrmPlace(place), folder),
    ),
  'sqlite-orm': (options) =>
    withSqlite(options, options.scale / 10, (source, folder) =>
      ormContests(sqliteOrmPlace(source, folder), folder),
    ),
};

/** The newest PostgreSQL of Debian that has its client programs. */
export function newestClients(): string {
  for (let version = 25; version >= 14; version -= 1) {
    const folder = `/usr/lib/postgresql/${version}/bin`;
    if (existsSync(join(folder, 'pg_dump'))) return folder;
  }
  throw new Error(
    'PostgreSQL with its client programs is missing (Debian: apt-get install postgresql); or name its folder with --clients.',
  );
}

async function withPostgres(
  { folder, clients }: GroupOptions,
  scale: number,
  contests: (place: PostgresPlace, folder: string) => Contest[],
): Promise<Group> {
  // As a server is by default, but for the durability that a temporary database does not need.
  const server = await startPostgres({ binaries: clients, settings: { max_wal_size: '4GB' } });
  const source = await server.createDatabase('shop');
  await fillPostgres(source, scale);
  await withClient(server.url, (admin) => admin.query('CREATE DATABASE live TEMPLATE shop'));
  const place = {
    source,
    live: server.urlOf('live'),
    fresh: server.urlOf('fresh'),
    admin: server.url,
    server: await serverProcess(server.url),
    clients,
  };
  return { contests: contests(place, folder), end: () => server.stop() };
}

function withSqlite(
  { folder }: GroupOptions,
  scale: number,
  contests: (source: string, folder: string) => Contest[],
): Promise<Group> {
  const source = join(folder, `shop-${scale}.db`);
  fillSqlite(source, scale);
  return Promise.resolve({ contests: contests(source, folder), end: () => Promise.resolve() });
}
