import * as path from 'node:path';
import * as vscode from 'vscode';
import type { BackupFile } from '../../backup/backupFiles.ts';
import type { ScheduleState } from '../../schedule/runner.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import type { Connection } from '../connections/connection.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import type { ErrorBoundary } from '../errorBoundary.ts';
import { tooltipOfParts } from '../markdown.ts';
import { ageText, momentText } from '../quantities.ts';
import { statusBarWanted } from '../settings.ts';
import type { Schedules } from './schedules.ts';
import { scheduleProblem } from './scheduleText.ts';

interface Needed {
  readonly store: ConnectionStore;
  readonly backups: BackupIndex;
  readonly boundary: ErrorBoundary;
  /** The connection that a backup was taken from, if that is clear. */
  readonly takenFrom: (file: string, manifest: Manifest) => Connection | undefined;
}

/** The backups of one connection: how old the last one is, and what its schedule does. */
export interface BackupStatus {
  readonly connection: Connection;
  readonly state?: ScheduleState;
  readonly lastBackup?: Date;
  /** Why the schedule cannot be used. */
  readonly problem?: string;
}

const refreshInterval = 30_000;

/** The item of the status bar: the age of the last good backup; with a warning when a backup is overdue or has failed. */
export class BackupStatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('restorePoint.backups', vscode.StatusBarAlignment.Left);
  readonly #services: Needed;
  readonly #schedules: Schedules;
  readonly #subscriptions: readonly vscode.Disposable[];
  #refreshing: Promise<void> = Promise.resolve();
  #waiting = false;

  constructor(services: Needed, schedules: Schedules) {
    this.#services = services;
    this.#schedules = schedules;
    this.#item.name = vscode.l10n.t('Last Backup');
    this.#item.command = 'restorePoint.showBackupStatus';
    const timer = setInterval(() => this.#refresh(), refreshInterval);
    const refresh = (): void => this.#refresh();
    this.#subscriptions = [
      this.#item,
      new vscode.Disposable(() => clearInterval(timer)),
      schedules.onDidChange(refresh),
      services.backups.onDidChange(refresh),
      services.store.onDidChange(refresh),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('restorePoint.statusBar')) refresh();
      }),
    ];
    refresh();
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** What the item shows, for tests; undefined while it is hidden. */
  get shown(): { readonly text: string; readonly tooltip: string; readonly warning: boolean } | undefined {
    if (this.#hidden) return undefined;
    const { text, tooltip, backgroundColor } = this.#item;
    const shownTooltip = typeof tooltip === 'object' ? tooltip.value : (tooltip ?? '');
    return { text, tooltip: shownTooltip, warning: backgroundColor !== undefined };
  }
  #hidden = true;

  /** Of every connection, those that need attention first. */
  async statuses(): Promise<BackupStatus[]> {
    if (!vscode.workspace.isTrusted) return [];
    const backups = await this.#services.backups.list();
    const all = this.#services.store.list().map((connection) => this.#statusOf(connection, backups));
    return all.sort((a, b) => urgencyOf(b) - urgencyOf(a) || ageOf(b) - ageOf(a));
  }

  /** Resolves when the item shows what is known now. */
  async settled(): Promise<void> {
    this.#refresh();
    await this.#refreshing;
  }

  #statusOf(connection: Connection, backups: readonly BackupFile[]): BackupStatus {
    const state = this.#schedules.stateOf(connection);
    const found = backups.find(
      ({ file, manifest, problem }) =>
        problem === undefined &&
        manifest?.complete === true &&
        manifest.purpose === 'backup' &&
        this.#services.takenFrom(file, manifest)?.key === connection.key,
    );
    const noted = state?.record.lastBackup;
    // An encrypted backup does not say whose it is.
    const ofSchedule = noted && backups.some(({ file }) => file === noted.file) ? noted.at : 0;
    const last = Math.max(found?.time.getTime() ?? 0, ofSchedule);
    const problem = scheduleProblem(connection);
    return {
      connection,
      ...(state ? { state } : {}),
      ...(last > 0 ? { lastBackup: new Date(last) } : {}),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  #refresh(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#refreshing = this.#refreshing.then(async () => {
      this.#waiting = false;
      await this.#services.boundary.run(vscode.l10n.t('Showing the last backup'), () => this.#show());
    });
  }

  async #show(): Promise<void> {
    const statuses = await this.statuses();
    const shown = statuses.filter(({ state, lastBackup, problem }) => state ?? lastBackup ?? problem);
    const [first] = shown;
    this.#hidden = !first || !statusBarWanted();
    if (!first || this.#hidden) return this.#item.hide();
    const now = this.#schedules.clock.now();
    const warning = urgencyOf(first) > 0;
    this.#item.text = shown.some(({ state }) => state?.running)
      ? `$(sync~spin) ${shortText(first, now)}`
      : `$(${warning ? 'warning' : 'history'}) ${shortText(first, now)}`;
    this.#item.tooltip = tooltipOfParts(
      shown.map((status) => ({ title: status.connection.name, paragraphs: statusLines(status, now) })),
    );
    this.#item.backgroundColor = warning
      ? new vscode.ThemeColor('statusBarItem.warningBackground')
      : undefined;
    this.#item.accessibilityInformation = {
      label: [first.connection.name, ...statusLines(first, now)].join(', '),
      role: 'button',
    };
    this.#item.show();
  }
}

