import assert from 'node:assert/strict';
import { sampleOf } from '../sample.ts';
import { watchBoundaries } from './boundaries.ts';
import { type Fault, FaultSet, withFaults } from './faultSet.ts';

export const stepFaults = ['that fails', 'at which it is cancelled'] as const;

/** One piece of work, which is done again and again. */
export interface RepeatedWork {
  /** Makes what the work begins with. */
  prepare?(): unknown;
  run(options: { readonly signal?: AbortSignal }): Promise<unknown>;
  /** Throws where it is not left as it should be. */
  judge(faults: FaultSet, error: unknown): void | Promise<void>;
  /** Removes what the work made. */
  cleanUp?(): unknown;
}

/**
 * Does the work once for each of its steps (in a sample: one in four), with a fault at that step. Resolves to the steps, to
 * those that were tried, and to what was lost at which.
 */
export async function tryEveryStep(
  kind: (typeof stepFaults)[number],
  work: RepeatedWork,
): Promise<{
  readonly steps: readonly string[];
  readonly tried: readonly string[];
  readonly lost: readonly string[];
}> {
  const attempt = async (fault?: Fault, signal?: AbortSignal): Promise<[FaultSet, unknown]> => {
    await work.prepare?.();
    const faults = new FaultSet(fault);
    const error = await withFaults(faults, () =>
      work.run(signal ? { signal } : {}).then(
        () => undefined,
        (caught: unknown) => caught,
      ),
    );
    return [faults, error];
  };
  const unwatch = await watchBoundaries();
  try {
    const runs: (readonly string[])[] = [];
    for (let run = 0; run < 2; run += 1) {
      const [faults, error] = await attempt();
      assert.equal(error, undefined);
      runs.push(faults.steps);
      await work.cleanUp?.();
    }
    // What is done beside the work need not come each time.
    const steps = runs[0]!.filter((step) => runs[1]!.includes(step));
    assert.ok(steps.length > 20);
    const lost: string[] = [];
    const tried = [...sampleOf(steps.length, 4)].map((index) => steps[index]!);
    for (const at of tried) {
      const controller = new AbortController();
      const fault: Fault =
        kind === 'that fails' ? { at, fails: true } : { at, before: () => controller.abort() };
      const [faults, error] = await attempt(fault, controller.signal);
      try {
        assert.equal(faults.fired, 1, 'the fault never fired');
        await work.judge(faults, error);
      } catch (wrong) {
        lost.push(`${at}: ${String(wrong)} [${String(error)}]`);
      }
      await work.cleanUp?.();
    }
    return { steps, tried, lost };
  } finally {
    unwatch();
  }
}
