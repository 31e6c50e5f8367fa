/**
 * Measures backup and restore against what people use instead, in one run: `npm run bench -- --help`.
 *
 * Sides take turns, so that what slows the machine down for a while slows each of them down.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RestoreReport } from '../../src/restore/restoreBackup.ts';
import { makeOwnedFolder } from '../support/childProcesses.ts';
import { testResults } from '../support/paths.ts';
import { drawContests } from './chart.ts';
import type { Contest, Side } from './contests.ts';
import { groups, newestClients } from './groups.ts';
import { measureHost } from './hostDelay.ts';
import type { HostDelay } from './hostDelaySuite.ts';
import { measure, type Measurement } from './measure.ts';
import { hasOrms } from './ormContests.ts';
import { type BenchReport, type ContestResult, formatContest, formatDelays } from './results.ts';
import { rowsAt } from './shopData.ts';

const usage = `npm run bench -- [options]

  --scale N       how much of the 3.3 million rows (1); a tenth of it against ORMs
  --growth NS     how many times the scale the groups that grow take (1,4,16)
  --runs N        runs of each side (3)
  --only NAMES    of ${Object.keys(groups).join(', ')}; separated by commas (all)
  --clients DIR   folder with postgres, pg_dump, pg_restore and psql of one version
                  (the newest of /usr/lib/postgresql)
  --json FILE     where the figures go (test-results/bench.json)
  --svg FILE      a picture of them`;

/** As much as any side's files take at scale 1. */
const touchedBytes = 3 * 2 ** 30;
/** Memory that is left alone, so that the cache of files does not give way. */
const spareBytes = 2 ** 30;

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    growth: { type: 'string', default: '1,4,16' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: Object.keys(groups).join(',') },
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
  const clients = values.clients ?? newestClients();
  const options = { scale, clients, growth: values.growth.split(',').map(Number) };
  const contests: ContestResult[] = [];
  const hostDelays: HostDelay[] = [];
  for (const name of values.only.split(',')) {
    const begins = groups[name];
    if (!begins) throw new Error(`There is no group ${name}.\n\n${usage}`);
    if (name.endsWith('-orm') && !hasOrms()) continue;
    for (const begin of begins(options)) {
      const folder = makeOwnedFolder('restore-point-bench-');
      console.log(`\nFilling a database: ${name} …`);
      const group = await begin({ ...options, folder: folder.path });
      for (const contest of group.contests) {
        const result = await run(contest, Number(values.runs), touchedBytes * sizeOf(contest));
        console.log(`\n${formatContest(result)}`);
        contests.push(result);
      }
      if (group.connections) {
        const { connections, damage, env } = group;
        const task = { connections, ...(damage ? { damage } : {}) };
        const delays = await measureHost(task, folder.path, env);
        console.log(`\n${formatDelays(delays)}`);
        hostDelays.push(...delays);
      }
      await group.end();
      await folder.remove();
    }
  }
  const report: BenchReport = {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    versions: versions(clients),
    scale,
    contests,
    hostDelays,
  };
  mkdirSync(testResults, { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (values.svg !== undefined) writeFileSync(values.svg, drawContests(report));
}

async function run(contest: Contest, runs: number, touched: number): Promise<ContestResult> {
  const sides = [contest.ours, ...contest.peers];
  const measured = new Map<Side, Measurement[]>(sides.map((side) => [side, []]));
  const shares = new Map<Side, number[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < runs; round += 1) {
    for (const side of sides) {
      await side.prepare?.();
      settle(touched, contest.fromDisk);
      measured.get(side)!.push(await measure(side.commands, contest.server));
      if (side.report !== undefined) shares.get(side)!.push(verifyShare(side.report));
    }
  }
  return {
    title: contest.title,
    ...(contest.rows === undefined ? {} : { rows: contest.rows }),
    sides: sides.map((side) => ({
      name: side.name,
      runs: measured.get(side)!,
      ...(side.file === undefined ? {} : { fileBytes: statSync(side.file).size }),
      ...(side.report === undefined ? {} : { verifyShares: shares.get(side)! }),
    })),
  };
}

/** How many times scale 1 its sides need memory; an ORM needs as much for a tenth of the rows. */
function sizeOf({ rows }: Contest): number {
  return Math.max(1, (rows ?? 0) / rowsAt(1));
}

/**
 * What was left to be written is nobody's of this round, and nobody is to pay for memory that has to be fetched first.
 * What files have in the cache stays there, unless they are to be read from the disk.
 */
function settle(touched: number, fromDisk = false): void {
  execFileSync('sync');
  if (fromDisk) emptyCache();
  const mebibytes = Math.floor(Math.min(touched, freeBytes() - spareBytes) / 2 ** 20);
  const touch = `Array.from({ length: ${mebibytes} }, () => Buffer.allocUnsafeSlow(2 ** 20).fill(1))`;
  execFileSync(process.execPath, ['-e', touch]);
}

/** Takes all files out of the system's cache that are on the disk. */
function emptyCache(): void {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  } catch (error) {
    throw new Error('Growth is measured from the disk: only root may empty the cache of files', {
      cause: error,
    });
  }
}

/** Memory that nothing uses, without what files have in the cache. */
function freeBytes(): number {
  const [, kibibytes] = /^MemFree: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))!;
  return Number(kibibytes) * 1024;
}

function verifyShare(report: string): number {
  const { milliseconds, verifyMilliseconds } = JSON.parse(readFileSync(report, 'utf8')) as RestoreReport;
  return verifyMilliseconds / milliseconds;
}

function versions(clients: string): Record<string, string> {
  const first = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { encoding: 'utf8' }).split('\n')[0]!;
  return {
    node: process.version,
    postgres: first(join(clients, 'postgres'), '--version'),
    sqlite3: first('sqlite3', '--version').split(' ')[0]!,
  };
}
