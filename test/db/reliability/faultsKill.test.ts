import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { watchBoundaries } from '../../support/faults/boundaries.ts';
import { FaultSet } from '../../support/faults/faultSet.ts';
import type { KillOrder } from '../../support/faults/killedChild.ts';
import { createScenario, type Scenario } from '../../support/faults/scenarios.ts';
import { randomSource } from '../../support/randomSource.ts';
import { countTried } from '../../support/triedCounts.ts';
import { runsAll } from '../../support/sample.ts';

const child = path.join(import.meta.dirname, '../../support/faults/killedChild.ts');
const labels = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const;
/** How many steps are taken at least; those after which something may last always are. FAULTS=all takes every step. */
const sampleSize = 6;

/** Those after which something may last. */
const lasting = /COMMIT|fs (link|rename|rm)|file sync/;
/** Those in the middle of which the process is killed too. */
const writing = /COMMIT|DELETE FROM|INSERT OR|VACUUM|TRUNCATE|COPY|end of rows|fs link/;

for (const engine of ['sqlite', 'postgres'] as const) {
  for (const kind of ['backup', 'restore'] as const) {
    describe(`${labels[engine]}: a ${kind} whose process is killed`, function () {
      this.timeout(120_000);
      let scenario: Scenario;
      let folder: string;
      const before = process.env['TMPDIR'];

      beforeEach(async () => {
        folder = await mkdtemp(path.join(tmpdir(), 'faults-test-'));
        scenario = await createScenario(engine, kind, folder);
        process.env['TMPDIR'] = folder;
      });
      afterEach(async () => {
        if (before === undefined) delete process.env['TMPDIR'];
        else process.env['TMPDIR'] = before;
        await scenario.remove();
        await rm(folder, { recursive: true, force: true });
      });

      async function stepsOf(): Promise<string[]> {
        const unwatch = await watchBoundaries();
        try {
          const faults = new FaultSet();
          await scenario.judge(await scenario.run(faults), faults);
          return faults.steps;
        } finally {
          unwatch();
        }
      }

      async function kill(at: string, late: boolean): Promise<void> {
        const order: KillOrder = { order: scenario.order, at, late };
        const killed = spawn(process.execPath, ['--no-warnings', child, JSON.stringify(order)], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let said = '';
        killed.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
        await once(killed, 'close');
        assert.equal(killed.signalCode, 'SIGKILL', `the fault never fired: ${said}`);
      }

      /** What it left is taken for fresh work of somebody else for a day. */
      async function waitADay(): Promise<void> {
        const then = Date.now() / 1000 - 25 * 60 * 60;
        for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
          if (/^restore-point-|-part$/.test(entry.name))
            await utimes(path.join(entry.parentPath, entry.name), then, then);
        }
      }

      async function killAndLook(at: string, late: boolean, mayBeDone: boolean): Promise<void> {
        await kill(at, late);
        await scenario.unattended();
        const state = await scenario.state();
        if (!mayBeDone) assert.equal(state, 'old', 'it is done and COMMIT was not sent');
        await scenario.takePublished();
        await waitADay();
        // The next run works, and removes what this one has left.
        const faults = new FaultSet();
        await scenario.judge(await scenario.run(faults), faults);
      }

      it('leaves the old state or the new one, and the next run removes what it left', async () => {
        const steps = await stepsOf();
        const random = randomSource(`${labels[engine]} ${kind}, killed`);
        const all = process.env['FAULTS'] === 'all';
        const lastingSteps = steps.filter((step) => all || lasting.test(step));
        const sample = new Set(runsAll ? lastingSteps : lastingSteps.slice(-1));
        const wanted = runsAll ? sampleSize : 2;
        while (sample.size < Math.min(steps.length, wanted)) sample.add(random.pick(steps));
        const commit = steps.findLastIndex((step) => step.includes('COMMIT'));
        const lost: string[] = [];
        let tried = 0;
        for (const at of sample) {
          for (const late of writing.test(at) ? [false, true] : [false]) {
            tried += 1;
            const index = steps.indexOf(at);
            const sent = kind === 'restore' && (index > commit || (late && index === commit));
            await killAndLook(at, late, sent).catch((error: unknown) =>
              lost.push(`${at}${late ? ', in the middle' : ''}: ${String(error)}`),
            );
          }
        }
        countTried('faults', `${labels[engine]} ${kind}: kill -9`, tried, lost.length);
        assert.deepEqual(lost, []);
      });
    });
  }
}
