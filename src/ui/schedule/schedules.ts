import { access } from 'node:fs/promises';
import * as vscode from 'vscode';
import { stateFolder } from '../../backup/stateFolder.ts';
import {
  type Clock,
  type RunResult,
  type Scheduled,
  type ScheduleState,
  ScheduleRunner,
} from '../../schedule/runner.ts';
import type { Failure, LastBackup } from '../../schedule/runRecord.ts';
import { parseSchedule } from '../../schedule/schedule.ts';
import type { Workers } from '../../worker/workers.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import type { BackupKeys } from '../backups/backupKeys.ts';
import { type Connection, usableOf } from '../connections/connection.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import type { Connector } from '../connections/connector.ts';
import type { ErrorBoundary, MessageAction } from '../errorBoundary.ts';
import type { Log } from '../log.ts';
import type { WorkRunner } from '../progress.ts';
import { backupFolder, compression } from '../settings.ts';
import { scheduleProblem } from './scheduleText.ts';

interface Needed {
  readonly store: ConnectionStore;
  readonly keys: BackupKeys;
  readonly connector: Connector;
  readonly work: WorkRunner;
  readonly workers: Workers;
  readonly backups: BackupIndex;
  readonly boundary: ErrorBoundary;
  readonly log: Log;
}

/** Runs the scheduled backups of the connections in the settings while this window is open. */
export class Schedules implements vscode.Disposable {
  readonly clock: Clock;
  readonly #services: Needed;
  readonly #runner: ScheduleRunner;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: readonly vscode.Disposable[];

  readonly onDidChange = this.#changed.event;

  constructor(services: Needed, clock: Clock) {
    this.clock = clock;
    this.#services = services;
    this.#runner = new ScheduleRunner({
      ...{ clock, logger: services.log, stateFolder: stateFolder() },
      list: () => this.#list(),
      backUp: (scheduled, last) => this.#backUp(scheduled, last),
      tell: (scheduled, failure, error) => this.#tell(scheduled, failure, error),
      changed: () => this.#changed.fire(),
    });
    const look = (): void => void this.#runner.look();
    this.#subscriptions = [
      this.#changed,
      services.store.onDidChange(() => {
        this.#warnOfProblems();
        look();
      }),
    ];
    this.#warnOfProblems();
    look();
  }

  dispose(): void {
    void this.#runner.stop();
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** Begins no more runs, and waits for those that were begun. */
  async stop(): Promise<void> {
    await this.#runner.stop();
  }

  /** What is known of the schedule of a connection. */
  stateOf({ key }: Connection): ScheduleState | undefined {
    return this.#runner.states.find(({ scheduled }) => scheduled.key === key);
  }

  /** Backs up now, as the schedule would. */
  async backUpNow({ key }: Connection): Promise<void> {
    await this.#runner.retry(key);
  }

  /** Looks whether something is due, and waits until it has run. */
  async lookAndWait(): Promise<void> {
    await this.#runner.look();
    await this.#runner.idle();
  }

  #list(): Scheduled[] {
    if (!vscode.workspace.isTrusted) return [];
    return this.#services.store.list().flatMap((connection) => scheduledOf(connection) ?? []);
  }

  #warnOfProblems(): void {
    for (const connection of this.#services.store.list()) {
      const problem = scheduleProblem(connection);
      if (problem !== undefined) this.#services.log.warn(problem);
    }
  }

  #connectionOf({ key }: Scheduled): Connection {
    return this.#services.store.find(key);
  }

  /** Nothing is asked: what is missing is an error. */
  async #backUp(scheduled: Scheduled, last: LastBackup | undefined): Promise<RunResult> {
    const { keys, connector, work, workers, backups } = this.#services;
    const connection = this.#connectionOf(scheduled);
    const { encrypt } = usableOf(connection).settings;
    const lock = await keys.lockFor(encrypt, connection, { ask: false });
    const identities = lock && 'recipients' in lock ? await keys.identitiesOf(connection) : undefined;
    const database = await connector.access(connection, { ask: false });
    const lastSign = last && (await isThere(last.file)) ? last.sign : undefined;
    const { retention: keep } = scheduled.schedule;
    const result = await work.inBackground(async (options) =>
      workers.scheduledBackUp(
        {
          ...{ database, folder: scheduled.folder, connection: connection.id },
          compression: compression(connection.scope.folder),
          ...(lock ? { lock } : {}),
          ...(identities ? { keys: await identities.known() } : {}),
          ...(lastSign === undefined ? {} : { lastSign }),
          ...(keep ? { keep } : {}),
        },
        options,
      ),
    );
    if (result.kind === 'unchanged') return result;
    backups.refresh();
    for (const note of result.report.notes) this.#services.log.warn(note);
    return { kind: 'backedUp', file: result.report.file, ...(result.sign ? { sign: result.sign } : {}) };
  }

  #tell(scheduled: Scheduled, failure: Failure, error: unknown): void {
    const { boundary } = this.#services;
    const operation = vscode.l10n.t('The scheduled backup of {0}', scheduled.name);
    const again = (): unknown => boundary.run(operation, () => this.backUpNow(this.#connectionOf(scheduled)));
    const enter = (command: string) => async (): Promise<void> => {
      await vscode.commands.executeCommand(command, { connection: scheduled.key });
      await again();
    };
    const needed: Readonly<Record<NonNullable<Failure['needs']>, MessageAction>> = {
      password: { title: vscode.l10n.t('Enter Password…'), run: enter('restorePoint.enterPassword') },
      passphrase: { title: vscode.l10n.t('Enter Passphrase…'), run: enter('restorePoint.enterPassphrase') },
    };
    const retry = { title: vscode.l10n.t('Retry'), run: again };
    boundary.report(operation, error, failure.needs ? [needed[failure.needs]] : [retry]);
  }
}

/** Undefined without a schedule that can be used, and without a folder for backups. */
function scheduledOf(connection: Connection): Scheduled | undefined {
  const { usable, scope, key, id, name } = connection;
  if (usable?.settings.schedule === undefined || !scope.folder) return undefined;
  if (scheduleProblem(connection) !== undefined) return undefined;
  const { address, encrypt, schedule } = usable.settings;
  const { engine, file, host, port, database } = address;
  return {
    ...{ key, name, connection: id, folder: backupFolder(scope.folder) },
    target: JSON.stringify([engine, file, host, port, database]),
    schedule: parseSchedule(schedule, id),
    ...(encrypt === undefined ? {} : { encrypt: JSON.stringify(encrypt) }),
  };
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
