import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process that leads its own group is ended. */
export interface StopPlan {
  /** The leader's process id, which is the group's too. */
  readonly pid: number;
  /** Signals in the order in which they are tried; SIGKILL to the whole group follows by itself. */
  readonly signals: readonly NodeJS.Signals[];
  /** How long each signal has, in milliseconds. */
  readonly patience: number;
}

/** Ends a process group; resolves when no process of it is left. */
export async function stopGroup(plan: StopPlan): Promise<void> {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(plan.pid), '/T', '/F']);
    return;
  }
  for (const signal of plan.signals) {
    if (!signalGroup(plan.pid, signal) || (await groupEnds(plan.pid, plan.patience))) return;
  }
  signalGroup(plan.pid, 'SIGKILL');
  await groupEnds(plan.pid, plan.patience);
}

/** Sends a signal to a group; false if there is no such group any more. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // macOS says EPERM of a group in which only ended processes wait to be collected.
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function groupEnds(pid: number, patience: number): Promise<boolean> {
  const until = Date.now() + patience;
  while (signalGroup(pid, 0)) {
    if (Date.now() > until) return false;
    await sleep(25);
  }
  return true;
}
