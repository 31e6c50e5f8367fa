import * as vscode from 'vscode';
import type { Proof, Proofs } from '../../backup/proofs.ts';
import type { BackupFile } from '../../backup/backupFiles.ts';
import type { Connection } from '../connections/connection.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import {
  backupItem,
  backupTableItem,
  type BackupDayNode,
  type BackupGroupNode,
  type BackupNode,
  type BackupsNode,
  dayItem,
  groupItem,
} from './backupNodes.ts';

type ConnectionOf = (backup: BackupFile) => Pick<Connection, 'key' | 'name'> | undefined;

/** A connection with more backups gets a group for each day that has several. */
const mostWithoutDays = 12;

/** The Backups view: the backup files of the workspace, newest first, grouped by connection and day, and their tables. */
export class BackupsTree implements vscode.TreeDataProvider<BackupsNode>, vscode.Disposable {
  readonly #index: BackupIndex;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #subscription: vscode.Disposable;
  readonly #connectionOf: ConnectionOf;
  readonly #proofs: Pick<Proofs, 'all'> | undefined;
  #proved: ReadonlyMap<string, Proof> = new Map();
  #nodes = new Map<string, BackupNode>();
  #groups: readonly BackupGroupNode[] = [];
  /** By the key of their group; empty where all are of one connection. */
  #days = new Map<string, readonly (BackupDayNode | BackupNode)[]>();

  readonly onDidChangeTreeData = this.#changed.event;

  /** `connectionOf`: the connection that a backup was taken from, if that is clear. */
  constructor(
    index: BackupIndex,
    connectionOf: ConnectionOf = () => undefined,
    proofs?: Pick<Proofs, 'all'>,
  ) {
    this.#index = index;
    this.#proofs = proofs;
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
        return backupItem(node, this.#proofOf(node.backup));
      case 'backupDay':
        return dayItem(node);
      case 'backupTable':
        return backupTableItem(node);
    }
  }

  getParent(node: BackupsNode): BackupNode | BackupDayNode | BackupGroupNode | undefined {
    if (node.kind === 'backupTable') return node.parent;
    if (node.kind === 'backupGroup') return undefined;
    if (node.kind === 'backupDay')
      return this.#groups.find(({ key }) => this.#days.get(key)?.includes(node) ?? false);
    const days = [...this.#days.values()].flat().filter((one) => one.kind === 'backupDay');
    const holds = ({ backups }: { readonly backups: readonly BackupNode[] }): boolean =>
      backups.includes(node);
    return days.find(holds) ?? this.#groups.find(holds);
  }

  /** Backups of a single connection need no group. */
  async getChildren(node?: BackupsNode): Promise<BackupsNode[]> {
    if (!node) {
      const nodes = await this.#backupNodes();
      return this.#groups.length > 0 ? [...this.#groups] : [...(this.#days.get('') ?? nodes)];
    }
    if (node.kind === 'backupGroup') return [...(this.#days.get(node.key) ?? node.backups)];
    if (node.kind === 'backupDay') return [...node.backups];
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
    this.#proved = (await this.#proofs?.all()) ?? this.#proved;
    const node = (backup: BackupFile): BackupNode => {
      const before = this.#nodes.get(backup.file);
      return before?.backup === backup ? before : { kind: 'backup', backup };
    };
    const nodes = backups.map(node);
    this.#nodes = new Map(nodes.map((one) => [one.backup.file, one]));
    this.#groups = groupsOf(nodes, this.#connectionOf);
    const lists = this.#groups.length > 0 ? this.#groups : [{ key: '', backups: nodes }];
    this.#days = new Map(
      lists
        .filter(({ backups: found }) => found.length > mostWithoutDays)
        .map(({ key, backups: found }) => [key, daysOf(key, found)]),
    );
    return nodes;
  }

  #proofOf({ fingerprint = '', seal = '' }: BackupFile): Proof | undefined {
    return this.#proved.get(fingerprint) ?? this.#proved.get(seal);
  }
}

/** Newest first, as the backups are. The only backup of a day needs no group: it shows its date. */
function daysOf(group: string, nodes: readonly BackupNode[]): (BackupDayNode | BackupNode)[] {
  const days = Map.groupBy(nodes, ({ backup: { time } }) => time.toDateString());
  return [...days].map(([date, backups], index) => {
    const [newest] = backups as [BackupNode];
    if (backups.length === 1) return newest;
    const { time: day } = newest.backup;
    return { kind: 'backupDay', key: `${date} ${group}`, day, open: index === 0, backups };
  });
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
