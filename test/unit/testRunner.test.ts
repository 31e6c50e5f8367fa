import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { keepSample, sampleParts } from '../support/sample.ts';
import { batchSeconds, shareOut } from '../support/shareOut.ts';

describe('the test runner', () => {
  it('shares every file out once, also those with unknown durations', () => {
    const files = Array.from({ length: 30 }, (_, index) => `f${index}.test.ts`);
    const batches = shareOut(files, { 'f3.test.ts': 100, 'f4.test.ts': 35, 'gone.test.ts': 9 }, 3);
    assert.deepEqual(batches.flatMap((batch) => batch.files).sort(), [...files].sort());
    assert.deepEqual(batches[0]?.files, ['f3.test.ts']);
    assert.ok(batches.slice(1).every(({ seconds }) => seconds <= batchSeconds));
    assert.ok(
      batches.slice(-3).every(({ seconds }) => seconds <= 16),
      'the last ones are short',
    );
  });

  function suiteOf(parts: number, count: number): Mocha.Suite {
    const root = new Mocha.Suite('');
    root.root = true;
    const suite = Mocha.Suite.create(root, 'sampled');
    for (let part = 0; part < parts; part += 1) {
      const child = Mocha.Suite.create(suite, `part ${part}`);
      for (const name of ['one', 'two']) child.addTest(new Mocha.Test(name, () => undefined));
    }
    Mocha.Suite.create(root, 'other').addTest(new Mocha.Test('always', () => undefined));
    sampleParts(suite, count);
    return root;
  }

  const titlesOf = (suite: Mocha.Suite): string[] => [
    ...suite.tests.map((test) => test.fullTitle()),
    ...suite.suites.flatMap(titlesOf),
  ];

  it('takes a sample of whole parts, the same for the same seed, and leaves other suites alone', () => {
    const [one, same, other] = [1, 1, 2].map((seed) => {
      const suite = suiteOf(40, 4);
      keepSample(suite, seed);
      return titlesOf(suite);
    });
    assert.equal(one!.length, 21);
    assert.deepEqual(one, same);
    assert.notDeepEqual(one, other);
    assert.ok(one!.includes('other always'));
    const none = suiteOf(40, Infinity);
    keepSample(none, 1);
    assert.deepEqual(titlesOf(none), ['other always']);
  });
});
