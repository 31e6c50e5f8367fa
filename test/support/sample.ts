import type { Suite } from 'mocha';
import { seededSource, usualSeed } from './randomSource.ts';

/**
 * Whether all tests are run (`npm run test:all`). Otherwise (`npm test`) those of the longest suites are a sample, chosen by
 * the seed: the same one each time, so that a change is not blamed for what is older; SEED=new draws another.
 */
export const runsAll = process.env['RESTORE_POINT_TESTS'] !== 'sample';

/** The seed of this run: see `randomSource`. */
export function seedOfRun(): number {
  const asked = process.env['SEED'] ?? String(usualSeed);
  return asked === 'new' ? Math.floor(Math.random() * 2 ** 31) : Number(asked);
}

const shares = new WeakMap<Suite, number>();

/**
 * Inside a `describe`, which is `suite`: in a sample one in `count` of its parts (tests, and suites as a whole) is run; none
 * where `count` is Infinity.
 */
export function sampleParts(suite: Suite, count: number): void {
  shares.set(suite, count);
}

/** How many cases a test tries that can try any number of them: in a sample a part. CASES in the environment overrules. */
export function casesOf(all: number, sample: number): number {
  return Number(process.env['CASES'] ?? (runsAll ? all : sample));
}

/** Takes the tests out that are not in the sample. */
export function keepSample(suite: Suite, seed: number): void {
  const count = shares.get(suite);
  if (count !== undefined) keepOneIn(suite, count, seed);
  else for (const child of suite.suites) keepSample(child, seed);
}

function keepOneIn(suite: Suite, count: number, seed: number): void {
  const parts = [...suite.tests, ...suite.suites];
  const random = seededSource(seed ^ hash(suite.fullTitle()));
  const kept = new Set<Mocha.Test | Suite>();
  while (kept.size < Math.ceil(parts.length / count)) kept.add(random.pick(parts));
  suite.tests = suite.tests.filter((test) => kept.has(test));
  suite.suites = suite.suites.filter((child) => kept.has(child));
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}
