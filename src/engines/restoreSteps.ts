import { cancelled } from '../core/errors.ts';
import type { TableChange, TablePlan } from '../core/plan.ts';
import type { RestoreTransaction, WorkOptions } from './engine.ts';

/** A restore, and how a session ends it: what is not committed is undone. `close` never throws. */
interface Begun {
  readonly restore: RestoreTransaction;
  readonly close: () => Promise<void>;
}

/**
 * A restore that its session may end at any time: the step that runs is cancelled and has ended before anything is undone,
 * and no step begins after that.
 */
export class RestoreSteps implements RestoreTransaction {
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

  get warnings(): readonly string[] {
    return this.#begun.restore.warnings ?? [];
  }

  prepare(): Promise<void> {
    return this.#step(() => this.#begun.restore.prepare());
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#step(() => this.#begun.restore.load(table));
  }

  finish(): Promise<void> {
    return this.#step(() => this.#begun.restore.finish());
  }

  verify(table: TablePlan): Promise<void> {
    return this.#step(() => this.#begun.restore.verify(table));
  }

  commit(): Promise<void> {
    return this.#step(async () => {
      await this.#begun.restore.commit();
      this.closed = true;
    });
  }

  async rollback(): Promise<void> {
    await this.#end();
    await this.#begun.restore.rollback();
    this.closed = true;
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
