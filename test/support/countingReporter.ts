import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

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

/** Mocha's spec reporter, which also writes the run's counts (JSON) to the file that `RESTORE_POINT_TEST_COUNTS` names. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
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

function endForcibly(): never {
  console.error(`Still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}
