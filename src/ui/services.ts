import type * as vscode from 'vscode';
import type { EngineId } from '../core/manifest.ts';
import type { Engine } from '../engines/engine.ts';
import type { Workers } from '../worker/workers.ts';
import type { BackupKeys } from './backups/backupKeys.ts';
import type { BackupIndex } from './backups/backupIndex.ts';
import type { Comparisons } from './comparison/comparisons.ts';
import type { ConnectionStore } from './connections/connectionStore.ts';
import type { FoundConnectionsFinder } from './connections/found/foundConnections.ts';
import type { Connector } from './connections/connector.ts';
import type { Passphrases } from './connections/passphrases.ts';
import type { Passwords } from './connections/passwords.ts';
import type { SessionCache } from './connections/sessionCache.ts';
import type { ErrorBoundary } from './errorBoundary.ts';
import type { Log } from './log.ts';
import type { WorkRunner } from './progress.ts';
import type { Schedules } from './schedule/schedules.ts';
import type { BackupStatusBar } from './schedule/statusBar.ts';
import type { Statements } from './statements.ts';
import type { BackupsNode } from './tree/backupNodes.ts';
import type { BackupsTree } from './tree/backupsTree.ts';
import type { ConnectionsNode } from './tree/connectionNodes.ts';
import type { ConnectionsTree } from './tree/connectionsTree.ts';
import type { ContentsEditor } from './viewer/contentsEditor.ts';

/** The services that `activate` creates once and commands use. */
export interface Services {
  readonly log: Log;
  readonly boundary: ErrorBoundary;
  readonly work: WorkRunner;
  readonly workers: Workers;
  readonly engineById: (id: EngineId) => Engine;
  readonly engines: readonly Engine[];
  readonly store: ConnectionStore;
  readonly passwords: Passwords;
  readonly passphrases: Passphrases;
  readonly keys: BackupKeys;
  readonly finder: FoundConnectionsFinder;
  readonly connector: Connector;
  readonly sessions: SessionCache;
  readonly backups: BackupIndex;
  readonly connectionsTree: ConnectionsTree;
  readonly backupsTree: BackupsTree;
  readonly connectionsView: vscode.TreeView<ConnectionsNode>;
  readonly backupsView: vscode.TreeView<BackupsNode>;
  readonly viewer: ContentsEditor;
  readonly comparisons: Comparisons;
  readonly statements: Statements;
  readonly schedules: Schedules;
  readonly statusBar: BackupStatusBar;
  /** The folder for safety backups. */
  readonly safetyFolder: string;
  /** State that is kept for this workspace. */
  readonly memory: vscode.Memento;
}
