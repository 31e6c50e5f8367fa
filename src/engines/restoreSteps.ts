import { cancelled } from '../core/errors.ts';
import type { RestoreOutcome } from '../core/outcome.ts';
import type { TableChange, TablePlan } from '../core/plan.ts';
import type { FinishedRestore, OpenedRestore, PreparedRestore, WorkOptions } from './engine.ts';

/** What an engine does in the states of a restore. `RestoreSteps` alone calls it, as these states allow. */
export interface RestoreWork {
  readonly warnings?: readonly string[];
  prepare(): Promise<void>;
  load(table: TablePlan): Promise<TableChange>;
  finish(): Promise<void>;
  verify(table: TablePlan): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<RestoreOutcome>;
}

/** A restore, and how a session ends it: what is not committed is undone. `close` never throws. */
interface Begun {
  readonly work: RestoreWork;
  readonly close: () => Promise<void>;
}

/**
 * A restore that its session may end at any time: the step that runs is cancelled and has ended before anything is undone,
 * and no step begins after that.
 */
export class RestoreSteps implements OpenedRestore {
  closed = false;
  readonly #begun: Begun;
  readonly #abort: AbortController;
  #running: Promise<unknown> = Promise.resolve();
  #ending = false;

  private constructor(begun: Begun, abort: AbortController) {
    this.#begun = begun;
    this.#abort = abort;
  }

  /** `begin` gets the options for the restore: their signal also says that the session ends. */
  static begin(options: WorkOptions, begin: (options: WorkOptions) => Promise<Begun>): Promise<RestoreSteps>;
  static begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun | undefined>,
  ): Promise<RestoreSteps | undefined>;
  static async begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun | undefined>,
  ): Promise<RestoreSteps | undefined> {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, ...(options.signal ? [options.signal] : [])]);
    const begun = await begin({ ...options, signal });
    return begun && new RestoreSteps(begun, abort);
  }

  async prepare(): Promise<PreparedRestore> {
    const { work } = this.#begun;
    await this.#step(() => work.prepare());
    return {
      load: (table) => this.#step(() => work.load(table)),
      finish: () => this.#finish(),
    };
  }

  async #finish(): Promise<FinishedRestore> {
    const { work } = this.#begun;
    await this.#step(() => work.finish());
    return {
      warnings: work.warnings ?? [],
      verify: (table) => this.#step(() => work.verify(table)),
      commit: () =>
        this.#step(async () => {
          await work.commit();
          this.closed = true;
        }),
    };
  }

  async rollback(): Promise<RestoreOutcome> {
    await this.#end();
    const outcome = await this.#begun.work.rollback();
    this.closed = true;
    return outcome;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#end();
    await this.#begun.close();
    this.closed = true;
  }

  async #end(): Promise<void> {
    this.#ending = true;
    await this.#running;
  }

  #step<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#ending) return Promise.reject(cancelled());
    const running = work();
    this.#running = Promise.allSettled([this.#running, running]);
    return running;
  }
}