/** Failures come before late runs, and these before the rest. */
function urgencyOf({ state, problem }: BackupStatus): number {
  if (problem !== undefined || state?.record.failure) return 2;
  return state?.overdue ? 1 : 0;
}

function ageOf({ state, lastBackup }: BackupStatus): number {
  // Connections with a schedule come first.
  return (state ? 1e15 : 0) - (lastBackup?.getTime() ?? 0);
}

function shortText({ connection: { name }, state, lastBackup, problem }: BackupStatus, now: number): string {
  if (problem !== undefined) return vscode.l10n.t('{0}: schedule not valid', name);
  if (state?.record.failure) return vscode.l10n.t('{0}: backup failed', name);
  if (state?.overdue) return vscode.l10n.t('{0}: backup overdue', name);
  return lastBackup ? `${name}: ${ageText(lastBackup, now)}` : vscode.l10n.t('{0}: no backup', name);
}

/** For people: what went wrong, the last backup, whether something changed since, and the next run. */
export function statusLines({ state, lastBackup, problem }: BackupStatus, now: number): string[] {
  const { failure, unchangedAt, lastBackup: noted } = state?.record ?? {};
  const moment = (time: number): string => momentText(new Date(time), new Date(now));
  return [
    ...(problem === undefined ? [] : [problem]),
    ...(failure
      ? [vscode.l10n.t('Failed at {0}: {1}', moment(failure.at), inWorkspace(failure.reason))]
      : []),
    lastBackup
      ? vscode.l10n.t('Last backup: {0} ({1})', moment(lastBackup.getTime()), ageText(lastBackup, now))
      : vscode.l10n.t('No backup yet'),
    ...(unchangedAt !== undefined && noted
      ? [vscode.l10n.t('No changes since {0} (checked at {1})', moment(noted.at), moment(unchangedAt))]
      : []),
    ...(state ? [nextText(state, moment)] : []),
  ];
}

/** A reason without the paths of the workspace folders, as other messages show files. */
function inWorkspace(reason: string): string {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.reduce((text, { uri }) => text.replaceAll(`${uri.fsPath}${path.sep}`, ''), reason);
}

function nextText(
  { running, due, overdue, record, scheduled }: ScheduleState,
  moment: (time: number) => string,
): string {
  const { text } = scheduled.schedule;
  if (running) return vscode.l10n.t('Backup in progress ({0})', text);
  if (record.failure) return vscode.l10n.t('Next attempt: {0} ({1})', moment(due), text);
  return overdue
    ? vscode.l10n.t('Overdue since {0} ({1})', moment(due), text)
    : vscode.l10n.t('Next backup: {0} ({1})', moment(due), text);
}
