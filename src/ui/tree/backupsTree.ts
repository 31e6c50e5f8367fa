import * as vscode from 'vscode';
import type { BackupFile } from '../../backup/backupFiles.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import { backupItem, backupTableItem, type BackupNode, type BackupsNode } from './backupNodes.ts';

/** The Backups view: the backup files of the workspace, newest first, and their tables. */
export class BackupsTree implements vscode.TreeDataProvider<BackupsNode>, vscode.Disposable {
  readonly #index: BackupIndex;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #subscription: vscode.Disposable;
  #nodes = new Map<string, BackupNode>();

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(index: BackupIndex) {
    this.#index = index;
    this.#subscription = index.onDidChange(() => this.#changed.fire(undefined));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  getTreeItem(node: BackupsNode): vscode.TreeItem {
    return node.kind === 'backup' ? backupItem(node) : backupTableItem(node);
  }

  getParent(node: BackupsNode): BackupNode | undefined {
    return node.kind === 'backupTable' ? node.parent : undefined;
  }

  async getChildren(node?: BackupsNode): Promise<BackupsNode[]> {
    if (!node) return await this.#backupNodes();
    if (node.kind === 'backupTable') return [];
    const tables = node.backup.manifest?.tables ?? [];
    return tables.map((table) => ({ kind: 'backupTable', parent: node, table }));
  }

  /** The node of a file; undefined when it is not in the list. */
  async nodeOf(file: string): Promise<BackupNode | undefined> {
    await this.#backupNodes();
    return this.#nodes.get(file);
  }

  /** Updates the ages on display. */
  showAges(): void {
    this.#changed.fire(undefined);
  }

  /** An unchanged file keeps its node, because a view identifies nodes by reference. */
  async #backupNodes(): Promise<BackupNode[]> {
    const backups = await this.#index.list();
    const node = (backup: BackupFile): BackupNode => {
      const before = this.#nodes.get(backup.file);
      return before?.backup === backup ? before : { kind: 'backup', backup };
    };
    const nodes = backups.map(node);
    this.#nodes = new Map(nodes.map((one) => [one.backup.file, one]));
    return nodes;
  }
}
