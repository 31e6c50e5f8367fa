import { describeError, messageOf, RestorePointError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { type LockTimes, RunLock } from './runLock.ts';
import { type Failure, type LastBackup, runKey, type RunRecord, RunRecords } from './runRecord.ts';
import { dueTime, nextRuns, type Schedule } from './schedule.ts';

/** The time, which tests set. */
export interface Clock {
  /** In milliseconds since 1970. */
  now(): number;
  /** Returns a function that stops the timer. */
  setTimeout(run: () => void, milliseconds: number): () => void;
}

export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout(run, milliseconds) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** A connection with a schedule. */
export interface Scheduled {
  /** Identifies it in this window. */
  readonly key: string;
  /** For people. */
  readonly name: string;
  /** The id of the connection in the settings. */
  readonly connection: string;
  /** For people, without a secret: with the id and the folder it identifies what is backed up. */
  readonly target: string;
  /** The folder for its backups. */
  readonly folder: string;
  readonly schedule: Schedule;
  /** How its backups are encrypted, as a text to compare. */
  readonly encrypt?: string;
}

/** What a run has done. */
export type RunResult =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'backedUp'; readonly file: string; readonly sign?: string };

export interface RunnerOptions {
  readonly stateFolder: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The connections with a schedule, as the settings are now. */
  list(): readonly Scheduled[];
  /**
   * Takes a backup and verifies it, without a question; takes none if the database still has the sign of `last`. `last` is
   * left out if a backup must be taken.
   */
  backUp(scheduled: Scheduled, last: LastBackup | undefined): Promise<RunResult>;
  /** Tells the user of a failure; called once for failures that follow each other, and for each run that `retry` began. */
  tell(scheduled: Scheduled, failure: Failure, error: unknown): void;
  /** Something about the runs has changed. */
  changed(): void;
  readonly lockTimes?: LockTimes;
}

/** What is known of a schedule, to be shown. */
export interface ScheduleState {
  readonly scheduled: Scheduled;
  readonly record: RunRecord;
  readonly running: boolean;
  /** When the next run is due; after a failure, when it is tried again. */
  readonly due: number;
  /** The next run should have begun a while ago. */
  readonly overdue: boolean;
}

/** How often the runner looks at the clock and at what other windows did: timers stand still while a computer sleeps. */
const longestWait = 30_000;

const otherWindowWait = 5_000;

/** A run that is late by so much is overdue. */
const overdueAfter = 10 * 60_000;

const retryDelays = [1, 5, 15, 30, 60].map((minutes) => minutes * 60_000);

/**
 * Runs backups when they are due, for as long as this window is open. All windows that have the same connection and the same
 * backup folder share a lock and a record of the runs, so that one of them runs a backup.
 */
