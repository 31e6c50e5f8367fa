import type { WriteAnswer } from '../core/chosenRows.ts';
import { cancelled } from '../core/errors.ts';
import type { RestoreOutcome } from '../core/outcome.ts';
import type { TableChange, TablePlan } from '../core/plan.ts';
import type { FinishedRestore, OpenedRestore, PreparedRestore, WorkOptions } from './engine.ts';
import type { CheckedRows, OpenedRows, WrittenRows } from './rowRestore.ts';

/** The work of an engine in the states of a restore. Only `RestoreSteps` calls it, in the order of the states. */
export interface RestoreWork {
  readonly warnings?: readonly string[];
  prepare(): Promise<void>;
  load(table: TablePlan): Promise<TableChange>;
  finish(): Promise<void>;
  verify(table: TablePlan): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<RestoreOutcome>;
}

/** The same for a restore of chosen rows, and `RowSteps`. */
export interface RowWork {
  check(): Promise<Pick<CheckedRows, 'conflicts' | 'unchanged'>>;
  matching(): ReturnType<CheckedRows['matching']>;
  write(answer: WriteAnswer): Promise<Pick<WrittenRows, 'conflicts' | 'warnings'>>;
  rows(): ReturnType<WrittenRows['rows']>;
  verify(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<RestoreOutcome>;
}

/** A restore, and how a session ends it: what is not committed is undone. `close` never throws. */
interface Begun<Work> {
  readonly work: Work;
  readonly close: () => Promise<void>;
}

/**
 * The steps of work that its session may end at any time: the step that runs is cancelled and has ended before anything is
 * undone, and no step begins after that.
 */
class Steps<Work extends { rollback(): Promise<RestoreOutcome> }> {
  closed = false;
  protected readonly work: Work;
  readonly #close: () => Promise<void>;
  readonly #abort: AbortController;
  #running: Promise<unknown> = Promise.resolve();
  #ending = false;

  constructor({ work, close }: Begun<Work>, abort: AbortController) {
    this.work = work;
    this.#close = close;
    this.#abort = abort;
  }

  async rollback(): Promise<RestoreOutcome> {
    await this.#end();
    const outcome = await this.work.rollback();
    this.closed = true;
    return outcome;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#end();
    await this.#close();
    this.closed = true;
  }

  async #end(): Promise<void> {
    this.#ending = true;
    await this.#running;
  }

  protected step<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#ending) return Promise.reject(cancelled());
    const running = work();
    // Without the results: these would keep every page.
    this.#running = Promise.allSettled([this.#running, running]).then(() => undefined);
    return running;
  }

  /** The last step, after which nothing can be undone. */
  protected lastStep(work: () => Promise<void>): Promise<void> {
    return this.step(async () => {
      await work();
      this.closed = true;
    });
  }

  /** Gives pages; to make each of them is a step. */
  protected async *pages<Page>(pages: AsyncIterable<Page>): AsyncGenerator<Page> {
    const iterator = pages[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await this.step(() => iterator.next()).catch((error: unknown) => {
          ended = true;
          throw error;
        });
        ended = next.done === true;
        if (next.done) return;
        yield next.value;
      }
    } finally {
      // Where the transaction has ended, nothing is left that the iterator could put away.
      if (!ended) await this.step(async () => iterator.return?.()).catch(() => undefined);
    }
  }
}

/** Options whose signal also says that the session ends. */
function untilAborted(options: WorkOptions, abort: AbortController): WorkOptions {
  return { ...options, signal: AbortSignal.any([abort.signal, ...(options.signal ? [options.signal] : [])]) };
}

/** A restore whose session may end it at any time. */
export class RestoreSteps extends Steps<RestoreWork> implements OpenedRestore {
  /** `begin` gets the options for the restore: their signal also says that the session ends. */
  static begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun<RestoreWork>>,
  ): Promise<RestoreSteps>;
  static begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun<RestoreWork> | undefined>,
  ): Promise<RestoreSteps | undefined>;
  static async begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun<RestoreWork> | undefined>,
  ): Promise<RestoreSteps | undefined> {
    const abort = new AbortController();
    const begun = await begin(untilAborted(options, abort));
    return begun && new RestoreSteps(begun, abort);
  }

  async prepare(): Promise<PreparedRestore> {
    const { work } = this;
    await this.step(() => work.prepare());
    return {
      load: (table) => this.step(() => work.load(table)),
      finish: () => this.#finish(),
    };
  }

  async #finish(): Promise<FinishedRestore> {
    const { work } = this;
    await this.step(() => work.finish());
    return {
      warnings: work.warnings ?? [],
      verify: (table) => this.step(() => work.verify(table)),
      commit: () => this.lastStep(() => work.commit()),
    };
  }
}

/** A restore of chosen rows whose session may end it at any time. */
export class RowSteps extends Steps<RowWork> implements OpenedRows {
  /** See `RestoreSteps`. */
  static async begin(
    options: WorkOptions,
    begin: (options: WorkOptions) => Promise<Begun<RowWork>>,
  ): Promise<RowSteps> {
    const abort = new AbortController();
    return new RowSteps(await begin(untilAborted(options, abort)), abort);
  }

  async check(): Promise<CheckedRows> {
    const { work } = this;
    const checked = await this.step(() => work.check());
    return {
      ...checked,
      matching: () => this.pages(work.matching()),
      write: (answer) => this.#write(answer),
    };
  }

  async #write(answer: WriteAnswer): Promise<WrittenRows> {
    const { work } = this;
    const written = await this.step(() => work.write(answer));
    return {
      ...written,
      rows: () => this.pages(work.rows()),
      verify: () => this.step(() => work.verify()),
      commit: () => this.lastStep(() => work.commit()),
    };
  }
}
