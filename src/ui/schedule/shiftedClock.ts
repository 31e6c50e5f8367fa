import { type Clock, realClock } from '../../schedule/runner.ts';

/** The clock of scheduled backups. Tests move it, so that they need not wait for a day to pass. */
export class ShiftedClock implements Clock {
  #shift = 0;

  now(): number {
    return realClock.now() + this.#shift;
  }

  setTimeout(run: () => void, milliseconds: number): () => void {
    return realClock.setTimeout(run, milliseconds);
  }

  /** As if the computer had slept for so long. */
  moveBy(milliseconds: number): void {
    this.#shift += milliseconds;
  }
}
