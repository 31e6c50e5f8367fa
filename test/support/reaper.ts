/**
 * Outlives the process that started it by a few seconds, to end that one's children and remove its temporary folders.
 *
 * The parent tells it on stdin, a JSON object a line, what it owns (see `Order`). When stdin ends, because the parent
 * ended in whatever way (a crash and SIGKILL too), what is still on the list is stopped and removed.
 */
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type StopPlan, stopGroup } from './processGroup.ts';

export type Order =
  { own: StopPlan } | { disown: StopPlan } | { ownFolder: string } | { disownFolder: string };

const groups = new Map<number, StopPlan>();
const folders = new Set<string>();

// The signals of the terminal mean the parent; its end is what counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line) as Order);

await Promise.allSettled([...groups.values()].map((plan) => stopGroup(plan)));
for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });

function obey(order: Order): void {
  if ('own' in order) groups.set(order.own.pid, order.own);
  else if ('disown' in order) groups.delete(order.disown.pid);
  else if ('ownFolder' in order) folders.add(order.ownFolder);
  else folders.delete(order.disownFolder);
}
