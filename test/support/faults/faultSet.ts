/** What a fault does at its step. */
export interface Fault {
  /** A step that a run without a fault told, or several: `fs rename #2`. */
  readonly at: string | readonly string[];
  /** The call does not happen, and ends as it does when the system fails. */
  readonly fails?: boolean;
  /** Done before the call, which then happens. */
  readonly before?: () => void | Promise<void>;
}

/**
 * The steps of one piece of work: every call that the product makes at its real boundaries, counted by what it is. At
 * one of them a fault happens; below all others, and below it, the real thing runs.
 */
export class FaultSet {
  readonly steps: string[] = [];
  fired = 0;
  /** Calls that are made meanwhile are none of the work. */
  paused = false;
  /** The call that failed was one that removes: what it was to remove stays. */
  failedToRemove = false;
  readonly #counts = new Map<string, number>();
  readonly #fault: Fault | undefined;

  constructor(fault?: Fault) {
    this.#fault = fault;
  }

  /** Told at each call. True when the call has to fail; a promise has to be waited for before the call. */
  step(call: string): boolean | Promise<void> {
    if (this.paused) return false;
    const count = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.set(call, count);
    const step = `${call} #${count}`;
    this.steps.push(step);
    if (!this.#fault || ![this.#fault.at].flat().includes(step)) return false;
    this.fired += 1;
    const waiting = this.#fault.before?.();
    if (!this.#fault.fails) return waiting ?? false;
    this.failedToRemove = call.startsWith('fs rm');
    return true;
  }
}

let active: FaultSet | undefined;

/** The set whose work is under way. */
export function activeFaults(): FaultSet | undefined {
  return active;
}

/** Runs work whose calls are counted, and met by the set's fault. One at a time in a process. */
export async function withFaults<Result>(set: FaultSet, work: () => Promise<Result>): Promise<Result> {
  if (active) throw new Error('Another set of faults is at work');
  active = set;
  try {
    return await work();
  } finally {
    active = undefined;
  }
}
