/** A seeded source of random numbers. */
export interface RandomSource {
  readonly seed: number;
  /** From 0 up to, and without, `limit`. */
  readonly below: (limit: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  readonly bytes: (length: number) => Buffer;
}

export const usualSeed = 20_261_122;

/**
 * The source of a test, which prints its seed. It is always the same, so that a change is not blamed for what is older;
 * SEED=n in the environment takes another, and SEED=new one that nobody tried before.
 */
export function randomSource(title: string): RandomSource {
  const asked = process.env['SEED'] ?? String(usualSeed);
  const seed = asked === 'new' ? Math.floor(Math.random() * 2 ** 31) : Number(asked);
  console.log(`      ${title}: SEED=${seed}`);
  return seededSource(seed);
}

/** mulberry32: small, and good enough to choose test cases. */
export function seededSource(seed: number): RandomSource {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    seed,
    below,
    pick: (items) => {
      if (items.length === 0) throw new Error('nothing to pick from');
      return items[below(items.length)]!;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
