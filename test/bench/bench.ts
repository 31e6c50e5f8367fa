/**
 * Measures backup and restore against what people use instead, in one run: `npm run bench -- --help`.
 *
 * Sides take turns, so that what slows the machine down for a while slows each of them down.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeOwnedFolder } from '../support/childProcesses.ts';
import { testResults } from '../support/paths.ts';
import { startPostgres } from '../support/postgresServer.ts';
import { drawContests } from './chart.ts';
import { type Contest, postgresContests, type Side, sqliteContests } from './contests.ts';
import { fillPostgres, fillSqlite, serverProcess, withClient } from './databases.ts';
import { measure, type Measurement } from './measure.ts';
import { type BenchReport, type ContestResult, formatContest } from './results.ts';

const usage = `npm run bench -- [options]

  --scale N        how much of the 3.3 million rows (1)
  --runs N         runs of each side (3)
  --only WORDS     contests whose title has one of these words, separated by commas
  --clients DIR    folder with postgres, pg_dump, pg_restore and psql of one version
                   (the newest of /usr/lib/postgresql)
  --json FILE      where the figures go (test-results/bench.json)
  --svg FILE       a picture of the ratios
`;

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    clients: { type: 'string' },
    json: { type: 'string', default: join(testResults, 'bench.json') },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(usage);
else await bench();

async function bench(): Promise<void> {
  const scale = Number(values.scale);
  const runs = Number(values.runs);
  const folder = makeOwnedFolder('restore-point-bench-');
  const results: ContestResult[] = [];
  try {
    for (const prepare of [preparePostgres, prepareSqlite]) {
      if (!wanted(prepare === preparePostgres ? 'PostgreSQL' : 'SQLite')) continue;
      const { contests, end } = await prepare(folder.path, scale);
      for (const contest of contests) {
        const result = await run(contest, runs);
        console.log(`\n${formatContest(result)}\n`);
        results.push(result);
      }
      await end();
    }
  } finally {
    await folder.remove();
  }
  const report: BenchReport = {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    versions: versions(),
    scale,
    contests: results,
  };
  mkdirSync(testResults, { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (values.svg !== undefined) writeFileSync(values.svg, drawContests(report));
}

interface Prepared {
  readonly contests: readonly Contest[];
  readonly end: () => Promise<void>;
}

async function preparePostgres(folder: string, scale: number): Promise<Prepared> {
  const clients = values.clients ?? newestClients();
  // As a server is by default, but for the durability that a temporary database does not need.
  const server = await startPostgres({ binaries: clients, settings: { max_wal_size: '4GB' } });
  const source = await server.createDatabase('shop');
  console.log(`Filling PostgreSQL at scale ${scale} …`);
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
  return {
    contests: postgresContests(place, folder).filter(({ title }) => wanted(title)),
    end: () => server.stop(),
  };
}

function prepareSqlite(folder: string, scale: number): Promise<Prepared> {
  const source = join(folder, 'shop.db');
  console.log(`Filling SQLite at scale ${scale} …`);
  fillSqlite(source, scale);
  const contests = sqliteContests(source, folder).filter(({ title }) => wanted(title));
  return Promise.resolve({ contests, end: () => Promise.resolve() });
}

async function run(contest: Contest, runs: number): Promise<ContestResult> {
  const sides = [contest.ours, ...contest.peers];
  const measured = new Map<Side, Measurement[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < runs; round += 1) {
    for (const side of sides) {
      await side.prepare?.();
      measured.get(side)!.push(await measure(side.commands, contest.server));
    }
  }
  return {
    title: contest.title,
    sides: sides.map((side) => ({
      name: side.name,
      runs: measured.get(side)!,
      ...(side.file === undefined ? {} : { fileBytes: statSync(side.file).size }),
    })),
  };
}

function wanted(title: string): boolean {
  const words = values.only?.toLowerCase().split(',');
  return (
    !words || words.some((word) => title.toLowerCase().includes(word) || word.includes(title.toLowerCase()))
  );
}

function newestClients(): string {
  for (let version = 25; version >= 14; version -= 1) {
    const folder = `/usr/lib/postgresql/${version}/bin`;
    if (existsSync(join(folder, 'pg_dump'))) return folder;
  }
  throw new Error(
    'PostgreSQL with its client programs is missing (Debian: apt-get install postgresql); or name its folder with --clients.',
  );
}

function versions(): Record<string, string> {
  const first = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { encoding: 'utf8' }).split('\n')[0]!;
  return {
    node: process.version,
    pg_dump: first(join(values.clients ?? newestClients(), 'pg_dump'), '--version'),
    sqlite3: first('sqlite3', '--version').split(' ')[0]!,
  };
}
