import type { RestorePlan } from '../../src/core/plan.ts';
import type { FinishedRestore, OpenedRestore, PreparedRestore } from '../../src/engines/engine.ts';

export interface TestStep {
  readonly name: 'prepare' | 'load' | 'finish' | 'verify' | 'commit';
  readonly run: () => Promise<unknown>;
}

/** The steps of a restore in their order, to be taken one by one. */
export function stepsOf(opened: OpenedRestore, plan: RestorePlan): TestStep[] {
  let prepared: PreparedRestore | undefined;
  let finished: FinishedRestore | undefined;
  return [
    { name: 'prepare', run: async () => (prepared = await opened.prepare()) },
    ...plan.tables.map((table): TestStep => ({ name: 'load', run: () => prepared!.load(table) })),
    { name: 'finish', run: async () => (finished = await prepared!.finish()) },
    ...plan.tables.map((table): TestStep => ({ name: 'verify', run: () => finished!.verify(table) })),
    { name: 'commit', run: () => finished!.commit() },
  ];
}
