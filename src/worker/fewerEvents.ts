import { tableKey } from '../core/names.ts';
import type { ProgressEvent, ReportProgress } from '../core/progress.ts';

/** Milliseconds between two events of one table in one phase. */
const interval = 50;

/**
 * Passes only as many events as a user can see: for each phase and table the first, the last, and some in between.
 * `flush` sends what is held back.
 */
export function fewerEvents(send: ReportProgress): {
  readonly report: ReportProgress;
  readonly flush: () => void;
} {
  let last: ProgressEvent | undefined;
  let held: ProgressEvent | undefined;
  let sent = -Infinity;
  const flush = (): void => {
    if (held) send(held);
    held = undefined;
  };
  return {
    flush,
    report(event) {
      const goesOn = last?.phase === event.phase && tableOf(last) === tableOf(event);
      last = event;
      if (!goesOn) flush();
      const now = performance.now();
      if (goesOn && now - sent < interval) {
        held = event;
        return;
      }
      held = undefined;
      sent = now;
      send(event);
    },
  };
}

function tableOf({ table }: ProgressEvent): string | undefined {
  return table && tableKey(table);
}
