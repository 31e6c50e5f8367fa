import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** What a mocha run came to. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Mocha's spec reporter, which also writes the run's counts (JSON) to the file that `RESTORE_POINT_TEST_COUNTS` names. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env.RESTORE_POINT_TEST_COUNTS;
    if (!file) return;
    runner.once('end', () => {
      const counts: Counts = { passed: this.stats.passes, failed: this.stats.failures };
      writeFileSync(file, JSON.stringify(counts));
    });
  }
}
