import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/paths.ts';

interface Promised {
  readonly promise: string;
  readonly keptBy: readonly string[];
  readonly triedBy: readonly string[];
}

/** The rows of the table under "Defended". */
function promises(): Promised[] {
  const text = readFileSync(join(projectRoot, 'SECURITY.md'), 'utf8');
  const section = text.slice(text.indexOf('## Defended'), text.indexOf('## Not defended'));
  const rows = section.split('\n').filter((line) => /^\| (?!promise|-)/.test(line));
  const filesIn = (cell: string): string[] =>
    [...cell.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, file]) => file!);
  return rows.map((row) => {
    const [, promise = '', keptBy = '', triedBy = ''] = row.split('|');
    return { promise: promise.trim(), keptBy: filesIn(keptBy), triedBy: filesIn(triedBy) };
  });
}

describe('the promises of SECURITY.md', () => {
  it('name the code that keeps them and the tests that try them, which are there', () => {
    const all = promises();
    assert.ok(all.length >= 10, `${all.length} rows`);
    for (const { promise, keptBy, triedBy } of all) {
      assert.ok(keptBy.length > 0 && triedBy.length > 0, promise);
      assert.ok(
        triedBy.every((file) => file.endsWith('.test.ts')),
        promise,
      );
      for (const file of [...keptBy, ...triedBy]) assert.ok(existsSync(join(projectRoot, file)), file);
    }
  });
});
