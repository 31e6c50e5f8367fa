import * as vscode from 'vscode';
import { refusedTables } from '../../core/errors.ts';
import { formatCount, formatDuration } from '../../core/format.ts';
import type { RestoreReport } from '../../restore/restoreBackup.ts';
import type { RestoreQuestions, RestoreTask } from '../../worker/protocol.ts';
import { usableOf } from '../connections/connection.ts';
import { safetyFolderFor } from '../backups/backupOrigin.ts';
import { pruneSafetyBackups, rememberRestore, rememberUndo } from '../backups/pastRestores.ts';
import { restoreEnds } from '../progress.ts';
import { tablesText } from '../quantities.ts';
import { changesText } from '../restoreReportText.ts';
import { chooseTables } from '../../restore/choosePart.ts';
import type { MessageAction } from '../errorBoundary.ts';
import type { Services } from '../services.ts';
import { safetyBackupsWanted } from '../settings.ts';
import { shownName } from '../names.ts';
import { askToRun, confirmRestore } from './confirmRestore.ts';
import { tableMatcher, withoutText } from './continueWithout.ts';
import type { RestoreRequest } from './restoreRequest.ts';
import { countingLimit } from './tableDifferences.ts';

/**
 * Restores in a separate process: asks for confirmation, shows progress, and reports the result. If some tables are
 * refused, offers to continue without them.
 */
export async function restore(services: Services, request: RestoreRequest): Promise<RestoreReport> {
  if (request.quiet) return await restoreOnce(services, request);
  const operation = request.undo ? vscode.l10n.t('Undo') : vscode.l10n.t('Restore');
  return await services.boundary.attempt(
    operation,
    () => restoreOnce(services, request),
    (error) => continueWithout(services, operation, request, refusedTables(error)),
  );
}

function continueWithout(
  services: Services,
  operation: string,
  request: RestoreRequest,
  refused: readonly string[],
): MessageAction[] {
  const isRefused = tableMatcher(refused);
  const chosen = chooseTables(request.manifest, request.tables).map(({ table }) => table.name);
  const tables = chosen.filter((name) => !isRefused(name));
  // An undo puts back everything or nothing.
  if (request.undo || refused.length === 0 || tables.length === 0) return [];
  const run = (): unknown =>
    services.boundary.run(operation, () => restore(services, { ...request, tables }));
  return [{ title: withoutText(refused), run }];
}

async function restoreOnce(services: Services, request: RestoreRequest): Promise<RestoreReport> {
  const { file, connection, keys } = request;
  const { settings } = usableOf(connection);
  const safetyFolder = safetyBackupsWanted() ? await safetyFolderFor(services, connection) : undefined;
  const encrypt = safetyFolder === undefined ? undefined : settings.encrypt;
  const safetyLock = await services.keys.lockFor(encrypt, connection, request.keyOptions, keys);
  const display = {
    title: request.undo
      ? vscode.l10n.t('Undoing the restore in {0}', connection.name)
      : vscode.l10n.t('Restoring into {0}', connection.name),
    views: ['restorePoint.connections'] as const,
    ends: restoreEnds,
    ...(request.token ? { token: request.token } : {}),
  };
  const task: RestoreTask = {
    database: await services.connector.access(connection, { ask: request.keyOptions.ask }),
    ...{ file, mode: request.mode, connection: connection.id },
    // Nobody reads a summary that is confirmed already.
    ...(request.confirmed ? {} : { countChanges: { milliseconds: countingLimit } }),
    ...(request.tables ? { tables: request.tables } : {}),
    ...(safetyFolder === undefined ? {} : { safetyFolder }),
    ...(safetyLock ? { safetyLock } : {}),
    ...(keys ? { keys: await keys.known() } : {}),
  };
  const questions: RestoreQuestions = {
    mayRun: async (code) =>
      request.trusted || (await askToRun(services, { file, target: connection.name }, code)),
    confirm: async (plan, manifest) =>
      request.confirmed || (await confirmRestore(services, request, task, { plan, ...manifest })),
  };
  const report = await services.backups.noting(
    services.work.run(display, (work) => services.workers.restore(task, questions, work)),
  );
  await noteRestore(services, request, report);
  await services.sessions.close(connection);
  services.connectionsTree.refresh(connection);
  logReport(services, report);
  if (!request.quiet) showRestoreResult(services, request, report);
  return report;
}

/** Remembers what is needed to undo it, and keeps only so many safety backups. */
async function noteRestore(
  services: Services,
  { file, connection, mode, undo }: RestoreRequest,
  { safetyBackup }: RestoreReport,
): Promise<void> {
  if (safetyBackup === undefined) {
    if (undo) await rememberUndo(services, file);
    return;
  }
  const past = { safetyBackup, connection: connection.key, mode, backup: file };
  await rememberRestore(services, { ...past, ...(undo ? { isUndo: true } : {}) });
  await pruneSafetyBackups(services, connection, safetyBackup);
}

function logReport({ log }: Services, report: RestoreReport): void {
  for (const { table, rowsBefore, rowsAfter, inserted, updated, kept = 0, removed = 0 } of report.tables) {
    const same = kept > 0 ? `, ${formatCount(kept)} already as in the backup` : '';
    const gone = removed > 0 ? `, ${formatCount(removed)} others removed` : '';
    log.info(
      `  ${shownName(table)}: ${formatCount(rowsBefore)} → ${formatCount(rowsAfter)} rows ` +
        `(${formatCount(inserted - kept)} inserted, ${formatCount(updated)} updated${same}${gone})`,
    );
  }
  for (const table of report.created) log.info(`  created: ${shownName(table)}`);
  for (const warning of report.warnings) log.warn(`  ${warning}`);
  if (report.safetyBackup) log.info(`  The state before the restore is in ${report.safetyBackup}`);
}

function showRestoreResult(services: Services, request: RestoreRequest, report: RestoreReport): void {
  const { safetyBackup, warnings } = report;
  const seeLog = warnings.length > 0 ? vscode.l10n.t('See the log for warnings.') : '';
  const undo = {
    title: vscode.l10n.t('Undo Restore'),
    run: () =>
      vscode.commands.executeCommand('restorePoint.undoRestore', {
        uri: safetyBackup,
        connection: request.connection.key,
      }),
  };
  services.boundary.inform([doneText(request, report), seeLog].filter(Boolean).join(' '), [
    ...(safetyBackup === undefined || request.undo ? [] : [undo]),
    { title: vscode.l10n.t('Show Log'), run: () => services.log.show() },
  ]);
}

function doneText({ connection, undo }: RestoreRequest, report: RestoreReport): string {
  const time = formatDuration(report.milliseconds);
  const tables = tablesText(report.tables.length + report.opaque.length);
  if (undo) {
    return vscode.l10n.t(
      'Restore undone: put back and verified {0} of {1} in {2}.',
      tables,
      connection.name,
      time,
    );
  }
  if (report.only === 'schema') {
    return vscode.l10n.t(
      'Created what was missing in {0} in {1}. No rows were written.',
      connection.name,
      time,
    );
  }
  return vscode.l10n.t(
    'Restored and verified {0} of {1} in {2}: {3}.',
    tables,
    connection.name,
    time,
    changesText(report),
  );
}
