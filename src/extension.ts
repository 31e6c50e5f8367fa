import * as path from 'node:path';
import * as vscode from 'vscode';
import { Proofs } from './backup/proofs.ts';
import { stateFolder } from './backup/stateFolder.ts';
import type { Manifest } from './core/manifest.ts';
import { engineById, engines, otherEngine, parseDatabaseUrl } from './engines/registry.ts';
import { BackupKeys } from './ui/backups/backupKeys.ts';
import { takenFrom } from './ui/backups/backupOrigin.ts';
import { DueProofs } from './ui/backups/dueProofs.ts';
import { BackupIndex } from './ui/backups/backupIndex.ts';
import { backupCommands } from './ui/commands/backupCommands.ts';
import { registerCommands } from './ui/commands/commandTable.ts';
import { compareCommands } from './ui/commands/compareCommands.ts';
import { connectionCommands } from './ui/commands/connectionCommands.ts';
import { exportCommands } from './ui/commands/exportCommands.ts';
import { fileCommands } from './ui/commands/fileCommands.ts';
import { historyCommand } from './ui/commands/historyCommand.ts';
import { importCommand } from './ui/commands/importConnections.ts';
import { newDatabaseCommand } from './ui/commands/newDatabaseCommand.ts';
import { proveCommand } from './ui/commands/proveCommand.ts';
import { restoreRow } from './ui/commands/restoreRow.ts';
import { restoreCommands } from './ui/commands/restoreCommands.ts';
import { retentionCommands } from './ui/commands/retentionCommands.ts';
import { scheduleCommands } from './ui/commands/scheduleCommands.ts';
import { showCommands } from './ui/commands/showCommands.ts';
import { viewCommands } from './ui/commands/viewCommands.ts';
import { showWrittenRows } from './ui/comparison/compare.ts';
import { Comparisons } from './ui/comparison/comparisons.ts';
import { TextDiffs } from './ui/comparison/textDiffs.ts';
import type { Connection } from './ui/connections/connection.ts';
import { Connector } from './ui/connections/connector.ts';
import { ConnectionStore } from './ui/connections/connectionStore.ts';
import { FoundConnectionsFinder } from './ui/connections/found/foundConnections.ts';
import { FoundCount } from './ui/connections/found/foundCount.ts';
import { Passphrases } from './ui/connections/passphrases.ts';
import { Passwords } from './ui/connections/passwords.ts';
import { SessionCache } from './ui/connections/sessionCache.ts';
import { ErrorBoundary } from './ui/errorBoundary.ts';
import { Log } from './ui/log.ts';
import { WorkRunner } from './ui/progress.ts';
import { Schedules } from './ui/schedule/schedules.ts';
import { BackupStatusBar } from './ui/schedule/statusBar.ts';
import type { Services } from './ui/services.ts';
import { Statements } from './ui/statements.ts';
import { BackupsTree } from './ui/tree/backupsTree.ts';
import { ConnectionsTree } from './ui/tree/connectionsTree.ts';
import { ContentsEditor } from './ui/viewer/contentsEditor.ts';
import { ShiftedClock } from './ui/schedule/shiftedClock.ts';
import { Workers } from './worker/workers.ts';

/** What tests of scheduled backups reach inside for. */
export type ScheduleTests = Pick<Services, 'schedules' | 'statusBar' | 'log'> & {
  readonly clock: ShiftedClock;
};

/** Stops running work, so that nothing is left half done. */
let shutDown: () => Promise<void> = () => Promise.resolve();

/** Resolves, for tests alone, to what sets the time of scheduled backups. */
export function activate(context: vscode.ExtensionContext): ScheduleTests | undefined {
  const services = createServices(context);
  const { boundary } = services;
  const commands = registerCommands(
    {
      ...backupCommands(services),
      ...restoreCommands(services),
      ...compareCommands(services),
      ...newDatabaseCommand(services),
      ...exportCommands(services),
      ...fileCommands(services),
      ...historyCommand(services, context.extensionUri),
      ...proveCommand(services),
      ...retentionCommands(services),
      ...showCommands(services),
      ...connectionCommands(services),
      ...importCommand(services),
      ...scheduleCommands(services),
      ...viewCommands(services),
    },
    boundary,
  );
  const dueProofs = new DueProofs(services);
  const editor = vscode.window.registerCustomEditorProvider(ContentsEditor.viewType, services.viewer, {
    supportsMultipleEditorsPerDocument: true,
  });
  context.subscriptions.push(commands, editor, dueProofs);
  shutDown = async () => {
    const { schedules, work } = services;
    await Promise.all([schedules.stop(), work.stopAll(), dueProofs.stop()]);
    services.comparisons.closeAll();
    await services.sessions.closeAll();
  };
  if (context.extensionMode !== vscode.ExtensionMode.Test) return undefined;
  const { schedules, statusBar, log, clock } = services;
  return { schedules, statusBar, log, clock };
}