export class ScheduleRunner {
  readonly #options: RunnerOptions;
  readonly #records: RunRecords;
  readonly #locks = new Map<string, RunLock>();
  readonly #running = new Map<string, Promise<void>>();
  /** Records that could not be written: they count all the same, so that a run does not begin again and again. */
  readonly #unsaved = new Map<string, RunRecord>();
  #states: readonly ScheduleState[] = [];
  #looking: Promise<void> = Promise.resolve();
  #stopTimer: () => void = () => undefined;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#records = new RunRecords(options.stateFolder, options.logger);
  }

  /** What was known at the last look. */
  get states(): readonly ScheduleState[] {
    return this.#states;
  }

  /** Looks now, and from then on when something is due. Resolves when the look is over; runs may go on. */
  look(): Promise<void> {
    this.#stopTimer();
    return (this.#looking = this.#looking.then(() => this.#look()));
  }

  /** Runs one backup now, whatever its schedule says. Resolves when it has ended, also when it fails or another window has begun one. */
  async retry(key: string): Promise<void> {
    const scheduled = this.#options.list().find((one) => one.key === key);
    if (scheduled) await this.#start(scheduled, { asked: true });
    await this.look();
  }

  /** Begins no more runs, and waits for those that have begun. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer();
    await this.idle();
  }

  /** Resolves when no look and no run is under way. */
  async idle(): Promise<void> {
    await this.#looking;
    if (this.#running.size === 0) return;
    await Promise.all(this.#running.values());
    await this.idle();
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    const { clock, logger } = this.#options;
    try {
      for (const scheduled of this.#options.list()) {
        const record = await this.#recordOf(scheduled);
        if (dueOf(scheduled, record, clock.now()) <= clock.now())
          void this.#start(scheduled, { asked: false });
      }
      await this.#refresh();
    } catch (error) {
      logger.error(`Scheduled backups could not be checked: ${messageOf(error)}`, error);
    }
    if (this.#stopped) return;
    const waiting = this.#states.filter(({ running }) => !running).map(({ due }) => due - clock.now());
    // One that is due and does not run here runs in another window.
    const wait = Math.min(...waiting.map((left) => (left > 0 ? left : otherWindowWait)), longestWait);
    this.#stopTimer();
    this.#stopTimer = clock.setTimeout(() => void this.look(), wait);
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options;
    const states: ScheduleState[] = [];
    for (const scheduled of this.#options.list()) {
      const record = await this.#recordOf(scheduled);
      const now = clock.now();
      const running = this.#running.has(scheduled.key);
      const usual = dueTime(scheduled.schedule, record, now);
      states.push({
        ...{ scheduled, record, running },
        due: dueOf(scheduled, record, now),
        overdue: now - usual > overdueAfter && !running,
      });
    }
    this.#states = states;
    this.#options.changed();
  }

  /** The record, which begins when the schedule is seen first, and again when it is changed. */
  async #recordOf(scheduled: Scheduled): Promise<RunRecord> {
    const { key, fresh } = keyOf(scheduled, this.#options.clock.now());
    const record = this.#unsaved.get(key) ?? (await this.#records.read(key));
    if (record?.schedule === fresh.schedule) return record;
    const begun = { ...record, ...fresh };
    await this.#save(key, begun);
    return begun;
  }

  async #save(key: string, record: RunRecord): Promise<void> {
    try {
      await this.#records.write(key, record);
      this.#unsaved.delete(key);
    } catch (error) {
      const known = this.#unsaved.has(key);
      this.#unsaved.set(key, record);
      if (!known)
        this.#options.logger.error(
          `The state of the scheduled backups could not be saved: ${messageOf(error)}`,
          error,
        );
    }
  }

  #start(scheduled: Scheduled, how: { readonly asked: boolean }): Promise<void> {
    const known = this.#running.get(scheduled.key);
    if (known) return known;
    const run = this.#runLocked(scheduled, how)
      .catch((error: unknown) => {
        this.#options.logger.error(
          `The scheduled backup of ${scheduled.name} could not run: ${messageOf(error)}`,
          error,
        );
      })
      .finally(() => this.#running.delete(scheduled.key));
    this.#running.set(scheduled.key, run);
    void run.then(() => (this.#stopped ? undefined : this.look()));
    return run;
  }

  async #runLocked(scheduled: Scheduled, how: { readonly asked: boolean }): Promise<void> {
    const { key } = keyOf(scheduled, 0);
    const lock = this.#locks.get(key) ?? new RunLock(this.#records.folder, key, this.#options.lockTimes);
    this.#locks.set(key, lock);
    const release = await lock.take();
    if (!release) return;
    try {
      const { clock } = this.#options;
      const record = await this.#recordOf(scheduled);
      // Another window may have run it since this one looked.
      if (!how.asked && dueOf(scheduled, record, clock.now()) > clock.now()) return;
      await this.#save(key, await this.#run(scheduled, record, how));
    } finally {
      await release();
    }
  }

  /** Resolves to the record after the run. */
  async #run(
    scheduled: Scheduled,
    record: RunRecord,
    { asked }: { readonly asked: boolean },
  ): Promise<RunRecord> {
    const { clock, logger } = this.#options;
    const { name, encrypt, schedule } = scheduled;
    const at = clock.now();
    // A clock that was set back must not leave a time behind that has not come yet.
    const { failure, ...before } = { ...record, since: Math.min(record.since, at) };
    logger.info(`Scheduled backup of ${name} (${schedule.text})`);
    this.#options.changed();
    try {
      const { lastBackup } = before;
      const mayKeep = schedule.skipUnchanged && !asked && lastBackup?.encrypt === encrypt;
      const result = await this.#options.backUp(scheduled, mayKeep ? lastBackup : undefined);
      if (result.kind === 'unchanged') {
        const since = new Date(lastBackup!.at).toLocaleString();
        logger.info(`${name} has not changed since the backup of ${since}: no backup was taken`);
        return { ...before, lastRun: at, unchangedAt: at };
      }
      const { file, sign } = result;
      const { unchangedAt: _, ...rest } = before;
      const kept = { ...(sign === undefined ? {} : { sign }), ...(encrypt === undefined ? {} : { encrypt }) };
      if (failure) logger.info(`Scheduled backups of ${name} work again`);
      return { ...rest, lastRun: at, lastBackup: { at, file, ...kept } };
    } catch (error) {
      // The window closes: the next one runs it.
      if (this.#stopped || RestorePointError.is(error, 'cancelled')) return record;
      const next = failureOf(error, at, failure);
      logger.error(`The scheduled backup of ${name} failed: ${next.reason}`, error);
      if (asked || !failure) this.#options.tell(scheduled, next, error);
      return { ...before, failure: next };
    }
  }
}

/** The times of the next runs of a schedule, as it would run with this record. */
export function upcoming(
  schedule: Schedule,
  record: RunRecord | undefined,
  now: number,
  count: number,
): number[] {
  const since = record?.schedule === schedule.text ? record.since : now;
  const { lastRun } = record ?? {};
  return nextRuns(schedule, { since, ...(lastRun === undefined ? {} : { lastRun }) }, now, count);
}

function keyOf(
  { folder, connection, target, schedule }: Scheduled,
  since: number,
): { key: string; fresh: Pick<RunRecord, 'schedule' | 'since'> } {
  return { key: runKey({ folder, connection, target }), fresh: { schedule: schedule.text, since } };
}

/** After a failure it is tried again, less and less often. */
function dueOf({ schedule }: Scheduled, record: RunRecord, now: number): number {
  const usual = dueTime(schedule, record, now);
  const { failure } = record;
  if (!failure || failure.at > now) return usual;
  return failure.at + retryDelays[Math.min(failure.attempts, retryDelays.length) - 1]!;
}

function failureOf(error: unknown, at: number, before: Failure | undefined): Failure {
  const needs = RestorePointError.is(error) ? error.details.needs : undefined;
  return {
    since: before?.since ?? at,
    at,
    attempts: (before?.attempts ?? 0) + 1,
    reason: describeError(error),
    ...(needs === undefined ? {} : { needs }),
  };
}
