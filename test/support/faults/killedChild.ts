/**
 * A process that does a backup or a restore and is killed by itself, as `kill -9` does it, when it comes to a step:
 * before the call, or with `late` right after it was made. The first argument says all of it, as JSON.
 */
import { watchBoundaries } from './boundaries.ts';
import { FaultSet, withFaults } from './faultSet.ts';
import { work, type WorkOrder } from './scenarios.ts';

export interface KillOrder {
  readonly order: WorkOrder;
  readonly at: string;
  readonly late: boolean;
}

const { order, at, late } = JSON.parse(process.argv[2]!) as KillOrder;
const die = (): void => void process.kill(process.pid, 'SIGKILL');
await watchBoundaries();
const faults = new FaultSet({ at, before: late ? () => void setImmediate(die) : die });
const { error } = await withFaults(faults, () => work(order));
console.error('It was not killed', error);
