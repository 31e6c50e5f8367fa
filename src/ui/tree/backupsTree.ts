import * as vscode from 'vscode';
import type { BackupFile } from '../../backup/backupFiles.ts';
import type { Connection } from '../connections/connection.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import {
  backupItem,
  backupTableItem,
  type BackupGroupNode,
  type BackupNode,
  type BackupsNode,
  groupItem,
} from './backupNodes.ts';

type ConnectionOf = (backup: BackupFile) => Pick<Connection, 'key' | 'name'> | undefined;

/** The Backups view: the backup files of the workspace, newest first, grouped by connection, and their tables. */
export class BackupsTree implements vscode.TreeDataProvider<BackupsNode>, vscode.Disposable {
  readonly #index: BackupIndex;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #subscription: vscode.Disposable;
  readonly #connectionOf: ConnectionOf;
  #nodes = new Map<string, BackupNode>();
  #groups: readonly BackupGroupNode[] = [];

  readonly onDidChangeTreeData = this.#changed.event;

  /** `connectionOf`: the connection that a backup was taken from, if that is clear. */
  constructor(index: BackupIndex, connectionOf: ConnectionOf = () => undefined) {
    this.#index = index;
    this.#connectionOf = connectionOf;
    this.#subscription = index.onDidChange(() => this.#changed.fire(undefined));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  getTreeItem(node: BackupsNode): vscode.TreeItem {
    switch (node.kind) {
      case 'backupGroup':
        return groupItem(node);
      case 'backup':
        return backupItem(node);
      case 'backupTable':
        return backupTableItem(node);
    }
  }

  getParent(node: BackupsNode): BackupNode | BackupGroupNode | undefined {
    if (node.kind === 'backupTable') return node.parent;
    return node.kind === 'backup' ? this.#groups.find(({ backups }) => backups.includes(node)) : undefined;
  }

  /** Backups of a single connection need no group. */
  async getChildren(node?: BackupsNode): Promise<BackupsNode[]> {
    if (!node) {
      const nodes = await this.#backupNodes();
      return this.#groups.length > 0 ? [...this.#groups] : nodes;
    }
    if (node.kind === 'backupGroup') return [...node.backups];
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
    this.#groups = groupsOf(nodes, this.#connectionOf);
    return nodes;
  }
}

/**
 * In the order of their newest backups; those of which nothing is known come last. None if all that are known are of one
 * database.
 */
function groupsOf(nodes: readonly BackupNode[], connectionOf: ConnectionOf): BackupGroupNode[] {
  const groups = Map.groupBy(nodes, ({ backup }) => ownerKey(backup, connectionOf));
  const unknown = groups.get('');
  groups.delete('');
  const known = [...groups].map(([key, backups]) => {
    const { backup } = backups[0]!;
    const label = connectionOf(backup)?.name ?? backup.manifest?.source.database ?? '';
    return { kind: 'backupGroup' as const, key, label, backups };
  });
  if (known.length < 2) return [];
  if (!unknown) return known;
  const label = vscode.l10n.t('Encrypted or damaged');
  return [...known, { kind: 'backupGroup', key: '', label, backups: unknown }];
}

/** Empty where nothing is known. */
function ownerKey(backup: BackupFile, connectionOf: ConnectionOf): string {
  const connection = connectionOf(backup);
  if (connection) return `connection ${connection.key}`;
  const { source } = backup.manifest ?? {};
  return source ? `database ${source.engine} ${source.connection ?? ''} ${source.database}` : '';
}
