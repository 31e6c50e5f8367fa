import * as vscode from 'vscode';
import type { Phase, ProgressEvent, ReportProgress } from '../core/progress.ts';
import { ProgressMeter } from '../core/progressMeter.ts';
import type { WorkOptions } from '../engines/engine.ts';
import type { Log } from './log.ts';

/** Total progress at the end of each phase, in percent. A phase begins where the previous one ended. */
export type PhaseEnds = Partial<Readonly<Record<Phase, number>>>;

export const backupEnds: PhaseEnds = { snapshot: 40, read: 97, publish: 100 };
export const verifyEnds: PhaseEnds = { check: 40, prepare: 55, verify: 100 };
export const proveEnds: PhaseEnds = {
  check: 8,
  plan: 10,
  prepare: 20,
  load: 50,
  constraints: 60,
  verify: 75,
  commit: 77,
  snapshot: 80,
  compare: 100,
};
export const salvageEnds: PhaseEnds = { check: 60, read: 97, publish: 100 };
export const compareEnds: PhaseEnds = { snapshot: 20, compare: 100 };
export const exportEnds: PhaseEnds = { snapshot: 5, read: 97, publish: 100 };
export const restoreEnds: PhaseEnds = {
  check: 10,
  plan: 12,
  snapshot: 18,
  read: 25,
  prepare: 30,
  compare: 45,
  load: 75,
  constraints: 80,
  verify: 98,
  commit: 100,
};

export interface WorkDisplay {
  readonly title: string;
  /** The views that show a progress bar. */
  readonly views: readonly ('restorePoint.connections' | 'restorePoint.backups')[];
  readonly ends: PhaseEnds;
  /** Cancels the work, like the notification's button. */
  readonly token?: vscode.CancellationToken;
}

/** Milliseconds between two updates of a notification. */
const updateInterval = 200;

/** Shows long work as a cancellable notification, and can stop all running work. */
export class WorkRunner {
  readonly #log: Log;
  readonly #running = new Map<AbortController, Promise<unknown>>();

  constructor(log: Log) {
    this.#log = log;
  }

  async run<Result>(
    display: WorkDisplay,
    work: (options: WorkOptions & { readonly signal: AbortSignal }) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    const listener = display.token?.onCancellationRequested(() => controller.abort());
    if (display.token?.isCancellationRequested) controller.abort();
    const notification = {
      location: vscode.ProgressLocation.Notification,
      title: display.title,
      cancellable: true,
    };
    const running = vscode.window.withProgress(notification, async (progress, token) => {
      token.onCancellationRequested(() => controller.abort());
      const report = reporter(progress, display.ends);
      const result = work({ signal: controller.signal, report, logger: this.#log });
      for (const viewId of display.views) {
        void vscode.window.withProgress({ location: { viewId } }, () => settled(result));
      }
      return await result;
    });
    this.#running.set(controller, settled(Promise.resolve(running)));
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
      listener?.dispose();
    }
  }

  /** Work that is not shown, and that only `stopAll` cancels. */
  async inBackground<Result>(
    work: (options: WorkOptions & { readonly signal: AbortSignal }) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    const running = work({ signal: controller.signal, logger: this.#log });
    this.#running.set(controller, settled(running));
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
    }
  }

  /** Cancels all work and waits until it has cleaned up. */
  async stopAll(): Promise<void> {
    for (const controller of this.#running.keys()) controller.abort();
    await Promise.all(this.#running.values());
  }
}

/** Waits for the end of the work. Its error goes to the code that started it. */
async function settled(work: Promise<unknown>): Promise<void> {
  await work.then(
    () => undefined,
    () => undefined,
  );
}

function reporter(
  progress: vscode.Progress<{ message?: string; increment?: number }>,
  ends: PhaseEnds,
): ReportProgress {
  const meter = new ProgressMeter();
  let shown = -Infinity;
  let phase: Phase | undefined;
  let begin = 0;
  let percent = 0;
  return (event: ProgressEvent) => {
    const { title, detail, fraction } = meter.update(event);
    const now = performance.now();
    if (event.phase === phase && now - shown < updateInterval) return;
    if (event.phase !== phase) begin = percent;
    phase = event.phase;
    shown = now;
    const end = ends[event.phase] ?? begin;
    const reached = Math.max(percent, begin + (end - begin) * (fraction ?? 0));
    progress.report({
      message: detail ? `${title} · ${detail}` : title,
      // The first increment turns an endless bar into one with an end.
      ...(reached > percent ? { increment: reached - percent } : {}),
    });
    percent = reached;
  };
}
