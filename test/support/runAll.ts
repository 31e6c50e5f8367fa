/**
 * Runs the checks and the tests of the project: `npm test` runs all checks, the main tests, and a sample of the longest suites
 * (sample.ts); `npm run test:all` (the word `all`) runs everything; other arguments name the steps to run.
 *
 * Several processes share the test files; the output of each is shown when it has ended. The tests in VS Code and in the
 * browser start as soon as there is a VS Code and a build: they often wait, and the others use the processors meanwhile.
 * Whatever fails, the others run on.
 * The last line is `N passed, N failed`. It counts the tests of all steps, and one failure for each other check that failed,
 * each process of tests that crashed, and each step that ran no test. Failures are repeated above it, after a table of what
 * the tests tried and lost, and one of the longest files: the end of the log is enough.
 * Arguments from the first one that begins with `-` go to mocha, which then chooses from all tests
 * (`npm run test:unit -- --grep checksum`).
 */
import { appendFileSync, existsSync, globSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeOwnedFolder, startOwned } from './childProcesses.ts';
import type { Counts } from './countingReporter.ts';
import durations from './durations.json' with { type: 'json' };
import { projectRoot } from './paths.ts';
import { sharedServerVariable } from './postgresForTests.ts';
import { type PostgresServer, startPostgres } from './postgresServer.ts';
import { seedOfRun } from './sample.ts';
import { shareOut } from './shareOut.ts';
import { describeTried, triedCountsFile } from './triedCounts.ts';

interface Step {
  readonly title: string;
  /** Arguments for Node. */
  readonly command: readonly string[];
  /** A mocha suite, which writes counts. */
  readonly suite?: boolean;
  /** Its test files, which several processes share. */
  readonly files?: string;
  /** The files that a sample is limited to. */
  readonly sample?: string;
  readonly postgres?: boolean;
  /** It runs before all others: it may install packages of the system, one process at a time. */
  readonly first?: boolean;
  /** It runs in no lane, but beside them: it mostly waits for a download. */
  readonly beside?: boolean;
  /** One process runs all of its test files. */
  readonly whole?: boolean;
  /** Steps that have to end well before it starts, where they are run. */
  readonly after?: readonly string[];
}

const mocha = [
  program('mocha/bin/mocha.js'),
  ...['--reporter', './test/support/countingReporter.ts', '--forbid-only', '--forbid-pending'],
];

const steps: Readonly<Record<string, Step>> = {
  packages: { ...check('Packages for VS Code and Chromium', 'test/support/installPackages.ts'), first: true },
  install: { ...check('VS Code for the tests', 'test/support/installBrowserBuild.ts'), beside: true },
  lint: check('Lint', program('eslint/bin/eslint.js'), '-c', 'test/eslint.config.mjs', '.'),
  types: check('Types', program('typescript/bin/tsc'), '--noEmit'),
  format: check('Format', program('prettier/bin/prettier.cjs'), '--check', '.'),
  viewer: check('Types of the viewer', program('typescript/bin/tsc'), '-p', 'media/viewer/jsconfig.json'),
  build: check('Build', 'esbuild.mjs'),
  unit: { title: 'Unit tests', command: mocha, suite: true, files: 'test/unit/**/*.test.ts' },
  db: {
    title: 'Database tests',
    command: [...mocha, '--require', './test/support/postgresForTests.ts'],
    suite: true,
    files: 'test/db/**/*.test.ts',
    postgres: true,
  },
  extension: {
    title: 'Extension-host tests',
    command: ['test/extension/runTests.ts'],
    suite: true,
    after: ['install', 'build'],
  },
  ui: {
    title: 'Browser tests of the workbench',
    command: [...mocha, '--require', './test/ui/workbench.ts', '--timeout', '180000'],
    suite: true,
    files: 'test/ui/**/*.test.ts',
    // The main story: back up, look inside, restore, undo.
    sample: 'test/ui/{restore,shop,viewer}.test.ts',
    whole: true,
    after: ['install', 'build'],
  },
};

/** One process: a step, or some of its test files. */
interface Job {
  readonly name: string;
  readonly step: Step;
  readonly files: readonly string[];
  readonly seconds: number;
}

/** One more than there are cores: tests and their server wait for each other, and some tests for a time limit. */
const laneCount = availableParallelism() + 1;

