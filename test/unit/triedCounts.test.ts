import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { projectRoot } from '../support/paths.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { describeTried, triedCountsFile } from '../support/triedCounts.ts';

describe('the counts of what was tried', () => {
  const folder = useTemporaryFolder();

  it('are added up over processes, by kind and words', () => {
    const file = folder.file('tried');
    assert.deepEqual(describeTried(file), []);
    const run = (script: string): string =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: projectRoot,
        env: { ...process.env, [triedCountsFile]: file },
        encoding: 'utf8',
      });
    const imported = "import { countTried, countingTried } from './test/support/triedCounts.ts';";
    run(`${imported} countTried('faults', 'kill', 1200, 0); countTried('damages', 'flip', 3, 1);`);
    const brokenOff = `await countingTried('damages', 'cut', (count) => { count(); count(); throw 0; }).catch(() => 0);`;
    const printed = run(`${imported} countTried('faults', 'kill', 34, 0); ${brokenOff}`);
    assert.match(printed, /damages, cut: 2 tried, 1 lost/);
    assert.deepEqual(
      describeTried(file).map((line) => line.replace(/ +/g, ' ')),
      [
        ' tried lost',
        'faults: kill 1,234 0',
        'faults, all 1,234 0',
        'damages: flip 3 1',
        'damages: cut 2 1',
        'damages, all 5 2',
      ],
    );
  });
});
