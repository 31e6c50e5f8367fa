import { findSourceMap } from 'node:module';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Mocha from 'mocha';
import CountingReporter from '../support/countingReporter.ts';

/**
 * Runs the extension-host tests inside VS Code; rejects if one failed.
 *
 * `loadTests` evaluates the test files, which the bundle brings along (runTests.ts). `RESTORE_POINT_TEST_GREP` in the
 * environment picks tests by name.
 */
export async function runSuite(loadTests: () => void): Promise<void> {
  const mocha = new Mocha({
    ui: 'bdd',
    reporter: CountingReporter,
    color: true,
    timeout: 60_000,
    forbidOnly: true,
    forbidPending: true,
    ...(process.env.RESTORE_POINT_TEST_GREP && { grep: process.env.RESTORE_POINT_TEST_GREP }),
  });
  // What mocha does before it loads a file: it puts describe, it and the hooks into the global scope.
  mocha.suite.emit('pre-require', globalThis, 'extension.cjs', mocha);
  loadTests();
  const failures = await new Promise<number>((resolve) => {
    mocha.run(resolve).on('fail', (_test, error: Error) => (error.stack = inSources(error.stack)));
  });
  if (failures > 0) throw new Error(`${failures} extension-host tests failed.`);
}

/** A stack with places in the test files instead of the bundle: the extension host writes stacks without source maps. */
function inSources(stack: string | undefined): string | undefined {
  const map = findSourceMap(__filename);
  return stack?.replaceAll(
    /\(([^()]+):(\d+):(\d+)\)/g,
    (place, file: string, line: string, column: string) => {
      if (resolve(file) !== __filename) return place;
      const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry || !('originalSource' in entry)) return place;
      const source = relative('.', fileURLToPath(entry.originalSource));
      return `(${source}:${entry.originalLine + 1}:${entry.originalColumn + 1})`;
    },
  );
}
