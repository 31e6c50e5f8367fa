import { type ChildProcess, fork } from 'node:child_process';
import {
  type CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ResponseError,
} from 'vscode-jsonrpc/node';
import type { ArrangedCells } from '../backup/arrangedBackup.ts';
import type { SalvageReport } from '../backup/salvageBackup.ts';
import type { BackupReport } from '../backup/takeBackup.ts';
import type { VerifyReport } from '../backup/verifyBackup.ts';
import type { CountedTable } from '../compare/countDifferences.ts';
import type {
  CheckedCounts,
  DifferenceChoice,
  DifferenceQuery,
  DifferenceRows,
  StoredComparison,
} from '../compare/differenceStore.ts';
import type { FoundRow, TextSearch } from '../core/arrangement.ts';
import type { Cell } from '../core/cells.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { WorkOptions } from '../engines/engine.ts';
import type { RelatedCounts } from '../restore/chosenRows/restoreRows.ts';
import type { RowsReport } from '../restore/chosenRows/rowsReport.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';
import type { ScheduledBackupReport } from '../schedule/takeScheduledBackup.ts';
import { errorOf, type PlainError, plainOf } from './plainErrors.ts';
import type { ProofReport } from '../restore/proveBackup.ts';
import * as protocol from './protocol.ts';

/** How much of a crashed worker's last output is kept, in characters. */
const lastWords = 2000;
/** For a process that lives as long as a comparison is shown. */
const small = {
  flags: ['--optimize-for-size', '--max-semi-space-size=2'],
  // What glibc has to give back is spread over as few places as threads can do with.
  env: { MALLOC_ARENA_MAX: '1' },
};

/**
 * Does long work in processes of their own, one for each piece: what shares this process goes on undisturbed, its memory
 * and its threads are its own, and nobody here can drop the locks that work on a SQLite file holds (POSIX drops those of
 * a whole process when any part of it closes the file).
 */
export class Workers {
  readonly #script: string;

  /** `script`: the bundle of worker.ts. */
  constructor(script: string) {
    this.#script = script;
  }

