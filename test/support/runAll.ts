/**
 * Runs the checks and the tests of the project: all of them (`npm test`), or the steps that the arguments name.
 *
 * Each step's output is shown as it comes. The last line is `N passed, N failed`: the tests of all steps, and one failure
 * for each other check that did not pass, for each suite that broke off, and for each suite that ran no test. What failed is
 * repeated before it, for whoever sees the end of a log only, after a table of what the tests tried and lost.
 * Arguments that begin with `-`, and all after them, go to mocha (`npm run test:unit -- --grep checksum`).
 */
import { existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeOwnedFolder, startOwned } from './childProcesses.ts';
import type { Counts } from './countingReporter.ts';
import { projectRoot } from './paths.ts';
import { describeTried, triedCountsFile } from './triedCounts.ts';

const stepLimitMinutes = 30;
const timedOut = `not ended within ${stepLimitMinutes} minutes`;

interface Step {
  readonly title: string;
  /** Arguments for Node. */
  readonly command: readonly string[];
  /** Whether it is a mocha suite, which writes counts. */
  readonly suite: boolean;
  /** Files of a suite that run in a process of their own at the same time; its output is shown afterwards. */
  readonly beside?: string;
  /** A step without which this one would test something old. */
  readonly after?: string;
}

const steps: Readonly<Record<string, Step>> = {
  format: check('Format', program('prettier/bin/prettier.cjs'), '--check', '.'),
  lint: check('Lint', program('eslint/bin/eslint.js'), '-c', 'test/eslint.config.mjs', '.'),
  types: check('Types', program('typescript/bin/tsc'), '--noEmit'),
  viewer: check('Types of the viewer', program('typescript/bin/tsc'), '-p', 'media/viewer/jsconfig.json'),
  build: check('Build', 'esbuild.mjs'),
  unit: mochaSuite('Unit tests', 'test/unit/**/*.test.ts'),
  db: {
    ...mochaSuite(
      'Database tests',
      'test/db/*.test.ts',
      ...['--require', './test/support/postgresForTests.ts', '--timeout', '60000'],
    ),
    beside: 'test/db/{everything,reliability}/**/*.test.ts',
  },
  extension: {
    title: 'Extension-host tests',
    command: ['test/extension/runTests.ts'],
    suite: true,
    after: 'build',
  },
  ui: {
    ...mochaSuite(
      'Browser tests of the workbench',
      'test/ui/**/*.test.ts',
      ...['--require', './test/ui/workbench.ts', '--timeout', '180000'],
    ),
    after: 'build',
  },
};

const { names, forMocha } = readArguments(process.argv.slice(2));
const scratch = makeOwnedFolder('restore-point-tests-');
const triedCounts = join(scratch.path, 'tried');
const failedSteps = new Set<string>();
const failures: string[] = [];
let passed = 0;
let failed = 0;
for (const name of names) {
  const counts = await runStep(name);
  passed += counts.passed;
  failed += counts.failed;
  failures.push(...counts.failures);
  if (counts.failed > 0) failedSteps.add(name);
}
const tried = describeTried(triedCounts);
await scratch.remove();
if (tried.length > 0) console.log(`\n=== What was tried ===\n\n${tried.join('\n')}`);
for (const failure of failures) console.log(`\nFailed: ${failure}`);
console.log(`\n${failedSteps.size > 0 ? `Failed: ${[...failedSteps].join(', ')}` : 'All steps passed'}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function readArguments(args: string[]): { names: string[]; forMocha: string[] } {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  const end = firstOption === -1 ? args.length : firstOption;
  const named = args.slice(0, end);
  const unknown = named.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    throw new Error(
      `There is no step ${unknown.join(', ')}; the steps are ${Object.keys(steps).join(', ')}.`,
    );
  }
  return { names: named.length > 0 ? named : Object.keys(steps), forMocha: args.slice(end) };
}

async function runStep(name: string): Promise<Counts> {
  const step = steps[name]!;
  console.log(`\n=== ${step.title} ===\n`);
  if (step.after && failedSteps.has(step.after)) {
    return failedStep(step, `not run, because the step before it failed: ${step.after}`);
  }
  const counts = step.beside ? await runBoth(name, step, step.beside) : await runProcess(name, step);
  return step.suite && counts.passed + counts.failed === 0 ? failedStep(step, 'ran no test') : counts;
}

async function runBoth(name: string, step: Step, beside: string): Promise<Counts> {
  const log = join(scratch.path, `${name}.log`);
  const other = { ...step, command: [...step.command.slice(0, -1), beside] };
  const [counts, more] = await Promise.all([
    runProcess(name, step),
    runProcess(`${name}-beside`, other, openSync(log, 'w')),
  ]);
  console.log(readFileSync(log, 'utf8'));
  return {
    passed: counts.passed + more.passed,
    failed: counts.failed + more.failed,
    failures: [...counts.failures, ...more.failures],
  };
}

/** Runs a step's process; what it prints goes to ours, or to a file. */
async function runProcess(name: string, step: Step, output: number | 'inherit' = 'inherit'): Promise<Counts> {
  const countsFile = join(scratch.path, `${name}.json`);
  const isMocha = step.command[0] === mochaProgram();
  const run = await startOwned(process.execPath, [...step.command, ...(isMocha ? forMocha : [])], {
    cwd: projectRoot,
    env: { ...process.env, RESTORE_POINT_TEST_COUNTS: countsFile, [triedCountsFile]: triedCounts },
    stdio: ['ignore', output, output],
  });
  const end = await Promise.race([run.ended, sleep(stepLimitMinutes * 60_000, timedOut, { ref: false })]);
  await run.stop();
  if (step.suite) return judgeSuite(step, end, countsFile);
  return end === 'code 0' ? { passed: 0, failed: 0, failures: [] } : failedStep(step, end);
}

function failedStep(step: Step, reason: string): Counts {
  console.log(`${step.title}: ${reason}.`);
  return { passed: 0, failed: 1, failures: [`${step.title}: ${reason}`] };
}

function judgeSuite(step: Step, end: string, countsFile: string): Counts {
  if (!existsSync(countsFile)) {
    return failedStep(step, `broke off without a result (${end})`);
  }
  const counts = JSON.parse(readFileSync(countsFile, 'utf8')) as Counts;
  if (counts.failed === 0 && end !== 'code 0') {
    return { ...failedStep(step, `ended with ${end} though no test failed`), passed: counts.passed };
  }
  return counts;
}

function check(title: string, ...command: string[]): Step {
  return { title, command, suite: false };
}

function mochaSuite(title: string, files: string, ...options: string[]): Step {
  return {
    title,
    command: [
      mochaProgram(),
      ...['--reporter', './test/support/countingReporter.ts', '--forbid-only', '--forbid-pending'],
      ...options,
      files,
    ],
    suite: true,
  };
}

function mochaProgram(): string {
  return program('mocha/bin/mocha.js');
}

function program(path: string): string {
  return join('node_modules', path);
}
