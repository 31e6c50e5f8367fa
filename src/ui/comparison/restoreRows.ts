import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import { formatCount, formatDuration } from '../../core/format.ts';
import type { ConflictAnswer } from '../../core/chosenRows.ts';
import type { WorkOptions } from '../../engines/engine.ts';
import type { RowsReport } from '../../restore/chosenRows/rowsReport.ts';
import type { RestoreRowsTask } from '../../worker/protocol.ts';
import { safetyFolderFor } from '../backups/backupOrigin.ts';
import { pruneSafetyBackups, rememberRestore, rememberUndo } from '../backups/pastRestores.ts';
import { usableOf, type Connection } from '../connections/connection.ts';
import { restoreEnds } from '../progress.ts';
import { rowsText } from '../quantities.ts';
import type { Services } from '../services.ts';
import { safetyBackupsWanted } from '../settings.ts';
import { conflictLine, conflictLines, rehearsedLines, writtenCount } from './rowsReportText.ts';

/** A restore of chosen rows: those that are checked in a comparison, or those that the file says a restore has written. */
export interface RowsRequest {
  readonly file: string;
  readonly keys?: Keys;
  readonly connection: Connection;
  /** Takes back what a restore has written. */
  readonly undo: boolean;
  /** What changes in the row, as lines, if it is one row. */
  readonly changes?: readonly string[];
  run(task: RestoreRowsTask, options: WorkOptions): Promise<RowsReport>;
}

/** Rehearses, asks, writes and reports. Throws `vscode.CancellationError` where the user does not go on. */
export async function restoreRows(services: Services, request: RowsRequest): Promise<RowsReport> {
  const { file, connection, undo } = request;
  const rehearsed = await runRows(services, request, { onConflict: 'skip', dryRun: true });
  const onConflict = await confirmRows(request, rehearsed);
  const report = await runRows(services, request, { onConflict, dryRun: false });
  const { safetyBackup } = report;
  if (safetyBackup !== undefined) {
    const past = { safetyBackup, connection: connection.key, mode: 'merge', backup: file } as const;
    await rememberRestore(services, { ...past, ...(undo ? { isUndo: true } : {}) });
    await pruneSafetyBackups(services, connection, safetyBackup);
  } else if (undo) await rememberUndo(services, file);
  await services.sessions.close(connection);
  services.connectionsTree.refresh(connection);
  for (const conflict of report.conflicts) services.log.warn(conflictLine(conflict, undo));
  showRowsResult(services, request, report);
  return report;
}

async function runRows(
  services: Services,
  request: RowsRequest,
  how: { readonly onConflict: ConflictAnswer; readonly dryRun: boolean },
): Promise<RowsReport> {
  const { file, keys, connection, undo } = request;
  const { settings } = usableOf(connection);
  const safetyFolder = safetyBackupsWanted() ? await safetyFolderFor(services, connection) : undefined;
  const encrypt = safetyFolder === undefined ? undefined : settings.encrypt;
  const safetyLock = await services.keys.lockFor(encrypt, connection, { ask: true }, keys);
  const task: RestoreRowsTask = {
    database: await services.connector.access(connection, { ask: true }),
    ...{ file, connection: connection.id, checked: !undo, ...how },
    ...(keys ? { keys: await keys.known() } : {}),
    ...(safetyFolder === undefined ? {} : { safetyFolder }),
    ...(safetyLock ? { safetyLock } : {}),
  };
  const display = {
    title: how.dryRun
      ? vscode.l10n.t('Checking what would change in {0}', connection.name)
      : vscode.l10n.t('Restoring into {0}', connection.name),
    views: ['restorePoint.connections'] as const,
    ends: restoreEnds,
  };
  return await services.backups.noting(services.work.run(display, (options) => request.run(task, options)));
}

/** Shows what the rehearsal has found; without conflicts nothing but a yes is asked. */
async function confirmRows(
  { connection, undo, changes }: RowsRequest,
  rehearsed: RowsReport,
): Promise<ConflictAnswer> {
  const { conflicts, skipped } = rehearsed;
  const question = undo
    ? vscode.l10n.t('Undo the restore of these rows in {0}?', connection.name)
    : changes
      ? vscode.l10n.t('Restore this row into {0}?', connection.name)
      : vscode.l10n.t('Restore these rows into {0}?', connection.name);
  const yes = undo ? vscode.l10n.t('Undo Restore') : vscode.l10n.t('Restore');
  const lines = [...(changes ? [...changes, ''] : []), ...rehearsedLines(rehearsed)];
  if (skipped === 0) {
    const detail = lines.join('\n');
    const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
    if (answer !== yes) throw new vscode.CancellationError();
    return 'stop';
  }
  const skip = vscode.l10n.t('Skip');
  const overwrite = vscode.l10n.t('Overwrite');
  const answers: vscode.MessageItem[] = [
    { title: skip },
    { title: overwrite },
    { title: vscode.l10n.t('Stop'), isCloseAffordance: true },
  ];
  const detail = [
    skipped === 1
      ? vscode.l10n.t('1 row cannot be restored as you chose it:')
      : vscode.l10n.t('{0} rows cannot be restored as you chose them:', formatCount(skipped)),
    ...conflictLines(conflicts, undo),
    '',
    vscode.l10n.t('Skip restores only the rest:'),
    ...lines,
    '',
    vscode.l10n.t(
      'Overwrite also replaces rows that have changed. If the database refuses a row, nothing is changed.',
    ),
    vscode.l10n.t('Stop changes nothing.'),
  ].join('\n');
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, ...answers);
  if (answer?.title === skip) return 'skip';
  if (answer?.title === overwrite) return 'overwrite';
  throw new vscode.CancellationError();
}

function showRowsResult(services: Services, { connection, undo }: RowsRequest, report: RowsReport): void {
  const { safetyBackup, skipped, milliseconds } = report;
  const [rows, time] = [rowsText(writtenCount(report)), formatDuration(milliseconds)];
  const done = undo
    ? vscode.l10n.t('Restore undone: put back and verified {0} of {1} in {2}.', rows, connection.name, time)
    : vscode.l10n.t('Restored and verified {0} of {1} in {2}.', rows, connection.name, time);
  const left = skipped > 0 ? vscode.l10n.t('{0} skipped: see the log.', rowsText(skipped)) : '';
  const argument = { uri: safetyBackup, connection: connection.key };
  services.boundary.inform([done, left].filter(Boolean).join(' '), [
    ...(safetyBackup === undefined || undo
      ? []
      : [
          {
            title: vscode.l10n.t('Undo Restore'),
            run: () => vscode.commands.executeCommand('restorePoint.undoRestore', argument),
          },
        ]),
    { title: vscode.l10n.t('Show Log'), run: () => services.log.show() },
  ]);
}
