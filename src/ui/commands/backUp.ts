import * as path from 'node:path';
import * as vscode from 'vscode';
import { backupExtension, checkBackupName, encryptedExtension } from '../../backup/backupFiles.ts';
import type { BackupReport, BackupSelection } from '../../backup/takeBackup.ts';
import type { BackupLabel } from '../../core/backupLabel.ts';
import type { ConnectionSettings } from '../../core/connectionSettings.ts';
import { refusedTables } from '../../core/errors.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';
import { parseTableName } from '../../core/names.ts';
import type { LeftOut } from '../../core/schema.ts';
import type { BackupTask } from '../../worker/protocol.ts';
import { usableOf, type Connection } from '../connections/connection.ts';
import { offerToIgnore } from '../backups/gitIgnoreOffer.ts';
import { revealInBackups } from '../backups/revealInBackups.ts';
import { backupEnds } from '../progress.ts';
import { rowsText, tablesText } from '../quantities.ts';
import type { Services } from '../services.ts';
import { backupFolder, compression } from '../settings.ts';
import { keyArguments, labelArgument, textArgument, tokenArgument } from './commandArguments.ts';
import { isQuiet } from './commandTable.ts';
import { tableMatcher, withoutText } from './continueWithout.ts';

/** Whether and how a backup is encrypted, and the passphrase if it is already known. */
interface Encryption {
  readonly encrypt: ConnectionSettings['encrypt'];
  readonly passphrase?: string;
}

/** The parts that stay the same when a backup is retried. */
interface Prepared {
  readonly connection: Connection;
  readonly task: Omit<BackupTask, 'database' | 'selection'>;
  readonly argument: unknown;
}

/**
 * Takes a backup in a separate process, shows progress, and reports the result. If some tables are refused, offers to
 * continue without them.
 */
export async function backUp(
  services: Services,
  connection: Connection,
  selection: BackupSelection,
  argument: unknown,
  { encrypt, passphrase }: Encryption = { encrypt: usableOf(connection).settings.encrypt },
  label?: BackupLabel,
): Promise<BackupReport> {
  const folder = await chooseFolder(connection);
  const keyOptions = { ...keyArguments(argument), ...(passphrase === undefined ? {} : { passphrase }) };
  const lock = await services.keys.lockFor(encrypt, connection, keyOptions);
  const place = await choosePlace(connection, folder, textArgument(argument, 'file'), lock !== undefined);
  const task = {
    ...{ place, compression: compression(folder), connection: connection.id },
    ...(lock ? { lock } : {}),
    ...labelArgument(argument),
    ...(label ? { label } : {}),
  };
  const prepared = { connection, task, argument };
  return isQuiet(argument)
    ? await backUpOnce(services, prepared, selection)
    : await attempt(services, prepared, selection);
}

async function attempt(
  services: Services,
  prepared: Prepared,
  selection: BackupSelection,
): Promise<BackupReport> {
  const operation = vscode.l10n.t('Backup');
  return await services.boundary.attempt(
    operation,
    () => backUpOnce(services, prepared, selection),
    (error) => {
      const refused = refusedTables(error);
      const isRefused = tableMatcher(refused);
      if (refused.length === 0 || selection.where || selection.tables?.every(isRefused)) return [];
      const exclude = [...(selection.exclude ?? []), ...refused.map(parseTableName)];
      const run = (): unknown =>
        services.boundary.run(operation, () => attempt(services, prepared, { ...selection, exclude }));
      return [{ title: withoutText(refused), run }];
    },
  );
}

async function backUpOnce(
  services: Services,
  { connection, task, argument }: Prepared,
  selection: BackupSelection,
): Promise<BackupReport> {
  const display = {
    title: vscode.l10n.t('Backing up {0}', connection.name),
    views: ['restorePoint.connections', 'restorePoint.backups'] as const,
    ends: backupEnds,
    ...tokenArgument(argument),
  };
  const database = await services.connector.access(connection, { ask: !isQuiet(argument) });
  const report = await services.work.run(display, (options) =>
    services.workers.backUp({ ...task, database, selection }, options),
  );
  services.backups.refresh();
  for (const left of report.leftOut) services.log.warn(`Not in the backup: ${describeLeftOut(left)}`);
  for (const note of report.notes) services.log.warn(note);
  if (!isQuiet(argument)) {
    showBackupResult(services, report);
    if (!task.lock) await offerToIgnore(services, report.file);
  }
  return report;
}

/** The workspace folder that gets the backup; undefined when no folder is open. */
async function chooseFolder(connection: Connection): Promise<vscode.WorkspaceFolder | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const own = connection.scope.target === vscode.ConfigurationTarget.WorkspaceFolder;
  if (folders.length <= 1 || own) return connection.scope.folder;
  const folder = await vscode.window.showWorkspaceFolderPick({
    placeHolder: vscode.l10n.t('Choose a workspace folder for the backup'),
  });
  if (!folder) throw new vscode.CancellationError();
  return folder;
}

/** The backup folder, or a file if there is no such folder. */
async function choosePlace(
  connection: Connection,
  folder: vscode.WorkspaceFolder | undefined,
  file: string | undefined,
  encrypted: boolean,
): Promise<BackupTask['place']> {
  if (file === undefined && folder) return { folder: backupFolder(folder) };
  const chosen = file ?? (await askForFile(connection, encrypted));
  checkBackupName(chosen, encrypted);
  return { file: path.resolve(folder?.uri.fsPath ?? '', chosen) };
}

async function askForFile({ id }: Connection, encrypted: boolean): Promise<string> {
  const extension = encrypted ? encryptedExtension : backupExtension;
  const uri = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Back Up To'),
    defaultUri: vscode.Uri.file(path.resolve(`${id}${extension}`)),
    filters: { [vscode.l10n.t('Backups')]: [extension.slice(1)] },
  });
  if (!uri) throw new vscode.CancellationError();
  // Not every dialog adds the ending.
  return path.extname(uri.fsPath) === '' ? `${uri.fsPath}${extension}` : uri.fsPath;
}

function showBackupResult(services: Services, report: BackupReport): void {
  const { file, tables, rows, bytes, milliseconds, leftOut } = report;
  const uri = vscode.Uri.file(file);
  const done = vscode.l10n.t(
    'Backed up {0}, {1} ({2}) in {3}.',
    tablesText(tables.length),
    rowsText(rows),
    formatBytes(bytes),
    formatDuration(milliseconds),
  );
  const run = (id: string) => () => vscode.commands.executeCommand(id, uri);
  services.boundary.inform([done, leftOutText(leftOut)].filter(Boolean).join(' '), [
    { title: vscode.l10n.t('Show in Backups'), run: () => revealInBackups(services, file) },
    { title: vscode.l10n.t('Show Contents'), run: run('restorePoint.showContents') },
    leftOut.length > 0
      ? { title: vscode.l10n.t('Show Log'), run: () => services.log.show() }
      : { title: vscode.l10n.t('Restore…'), run: run('restorePoint.restoreBackup') },
  ]);
}

function leftOutText(leftOut: readonly LeftOut[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const kinds = leftOut.map(({ kind, names }) => `${names.length} ${kind}`).join(', ');
  return vscode.l10n.t('Not included: {0}. The log says why.', kinds);
}

function describeLeftOut({ kind, names, reason }: LeftOut): string {
  return `${kind} ${names.join(', ')} (${reason})`;
}
