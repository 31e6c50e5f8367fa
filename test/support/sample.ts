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

/**
 * A test that is in `npm run test:all` only: it waits for a time limit, or needs long. The behaviour that it belongs to is in
 * other tests of the default run as well.
 */
export function itInAll(title: string, test: Mocha.AsyncFunc): void {
  if (runsAll) it(title, test);
}

/** The numbers below `length`: in a sample one in `count` of them, from where the seed says. */
export function* sampleOf(length: number, count: number): Generator<number> {
  const step = runsAll ? 1 : count;
  for (let at = seedOfRun() % step; at < length; at += step) yield at;
}

/** Of a list of cases: in a sample one in `count` of them. */
export function sampleItems<Item>(items: readonly Item[], count: number): Item[] {
  return [...sampleOf(items.length, count)].map((index) => items[index]!);
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