export async function deactivate(): Promise<void> {
  await shutDown();
}

type ActivatedServices = Services & { readonly clock: ShiftedClock };

function createServices(context: vscode.ExtensionContext): ActivatedServices {
  const log = new Log();
  const store = new ConnectionStore(engines, parseDatabaseUrl);
  const finder = new FoundConnectionsFinder(engines, otherEngine, store);
  const passwords = new Passwords(context.secrets);
  const passphrases = new Passphrases(context.secrets);
  const keys = new BackupKeys(store, passphrases, log);
  const connector = new Connector(passwords, log);
  const sessions = new SessionCache(connector, log);
  const backups = new BackupIndex(engineById, log);
  const connectionsTree = new ConnectionsTree(store, sessions, log);
  const safetyFolder = path.join((context.storageUri ?? context.globalStorageUri).fsPath, 'safety');
  const originOf = (file: string, manifest?: Manifest): Connection | undefined =>
    takenFrom({ store, safetyFolder }, file, manifest);
  const proofs = new Proofs(stateFolder(), log);
  const backupsTree = new BackupsTree(backups, ({ file, manifest }) => originOf(file, manifest), proofs);
  const connectionsView = vscode.window.createTreeView('restorePoint.connections', {
    treeDataProvider: connectionsTree,
    canSelectMany: true,
    showCollapseAll: true,
  });
  const backupsView = vscode.window.createTreeView('restorePoint.backups', {
    treeDataProvider: backupsTree,
    canSelectMany: true,
    showCollapseAll: true,
  });
  const statements = new Statements();
  const textDiffs = new TextDiffs();
  const boundary = new ErrorBoundary(log);
  context.subscriptions.push(
    provideTexts(statements, textDiffs),
    ...[log, store, sessions, backups, connectionsTree, backupsTree, connectionsView, backupsView],
    keepAgesFresh(backupsTree, backupsView),
    new FoundCount(finder, store, connectionsView, log),
  );
  const work = new WorkRunner(log);
  const workers = new Workers(path.join(context.extensionPath, 'dist', 'worker.js'));
  const clock = new ShiftedClock();
  const schedules = new Schedules({ store, keys, connector, work, workers, backups, boundary, log }, clock);
  const statusBar = new BackupStatusBar({ store, backups, boundary, takenFrom: originOf }, schedules);
  context.subscriptions.push(schedules, statusBar);
  const services: ActivatedServices = {
    ...{ log, boundary, work, workers, schedules, statusBar, clock },
    ...{ engines, engineById, store, finder, passwords, passphrases, keys, connector, sessions, backups },
    ...{ connectionsTree, backupsTree, connectionsView, backupsView, statements },
    viewer: new ContentsEditor(context.extensionUri, {
      ...{ engineById, keys, backups, boundary, workers, logger: log },
      restoreRow: (row) => restoreRow(services, row),
      showWrittenRows: (backup) => showWrittenRows(services, backup),
    }),
    comparisons: new Comparisons(context.extensionUri, textDiffs, log),
    ...{ safetyFolder, memory: context.workspaceState },
  };
  return services;
}

/** Documents with statements and differences, which are forgotten when they are closed. */
function provideTexts(statements: Statements, textDiffs: TextDiffs): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(Statements.scheme, statements),
    vscode.workspace.registerTextDocumentContentProvider(TextDiffs.scheme, textDiffs),
    vscode.workspace.onDidCloseTextDocument((document) => {
      statements.forget(document);
      textDiffs.forget(document);
    }),
  );
}

function keepAgesFresh(tree: BackupsTree, view: vscode.TreeView<unknown>): vscode.Disposable {
  const timer = setInterval(() => {
    if (view.visible) tree.showAges();
  }, 60_000);
  return new vscode.Disposable(() => clearInterval(timer));
}
