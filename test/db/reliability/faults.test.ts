import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { RestorePointError } from '../../../src/core/errors.ts';
import { watchBoundaries } from '../../support/faults/boundaries.ts';
import { FaultSet, type Fault } from '../../support/faults/faultSet.ts';
import { createScenario, type Scenario } from '../../support/faults/scenarios.ts';
import { countTried } from '../../support/triedCounts.ts';
import { runsAll } from '../../support/sample.ts';
import type { TestEngineId } from '../../support/testDatabases.ts';

const labels: Readonly<Record<TestEngineId, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

const titles = { backup: 'backup', restore: 'restore', rows: 'restore of chosen rows' } as const;

/** Steps after which something may last. */
const lasting = /COMMIT|fs (link|rename|rm)|file sync/;

for (const engine of ['sqlite', 'postgres'] as const) {
  for (const kind of ['backup', 'restore', 'rows'] as const) {
    describe(`${labels[engine]}: a fault at every step of a ${titles[kind]}`, function () {
      this.timeout(300_000);
      let scenario: Scenario;
      let unwatch: () => void;
      let folder: string;
      const before = process.env['TMPDIR'];

      beforeEach(async () => {
        folder = await mkdtemp(path.join(tmpdir(), 'faults-test-'));
        scenario = await createScenario(engine, kind, folder);
        process.env['TMPDIR'] = folder;
        unwatch = await watchBoundaries();
      });
      afterEach(async () => {
        unwatch();
        if (before === undefined) delete process.env['TMPDIR'];
        else process.env['TMPDIR'] = before;
        await scenario.remove();
        await rm(folder, { recursive: true, force: true });
      });

      /** Runs once without a fault, and twice: only what comes every time is a step. */
      async function stepsOf(): Promise<string[]> {
        const runs: string[][] = [];
        for (let run = 0; run < 2; run += 1) {
          const faults = new FaultSet();
          const outcome = await scenario.run(faults);
          assert.equal(outcome.error, undefined);
          await scenario.judge(outcome, faults);
          runs.push(faults.steps);
        }
        return runs[0]!.filter((step) => runs[1]!.includes(step));
      }

      /**
       * Every step gets one kind of fault, those after which something may last get each kind, and all do with FAULTS=all:
       * the others are done with in one and the same way.
       */
      function chosen(steps: readonly string[], kindOfFault: number): string[] {
        const kinds = engine === 'postgres' ? 3 : 2;
        return steps.filter(
          (step, index) =>
            process.env['FAULTS'] === 'all' ||
            (lasting.test(step) && (runsAll || index % kinds === kindOfFault)) ||
            index % (runsAll ? kinds : 16 * kinds) === kindOfFault,
        );
      }

      /** `expect` judges the error besides what holds after every fault. */
      async function atEveryStep(
        what: 'a call fails' | 'cancelled' | 'connection lost',
        make: (at: string) => { fault: Fault; signal?: AbortSignal },
        expect: (error: RestorePointError | undefined) => void,
      ): Promise<void> {
        const kindOfFault = ['a call fails', 'cancelled', 'connection lost'].indexOf(what);
        const all = await stepsOf();
        assert.ok(all.length > 20, `only ${all.length} steps`);
        const steps = chosen(all, kindOfFault);
        const lost: string[] = [];
        for (const at of steps) {
          const { fault, signal } = make(at);
          const faults = new FaultSet(fault);
          const outcome = await scenario.run(faults, signal ? { signal } : {});
          try {
            await scenario.judge(outcome, faults);
            assert.equal(faults.fired, 1, 'the fault never fired');
            expect(outcome.error as RestorePointError | undefined);
          } catch (error) {
            lost.push(`${at}: ${String(error)} [${String(outcome.error)}]`);
          }
        }
        countTried('faults', `${labels[engine]} ${kind}: ${what}`, steps.length, lost.length);
        assert.deepEqual(lost, []);
      }

      it('that fails', () =>
        atEveryStep(
          'a call fails',
          (at) => ({ fault: { at, fails: true } }),
          (error) => {
            assert.notEqual(error?.code, 'cancelled');
          },
        ));

      it('at which it is cancelled', () =>
        atEveryStep(
          'cancelled',
          (at) => {
            const controller = new AbortController();
            return { fault: { at, before: () => controller.abort() }, signal: controller.signal };
          },
          (error) => {
            if (error) assert.equal(error.code, 'cancelled');
          },
        ));

      if (engine === 'postgres') {
        it('at which the connection is lost', () =>
          atEveryStep(
            'connection lost',
            (at) => ({ fault: { at, before: () => scenario.terminate() } }),
            (error) => {
              if (error) assert.equal(error.code, 'connection');
            },
          ));
      }
    });
  }
}
