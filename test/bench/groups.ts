import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from '../support/postgresServer.ts';
import { rowsAt } from './shopData.ts';
import {
  type Contest,
  postgresContests,
  postgresGrowth,
  type PostgresPlace,
  sqliteContests,
  sqliteGrowth,
} from './contests.ts';
import { damageSql, fillPostgres, fillSqlite, serverProcess, withClient } from './databases.ts';
import { fillCompared, postgresComparisons, sqliteComparisons } from './comparisons.ts';
import { type DelayProxy, startDelayProxy } from './delayProxy.ts';
import { fillFreshTables, freshTablesContests } from './freshTables.ts';
import type { HostTask } from './hostDelaySuite.ts';
import {
  fillPostgresShape,
  fillSqliteShape,
  postgresShapeContests,
  shapes,
  sqliteShapeContests,
} from './shapes.ts';
import { ormContests, ormTables, postgresOrmPlace, sqliteOrmPlace } from './ormContests.ts';

/** Contests over one filled database, or a look into the extension host that works on it. */
export interface Group {
  readonly contests: readonly Contest[];
  readonly connections?: HostTask['connections'];
  readonly damage?: HostTask['damage'];
  /** What the settings of the connections refer to: a password does not stand in them. */
  readonly env?: Readonly<Record<string, string>>;
  readonly end: () => Promise<void>;
}

interface Sizes {
  readonly scale: number;
  /** How many times the scale, for each step of a group that grows. */
  readonly growth: readonly number[];
}

export interface GroupOptions extends Sizes {
  readonly folder: string;
  /** Folder of a PostgreSQL server and its clients. */
  readonly clients: string;
}

/** Each way to a server that is some way off, in milliseconds. */
const latency = 2;

type BeginGroup = (options: GroupOptions) => Promise<Group>;

/** By the names that `--only` takes; the parts of a group are filled and measured one after another. */
export const groups: Readonly<Record<string, (options: Sizes) => BeginGroup[]>> = {
  postgres: () => [(options) => withPostgres(options, options.scale, postgresContests)],
  sqlite: () => [(options) => withSqlite(options, options.scale, sqliteContests)],
  'postgres-shapes': () => [
    ...shapes.map((shape) => (options: GroupOptions) => {
      const fill = (url: string): Promise<void> => fillPostgresShape(url, shape);
      return withServer(options, fill, (place, folder) => postgresShapeContests(place, folder, shape));
    }),
    (options) => withServer(options, fillFreshTables, freshTablesContests),
  ],
  'sqlite-shapes': () =>
    shapes.map((shape) => ({ folder }: GroupOptions) => {
      const source = join(folder, 'shape.db');
      rmSync(source, { force: true });
      fillSqliteShape(source, shape);
      return Promise.resolve({ contests: sqliteShapeContests(source, folder, shape), end: nothingToEnd });
    }),
  'postgres-compare': () => [
    (options) => withServer(options, (url) => fillCompared(url, options.scale), postgresComparisons),
  ],
  'sqlite-compare': () => [
    ({ folder, scale }) => Promise.resolve({ contests: sqliteComparisons(folder, scale), end: nothingToEnd }),
  ],
  'postgres-latency': () => [beginLatency],
  'postgres-growth': ({ growth, scale }) =>
    growth.map(
      (times) => (options: GroupOptions) => withPostgres(options, times * scale, postgresGrowth(times)),
    ),
  'sqlite-growth': ({ growth, scale }) =>
    growth.map((times) => (options: GroupOptions) => withSqlite(options, times * scale, sqliteGrowth(times))),
  'postgres-host': () => [beginPostgresHost],
  'sqlite-host': () => [beginSqliteHost],
  'postgres-orm': () => [
    (options) =>
      withPostgres(
        options,
        options.scale / 10,
        (place, folder) => ormContests(postgresOrmPlace(place), folder),
        ormTables,
      ),
  ],
  'sqlite-orm': () => [
    (options) =>
      withSqlite(
        options,
        options.scale / 10,
        (source, folder) => ormContests(sqliteOrmPlace(source, folder), folder),
        ormTables,
      ),
  ],
};

async function beginPostgresHost(options: GroupOptions): Promise<Group> {
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
}

async function beginSqliteHost(options: GroupOptions): Promise<Group> {
  let file = '';
  const group = await withSqlite(options, options.scale, (source) => {
    file = source;
    return [];
  });
  const damage = { program: 'sqlite3', args: [file, damageSql('every row').join(';')] };
  return { ...group, connections: [{ id: 'SQLite', engine: 'sqlite', file }], damage };
}

/** A tenth of the shop on a server that is some way off. */
async function beginLatency(options: GroupOptions): Promise<Group> {
  let proxy: DelayProxy | undefined;
  const group = await withServer(
    options,
    async (url) => {
      await fillPostgres(url, options.scale / 10);
      proxy = await startDelayProxy(url, latency);
    },
    (place, folder) => {
      const far = {
        ...place,
        source: proxy!.urlOf(place.source),
        live: proxy!.urlOf(place.live),
        fresh: proxy!.urlOf(place.fresh),
      };
      const contests = postgresContests(far, folder);
      return contests.map((contest) => ({ ...contest, title: `${contest.title}, ${latency} ms away` }));
    },
  );
  return {
    ...group,
    end: async () => {
      await proxy?.close();
      await group.end();
    },
  };
}

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

function withPostgres(
  options: GroupOptions,
  scale: number,
  contests: (place: PostgresPlace, folder: string) => Contest[],
  tables?: readonly string[],
): Promise<Group> {
  const rows = rowsAt(scale, tables);
  return withServer(
    options,
    (url) => fillPostgres(url, scale),
    (place, folder) => contests(place, folder).map((contest) => ({ ...contest, rows })),
  );
}

async function withServer(
  { folder, clients }: GroupOptions,
  fill: (url: string) => Promise<void>,
  contests: (place: PostgresPlace, folder: string) => Contest[],
): Promise<Group> {
  // As a server is by default, but for the durability that a temporary database does not need.
  const server = await startPostgres({ binaries: clients, settings: { max_wal_size: '4GB' } });
  const source = await server.createDatabase('shop');
  await fill(source);
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
  tables?: readonly string[],
): Promise<Group> {
  const source = join(folder, `shop-${scale}.db`);
  fillSqlite(source, scale);
  const rows = rowsAt(scale, tables);
  return Promise.resolve({
    contests: contests(source, folder).map((contest) => ({ ...contest, rows })),
    end: nothingToEnd,
  });
}

function nothingToEnd(): Promise<void> {
  return Promise.resolve();
}