  /** Throws as `Engine.connect` and `takeBackup`. */
  backUp(task: protocol.BackupTask, options: WorkOptions): Promise<BackupReport> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.backUp, task, token));
  }

  /** Throws as `Engine.connect` and `takeScheduledBackup`. */
  scheduledBackUp(task: protocol.ScheduledBackupTask, options: WorkOptions): Promise<ScheduledBackupReport> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.scheduledBackUp, task, token));
  }

  /** Throws as `Engine.connect` and `restoreBackup`, and what the answers to its questions throw. */
  restore(
    task: protocol.RestoreTask,
    questions: protocol.RestoreQuestions,
    options: WorkOptions,
  ): Promise<RestoreReport> {
    return this.#run(options, (worker, token) => {
      answerQuestions(worker, questions);
      return worker.sendRequest(protocol.restore, task, token);
    });
  }

  /** Throws as `Engine.createDatabase` and `restoreBackup`. A failure leaves no database behind. */
  restoreIntoNew(
    task: protocol.NewDatabaseTask,
    questions: protocol.RestoreQuestions,
    options: WorkOptions,
  ): Promise<protocol.NewDatabaseReport> {
    return this.#run(options, (worker, token) => {
      answerQuestions(worker, questions);
      return worker.sendRequest(protocol.restoreIntoNew, task, token);
    });
  }

  /** Throws as `exportLiveTable` and `exportBackedUpTable`, and `file`. */
  exportTable(task: protocol.ExportTask, options: WorkOptions): Promise<protocol.ExportedFile> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.exportTable, task, token));
  }

  /** Throws as `Engine.connect` and `countDifferences`. */
  countDifferences(task: protocol.CountTask, options: WorkOptions): Promise<readonly CountedTable[]> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.countDifferences, task, token));
  }

  /** Throws as `verifyBackup`. */
  verify(task: protocol.VerifyTask, options: WorkOptions): Promise<VerifyReport> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.verify, task, token));
  }

  /** Throws as `proveBackup`, and what the answer to its question throws. */
  prove(
    task: protocol.ProveTask,
    questions: Pick<protocol.RestoreQuestions, 'mayRun'>,
    options: WorkOptions,
  ): Promise<ProofReport> {
    return this.#run(options, (worker, token) => {
      // Nothing that is there is written.
      answerQuestions(worker, { ...questions, confirm: () => Promise.resolve(true) });
      return worker.sendRequest(protocol.prove, task, token);
    });
  }

  /** Throws as `salvageBackup`. */
  salvage(task: protocol.SalvageTask, options: WorkOptions): Promise<SalvageReport> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.salvage, task, token));
  }

  /** Takes back the rows that a restore has written. Throws as `restoreRows`. */
  takeBackRows(task: protocol.RestoreRowsTask, options: WorkOptions): Promise<RowsReport> {
    return this.#run(options, (worker, token) => worker.sendRequest(protocol.restoreRows, task, token));
  }

  /** Throws as `compareSides`. The process lives until the comparison is closed. */
  compare(task: protocol.CompareTask, options: WorkOptions): Promise<OpenComparison> {
    return this.#openComparison(options, (to, token) => to.sendRequest(protocol.compare, task, token));
  }

  /** Throws as `compareRow`. The process lives until the comparison is closed. */
  compareRow(task: protocol.CompareRowTask, options: WorkOptions): Promise<OpenComparison> {
    return this.#openComparison(options, (to, token) => to.sendRequest(protocol.compareRow, task, token));
  }

  /** Throws as `compareWritten`. The process lives until the comparison is closed. */
  compareWritten(task: protocol.VerifyTask, options: WorkOptions): Promise<OpenComparison> {
    return this.#openComparison(options, (to, token) => to.sendRequest(protocol.compareWritten, task, token));
  }

  async #openComparison(options: WorkOptions, request: Request<StoredComparison>): Promise<OpenComparison> {
    throwIfCancelled(options.signal);
    const worker = new Worker(this.#script, options, small);
    const ask: Ask = (asked, signal) => worker.ask(asked, signal);
    try {
      const comparison = await ask(request, options.signal);
      return {
        comparison,
        read: (query, signal) =>
          ask((to, token) => to.sendRequest(protocol.readDifferences, query, token), signal),
        value: async (place) =>
          (await ask((to, token) => to.sendRequest(protocol.readDifferingValue, place, token)))?.cell,
        check: (choice) => ask((to, token) => to.sendRequest(protocol.checkDifferences, choice, token)),
        restore: (restoreTask, signal) =>
          ask((to, token) => to.sendRequest(protocol.restoreRows, restoreTask, token), signal),
        countRelated: (relatedTask, signal) =>
          ask((to, token) => to.sendRequest(protocol.countRelated, relatedTask, token), signal),
        close: () => worker.end(),
      };
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** Throws as `ArrangedBackup.open`. The process lives until the rows are closed. */
  async openRows(task: protocol.OpenRowsTask, options: WorkOptions): Promise<OpenRows> {
    throwIfCancelled(options.signal);
    const worker = new Worker(this.#script, options, small);
    const ask: Ask = (request, signal) => worker.ask(request, signal);
    try {
      await ask((to, token) => to.sendRequest(protocol.openRows, task, token), options.signal);
      return {
        arrange: (arrangement, signal) =>
          ask((to, token) => to.sendRequest(protocol.arrangeRows, arrangement, token), signal),
        page: (page, signal) =>
          ask((to, token) => to.sendRequest(protocol.readArranged, page, token), signal),
        find: (search, signal) =>
          ask((to, token) => to.sendRequest(protocol.findRows, search, token), signal),
        near: async (from, signal) =>
          (await ask((to, token) => to.sendRequest(protocol.nearFound, from, token), signal)) ?? undefined,
        close: () => worker.end(),
      };
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  async #run<Report>(options: WorkOptions, request: Request<Report>): Promise<Report> {
    throwIfCancelled(options.signal);
    const worker = new Worker(this.#script, options);
    try {
      return await worker.ask(request, options.signal);
    } finally {
      worker.end();
    }
  }
}

type Request<Report> = (worker: MessageConnection, token: CancellationToken) => Promise<Report>;

type Ask = <Report>(request: Request<Report>, signal?: AbortSignal) => Promise<Report>;

/** A comparison whose differences are in a process of its own. */
export interface OpenComparison {
  readonly comparison: StoredComparison;
  /** See `DifferenceStore`. */
  read(query: DifferenceQuery, signal?: AbortSignal): Promise<DifferenceRows>;
  /** Undefined if there is no such value. */
  value(place: protocol.DifferingValue): Promise<Cell | undefined>;
  check(choice: DifferenceChoice): Promise<readonly CheckedCounts[]>;
  /** Throws as `restoreRows`. */
  restore(task: protocol.RestoreRowsTask, signal?: AbortSignal): Promise<RowsReport>;
  /** How many rows would come along with the checked ones. Throws as `restoreRows`. */
  countRelated(task: protocol.RelatedTask, signal?: AbortSignal): Promise<RelatedCounts>;
  /** Ends the process, which takes the differences with it. */
  close(): void;
}

/** A backup whose rows are arranged in a process of its own. See `ArrangedBackup`. */
export interface OpenRows {
  arrange(task: protocol.ArrangeRowsTask, signal?: AbortSignal): Promise<number>;
  page(task: protocol.ArrangedPageTask, signal?: AbortSignal): Promise<ArrangedCells>;
  find(search: TextSearch, signal?: AbortSignal): Promise<number>;
  near(from: protocol.NearFoundTask, signal?: AbortSignal): Promise<FoundRow | undefined>;
  /** Ends the process. */
  close(): void;
}

/** One process and the connection to it. */
class Worker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<RestorePointError>;
  readonly #connection: MessageConnection;

  constructor(script: string, { report, logger }: WorkOptions, how?: typeof small) {
    this.#child = start(script, how);
    this.#ended = endOf(this.#child);
    this.#connection = createMessageConnection(
      new IPCMessageReader(this.#child),
      new IPCMessageWriter(this.#child),
    );
    this.#connection.onNotification(protocol.progress, (event) => report?.(event));
    this.#connection.onNotification(protocol.log, ({ level, message, error }) => {
      if (level === 'error') logger.error(message, error && errorOf(error));
      else logger[level](message);
    });
    this.#connection.listen();
  }

  async ask<Report>(request: Request<Report>, signal?: AbortSignal): Promise<Report> {
    const cancelling = new CancellationTokenSource();
    const cancel = (): void => cancelling.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const lost = this.#ended.then((error) => Promise.reject(error));
    try {
      return await Promise.race([request(this.#connection, cancelling.token), lost]);
    } catch (error) {
      if (error instanceof ResponseError && error.data) throw errorOf(error.data as PlainError);
      // The reason why the process ended says more than a message that could not be sent.
      throw this.#child.connected ? error : await this.#ended;
    } finally {
      signal?.removeEventListener('abort', cancel);
      lost.catch(() => undefined);
    }
  }

  end(): void {
    this.#connection.dispose();
    if (this.#child.connected) this.#child.disconnect();
  }
}

function start(script: string, { flags, env }: Partial<typeof small> = {}): ChildProcess {
  return fork(script, {
    // Electron is Node.js with this.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ...env },
    // Not those of a debugger of this process.
    execArgv: flags ?? [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** Resolves, when the process has ended, with what to tell where it should not have. */
function endOf(child: ChildProcess): Promise<RestorePointError> {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-lastWords)));
  return new Promise((resolve) => {
    const end = (how: string, cause: unknown): void =>
      resolve(
        new RestorePointError('database', `The process that did the work ${how}`, {
          unchanged: 'The database rolls back everything that was not committed.',
          next: 'Check the database, then try again. The log contains the last output of the process.',
          cause,
        }),
      );
    child.once('error', (error) => end(`could not be started: ${messageOf(error)}`, error));
    child.once('close', (code, signal) =>
      end(`ended unexpectedly (${signal ?? `code ${code}`})`, words ? new Error(words) : undefined),
    );
  });
}

function answerQuestions(worker: MessageConnection, questions: protocol.RestoreQuestions): void {
  worker.onRequest(protocol.mayRun, ({ asked }) => answer(() => questions.mayRun(...asked)));
  worker.onRequest(protocol.confirm, ({ asked }) => answer(() => questions.confirm(...asked)));
}

async function answer(ask: () => Promise<boolean>): Promise<boolean | ResponseError<PlainError>> {
  try {
    return await ask();
  } catch (error) {
    return new ResponseError(ErrorCodes.InternalError, messageOf(error), plainOf(error));
  }
}