/** A process at a time, and the PostgreSQL server of its tests, which have it to themselves. */
interface Lane {
  server?: Promise<PostgresServer>;
}

const { names, forMocha, all } = readArguments(process.argv.slice(2));
/** How long a process may take; a sample of the tests takes minutes. */
const stepLimitMinutes = all ? 120 : 30;
const timedOut = `not ended within ${stepLimitMinutes} minutes`;
/** Cases without end need longer than a test may usually take, the more so beside others. */
const timeForAll = all ? ['--timeout', String(20 * 60_000)] : [];
const seed = seedOfRun();
const scratch = makeOwnedFolder('restore-point-tests-');
const triedCounts = join(scratch.path, 'tried');
const fileTimes = join(scratch.path, 'times');
const failedSteps = new Set<string>();
const failures: string[] = [];
const passedBy = new Map<string, number>();
let failed = 0;
let numbers = 0;

console.log(`${all ? 'Everything' : 'A sample (npm run test:all runs everything)'}, SEED=${seed}`);
const jobs = names.flatMap(jobsOf);
const unfinished = new Set(jobs);
const running = new Set<Promise<void>>();
for (const job of jobs.filter(({ step }) => step.first)) await start(job);
const waiting = jobs.filter(({ step }) => !step.first && !step.beside).sort((a, b) => b.seconds - a.seconds);
await Promise.all([
  ...jobs.filter(({ step }) => step.beside).map((job) => start(job, {})),
  ...Array.from({ length: laneCount }, () => runLane({})),
]);
for (const name of names) {
  if (steps[name]!.suite && passedBy.get(name) === undefined) fail(name, 'ran no test');
}
await report();

function readArguments(args: string[]): { names: string[]; forMocha: string[]; all: boolean } {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  const end = firstOption === -1 ? args.length : firstOption;
  const named = args.slice(0, end).filter((name) => name !== 'all');
  const unknown = named.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    throw new Error(
      `There is no step ${unknown.join(', ')}; the steps are ${Object.keys(steps).join(', ')}, all.`,
    );
  }
  return {
    names: named.length > 0 ? named : Object.keys(steps),
    forMocha: args.slice(end),
    all: end < args.length || args.slice(0, end).includes('all'),
  };
}

/** Runs one job after the other, as long as there are any. */
async function runLane(lane: Lane): Promise<void> {
  while (waiting.length > 0) {
    const at = waiting.findIndex(isReady);
    if (at >= 0) await start(waiting.splice(at, 1)[0]!, lane);
    else await Promise.race(running);
  }
  await (await lane.server?.catch(() => undefined))?.stop();
}

function isReady({ step }: Job): boolean {
  return ![...unfinished].some(({ name }) => step.after?.includes(name));
}

async function start(job: Job, lane?: Lane): Promise<void> {
  const run = runJob(job, lane).catch((error: unknown) =>
    fail(job.name, `could not be run: ${String(error)}`),
  );
  running.add(run);
  await run;
  running.delete(run);
  unfinished.delete(job);
}

function jobsOf(name: string): Job[] {
  const step = steps[name]!;
  // Short, but others wait for it, and their failures are to be seen early.
  if (!step.files) return [{ name, step, files: [], seconds: 1000 }];
  const files = globSync(all ? step.files : (step.sample ?? step.files), { cwd: projectRoot })
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
  if (step.whole) return [{ name, step, files, seconds: 1000 }];
  const seconds = all ? { ...durations.sample, ...durations.all } : durations.sample;
  return shareOut(files, seconds, laneCount).map((batch) => ({ name, step, ...batch }));
}

