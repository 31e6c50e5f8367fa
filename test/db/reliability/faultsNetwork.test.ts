import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { RestorePointError } from '../../../src/core/errors.ts';
import { watchBoundaries } from '../../support/faults/boundaries.ts';
import { FaultSet } from '../../support/faults/faultSet.ts';
import { createScenario, eventually, type Scenario } from '../../support/faults/scenarios.ts';
import { backUp, usePostgres, withTransaction } from '../../support/postgresRestores.ts';
import { itInAll } from '../../support/sample.ts';
import { startSilentProxy } from '../../support/silentProxy.ts';
import { countTried } from '../../support/triedCounts.ts';

/** A few steps of each stage, where the others would say the same. */
const steps = {
  backup: [/READ ONLY/, /to_json.*#3$/, /COPY .*#1$/],
  restore: [
    /READ WRITE/,
    /LOCK TABLE/,
    /DELETE FROM/,
    /end of rows #2/,
    /ADD CONSTRAINT/,
    /COPY .* TO STDOUT/,
  ],
} as const;

for (const kind of ['backup', 'restore'] as const) {
  describe(`PostgreSQL: a ${kind} whose server or network is gone`, function () {
    this.timeout(120_000);
    let scenario: Scenario;
    let folder: string;
    let unwatch: () => void;
    let chosen: string[];

    beforeEach(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'faults-test-'));
      scenario = await createScenario('postgres', kind, folder);
      unwatch = await watchBoundaries();
      const faults = new FaultSet();
      await scenario.judge(await scenario.run(faults), faults);
      chosen = steps[kind].map((pattern) => {
        const step = faults.steps.find((candidate) => pattern.test(candidate));
        assert.ok(step, `there is no step like ${pattern.source}`);
        return step;
      });
    });
    afterEach(async () => {
      unwatch();
      await scenario.remove();
      await rm(folder, { recursive: true, force: true });
    });

    async function atChosenSteps(what: string, one: (at: string) => Promise<void>): Promise<void> {
      const lost: string[] = [];
      for (const at of chosen) {
        await one(at).catch((error: unknown) => lost.push(`${at}: ${String(error)}`));
      }
      countTried('faults', `PostgreSQL ${kind}: ${what}`, chosen.length, lost.length);
      assert.deepEqual(lost, []);
    }

    it('because the server crashed and started again: nothing is changed', () =>
      atChosenSteps('server killed and started', async (at) => {
        const faults = new FaultSet({ at, before: () => scenario.crashServer() });
        const outcome = await scenario.run(faults);
        await scenario.judge(outcome, faults);
        assert.equal(faults.fired, 1, 'the fault never fired');
        assert.ok(RestorePointError.is(outcome.error, 'connection'), String(outcome.error));
      }));

    itInAll('because the network went silent: it can be cancelled, and nothing is changed', () =>
      atChosenSteps('network silent, then cancelled', async (at) => {
        const url = new URL(scenario.order.url);
        const proxy = await startSilentProxy(Number(url.port));
        url.port = String(proxy.port);
        const controller = new AbortController();
        let cancelledAt = 0;
        const silence = (): void => {
          proxy.silence();
          setTimeout(() => {
            cancelledAt = performance.now();
            controller.abort();
          }, 50);
        };
        const faults = new FaultSet({ at, before: silence });
        const outcome = await scenario.run(faults, {
          signal: controller.signal,
          url: url.href,
          // As far as the server can see, the client is still there.
          inside: () => {
            console.log(
              `        ${at}: ended ${Math.round(performance.now() - cancelledAt)} ms after it was cancelled`,
            );
          },
        });
        console.log(`        closed ${Math.round(performance.now() - cancelledAt)} ms after`);
        await proxy.close();
        await scenario.judge(outcome, faults);
        assert.equal(faults.fired, 1, 'the fault never fired');
        assert.ok(RestorePointError.is(outcome.error, 'cancelled'), String(outcome.error));
      }),
    );
  });
}

describe('PostgreSQL: a network that is gone without a word', () => {
  const postgres = usePostgres();

  it('is asked for in less than two minutes, by this side and by the server', async () => {
    const database = await postgres.create('CREATE TABLE t (a integer)');
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    const { port } = new URL(database.url);
    await withTransaction(file, database, 'replace', async ([prepare]) => {
      await prepare!();
      // The connection in the transaction, from both of its ends; what was said last has to be acknowledged first.
      await eventually('nobody asks', () => {
        const timers = keepaliveSeconds(Number(port));
        return Promise.resolve(
          timers.some((left) => left <= 10) && timers.some((left) => left > 10 && left <= 60),
        );
      });
    });
  });
});

/** In how many seconds the kernel asks the other end of each connection to a port, or from it. */
function keepaliveSeconds(port: number): number[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, local, remote, , , timer] = line.trim().split(/\s+/);
    const [kind, ticks] = timer?.split(':') ?? [];
    const ours = local?.endsWith(`:${hex}`) || remote?.endsWith(`:${hex}`);
    return ours && kind === '02' ? [parseInt(ticks!, 16) / 100] : [];
  });
}
