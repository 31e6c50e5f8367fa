import { appendFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import Mocha from 'mocha';
import { keepSample, runsAll, seedOfRun } from './sample.ts';

/** What a mocha run came to. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** What failed, and why: the title of each test and the first lines of its error. */
  readonly failures: readonly string[];
}

/** Lines of an error that are repeated at the end of a whole run. */
const repeatedLines = 12;

/** How long a process may go on after its last test, in milliseconds: then something was left open, which is a failure. */
const patience = 60_000;

/** How long a test may take where all of them are run: beside others, on any machine, each comes to its end. */
const timeForAll = 20 * 60_000;

/**
 * Mocha's spec reporter, which also writes the run's counts (JSON) to the file that `RESTORE_POINT_TEST_COUNTS` names, and
 * how long each test file took to the one of `RESTORE_POINT_TEST_TIMES`; takes the tests out that are not in the sample, and gives
 * those of a whole run time.
 */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    if (!runsAll) keepSample(runner.suite, seedOfRun());
    else if (process.env['RESTORE_POINT_TESTS'] === 'all') giveTime(runner.suite);
    noteTimes(runner, process.env['RESTORE_POINT_TEST_TIMES']);
    const file = process.env.RESTORE_POINT_TEST_COUNTS;
    if (!file) return;
    const failures: string[] = [];
    runner.on('fail', (test, error: Error) => {
      const reason = `${error.stack ?? error.message}`.split('\n').slice(0, repeatedLines).join('\n');
      failures.push(`${test.fullTitle()}\n${reason}`);
    });
    runner.once('end', () => {
      const counts: Counts = { passed: this.stats.passes, failed: this.stats.failures, failures };
      writeFileSync(file, JSON.stringify(counts));
      setTimeout(endForcibly, patience).unref();
    });
  }
}

/** A limit of a suite is for its tests alone. */
function giveTime(suite: Mocha.Suite): void {
  for (const test of suite.tests) if (test.timeout() > 0) test.timeout(Math.max(test.timeout(), timeForAll));
  for (const child of suite.suites) giveTime(child);
}

function endForcibly(): never {
  console.error(`Still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}

/** A line for each file: its seconds, those of this process and of the processes that have ended in it, its tests. */
function noteTimes(runner: Mocha.Runner, to: string | undefined): void {
  if (to === undefined) return;
  for (const suite of runner.suite.suites) {
    if (suite.file === undefined) continue;
    const name = relative(process.cwd(), suite.file).replaceAll('\\', '/');
    let [began, processor, tests] = [0, process.cpuUsage(), 0];
    suite.beforeAll('times', () => {
      [began, processor] = [performance.now(), process.cpuUsage()];
    });
    suite.afterEach('times', () => void (tests += 1));
    suite.afterAll('times', () => {
      const { user, system } = process.cpuUsage(processor);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      appendFileSync(to, `${seconds} ${((user + system) / 1e6).toFixed(1)} ${tests} ${name}\n`);
    });
  }
}