/** Runs a process. Its output is shown when it has ended, or at once if no other is left. */
async function runJob({ name, step, files }: Job, lane?: Lane): Promise<void> {
  const which = files.length > 0 ? `: ${files.join(', ')}` : '';
  const missing = step.after?.find((before) => failedSteps.has(before));
  if (missing) return fail(name, `not run, because the step before it failed: ${missing}`);
  const folder = join(scratch.path, `${name}-${jobNumber()}`);
  mkdirSync(folder);
  const log = join(folder, 'log');
  const isAlone = !lane || unfinished.size === 1;
  if (isAlone) console.log(`\n=== ${step.title} ===\n`);
  const countsFile = join(folder, 'counts.json');
  const began = performance.now();
  const output = isAlone ? 'inherit' : openSync(log, 'w');
  const run = await startOwned(process.execPath, [...step.command, ...files, ...optionsOf(step)], {
    cwd: projectRoot,
    env: {
      ...process.env,
      RESTORE_POINT_TEST_COUNTS: countsFile,
      RESTORE_POINT_TEST_TIMES: fileTimes,
      RESTORE_POINT_TESTS: all ? 'all' : 'sample',
      SEED: String(seed),
      // What one process has compiled, the next one does not.
      NODE_COMPILE_CACHE: join(scratch.path, 'compiled'),
      [triedCountsFile]: triedCounts,
      ...(lane && step.postgres ? { [sharedServerVariable]: (await serverOf(lane)).url } : {}),
    },
    stdio: ['ignore', output, output],
  });
  const end = await Promise.race([run.ended, sleep(stepLimitMinutes * 60_000, timedOut, { ref: false })]);
  await run.stop();
  const seconds = Math.round((performance.now() - began) / 1000);
  if (!isAlone) console.log(`\n=== ${step.title}${which} (${seconds} s) ===\n\n${readFileSync(log, 'utf8')}`);
  if (step.suite) judgeSuite(name, end, countsFile, which);
  else if (end !== 'code 0') fail(name, end);
}

/** Those for mocha. */
function optionsOf({ command, whole }: Step): string[] {
  if (command[0] !== mocha[0]) return [];
  return [...(whole ? [] : timeForAll), ...forMocha];
}

function jobNumber(): number {
  return (numbers += 1);
}

function serverOf(lane: Lane): Promise<PostgresServer> {
  const binaries = process.env['POSTGRES_BINARIES'];
  // All tests together hold more data than every machine has memory for.
  return (lane.server ??= startPostgres({ ...(binaries ? { binaries } : {}), inMemory: !all }));
}

function judgeSuite(name: string, end: string, countsFile: string, which: string): void {
  if (!existsSync(countsFile)) return fail(name, `broke off without a result (${end})${which}`);
  const counts = JSON.parse(readFileSync(countsFile, 'utf8')) as Counts;
  const before = passedBy.get(name) ?? 0;
  if (counts.passed + counts.failed > 0) passedBy.set(name, before + counts.passed);
  for (const failure of counts.failures) failures.push(failure);
  failed += counts.failed;
  if (counts.failed > 0) failedSteps.add(name);
  else if (end !== 'code 0') fail(name, `ended with ${end} though no test failed${which}`);
}

function fail(name: string, reason: string): void {
  const text = `${steps[name]!.title}: ${reason}`;
  console.log(`${text}.`);
  failures.push(text);
  failedSteps.add(name);
  failed += 1;
}

async function report(): Promise<void> {
  const tried = describeTried(triedCounts);
  const times = existsSync(fileTimes) ? readFileSync(fileTimes, 'utf8').trim().split('\n') : [];
  if (process.env['RESTORE_POINT_KEEP_TIMES']) {
    appendFileSync(process.env['RESTORE_POINT_KEEP_TIMES'], `${times.join('\n')}\n`);
  }
  await scratch.remove();
  if (tried.length > 0) console.log(`\n=== What was tried ===\n\n${tried.join('\n')}`);
  const seconds = (line: string): number => Number(line.split(' ')[0]);
  const longest = times.sort((a, b) => seconds(b) - seconds(a)).slice(0, 15);
  if (longest.length > 1) {
    console.log('\n=== The longest files: seconds, of the processor, tests ===\n');
    console.log(
      longest
        .map((line) =>
          line
            .split(' ')
            .map((word) => word.padStart(6))
            .join(' '),
        )
        .join('\n'),
    );
  }
  for (const failure of failures) console.log(`\nFailed: ${failure}`);
  console.log(`\nSEED=${seed}`);
  console.log(failedSteps.size > 0 ? `Failed: ${[...failedSteps].join(', ')}` : 'All steps passed');
  const passed = [...passedBy.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

function check(title: string, ...command: string[]): Step {
  return { title, command };
}

function program(path: string): string {
  return join('node_modules', path);
}
