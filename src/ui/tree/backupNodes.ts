import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Proof } from '../../backup/proofs.ts';
import { backupNameOf, type BackupFile, isNamedAfter } from '../../backup/backupFiles.ts';
import { formatBytes } from '../../core/format.ts';
import { type BackedUpTable, type Manifest, sizeOf } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import { tooltip } from '../markdown.ts';
import {
  ageText,
  backedUpRowsText,
  dayText,
  momentText,
  rowsText,
  tableNamesText,
  tablesText,
} from '../quantities.ts';
import { visible } from '../../core/visible.ts';
import { shownName } from '../names.ts';

export interface BackupNode {
  readonly kind: 'backup';
  readonly backup: BackupFile;
}

export interface BackupTableNode {
  readonly kind: 'backupTable';
  readonly parent: BackupNode;
  readonly table: BackedUpTable;
}

/** The backups of one connection. */
export interface BackupGroupNode {
  readonly kind: 'backupGroup';
  readonly key: string;
  readonly label: string;
  readonly backups: readonly BackupNode[];
}

/** The backups of one day, where a connection has many. */
export interface BackupDayNode {
  readonly kind: 'backupDay';
  readonly key: string;
  readonly day: Date;
  /** The newest day is open. */
  readonly open: boolean;
  readonly backups: readonly BackupNode[];
}

export type BackupsNode = BackupGroupNode | BackupDayNode | BackupNode | BackupTableNode;

export function rowsOf({ manifest }: BackupFile): number {
  return manifest ? sizeOf(manifest).rows : 0;
}

/** The description of a backup in a list: database, tables, rows, size, age; or what is wrong with it. */
export function describeBackup(backup: BackupFile): string {
  const { manifest, encryption, size, time, problem } = backup;
  if (problem !== undefined) return problemText(backup);
  if (encryption)
    return [...pinText(backup), vscode.l10n.t('encrypted'), formatBytes(size), ageText(time)].join(' · ');
  if (!manifest) return '';
  const database = visible(manifest.source.database);
  // The default name begins with the database, so it is not repeated.
  const inName = backupName(backup).startsWith(path.parse(database).name);
  return [
    ...pinText(backup),
    ...(manifest.name === undefined ? [] : [visible(manifest.name)]),
    ...(inName ? [] : [database]),
    tablesText(sizeOf(manifest).tables),
    rowsText(rowsOf(backup)),
    formatBytes(size),
    ageText(time),
  ].join(' · ');
}

function pinText({ pinned }: BackupFile): string[] {
  return pinned ? [vscode.l10n.t('pinned')] : [];
}

export function backupName({ file }: BackupFile): string {
  return backupNameOf(file);
}

export function groupItem({ key, label, backups }: BackupGroupNode): vscode.TreeItem {
  const item = new vscode.TreeItem(visible(label), vscode.TreeItemCollapsibleState.Expanded);
  item.id = `group ${key}`;
  item.contextValue = 'backupGroup';
  item.iconPath = new vscode.ThemeIcon('database');
  item.description = backupsText(backups.length);
  item.accessibilityInformation = {
    label: vscode.l10n.t('Backups of {0}, {1}', visible(label), item.description),
  };
  return item;
}

function backupsText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 backup') : vscode.l10n.t('{0} backups', count);
}

export function dayItem({ key, day, open, backups }: BackupDayNode): vscode.TreeItem {
  const { Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(dayText(day), open ? Expanded : Collapsed);
  item.id = `day ${key}`;
  item.contextValue = 'backupDay';
  item.iconPath = new vscode.ThemeIcon('calendar');
  item.description = backupsText(backups.length);
  item.accessibilityInformation = {
    label: vscode.l10n.t('Backups of {0}, {1}', dayText(day), item.description),
  };
  return item;
}

/** `proof`: the last one of this backup on this machine. */
export function backupItem(node: BackupNode, proof?: Proof): vscode.TreeItem {
  const { backup } = node;
  const { manifest, encryption, salvageable, time } = backup;
  const sound = backup.problem === undefined;
  const name = manifest?.name === undefined ? '' : visible(manifest.name);
  const item = new vscode.TreeItem(
    // When a file was written that cannot be read says little.
    manifest && sound ? [momentText(time), name].filter(Boolean).join(' · ') : backupName(backup),
    manifest ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
  );
  item.id = backup.file;
  item.contextValue = [
    'backup',
    ...(encryption ? ['encrypted'] : []),
    ...(backup.pinned ? ['pinned'] : []),
    ...(sound ? ['sound'] : salvageable ? ['damaged', 'salvageable'] : ['damaged']),
  ].join(' ');
  const proofTexts = proof ? [proofText(proof)] : [];
  item.description = sound ? [contentsText(backup), ...proofTexts].join(' · ') : problemText(backup);
  item.tooltip = backupTooltip(backup, proof);
  item.iconPath = sound
    ? (proofIcon(backup, proof) ?? new vscode.ThemeIcon(backupIcon(backup)))
    : new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  const spoken = [momentText(time), manifest?.source.database, describeBackup(backup), ...proofTexts]
    .filter((text) => text !== undefined && text !== '')
    .join(', ')
    .replaceAll(' · ', ', ');
  item.accessibilityInformation = {
    label: sound
      ? vscode.l10n.t('Backup {0}, {1}', backupName(backup), spoken)
      : vscode.l10n.t('Unusable backup {0}, {1}', backupName(backup), item.description),
  };
  item.command = showContents(node);
  return item;
}

/** `proved 2 days ago` */
function proofText({ proved, time }: Proof): string {
  return proved
    ? vscode.l10n.t('proved {0}', ageText(time))
    : vscode.l10n.t('could not be restored ({0})', ageText(time));
}

/** A pinned backup that is proved stays a pinned one. */
function proofIcon({ pinned }: BackupFile, proof: Proof | undefined): vscode.ThemeIcon | undefined {
  if (!proof) return undefined;
  return proof.proved
    ? new vscode.ThemeIcon(pinned ? 'pinned' : 'verified-filled', new vscode.ThemeColor('testing.iconPassed'))
    : new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed'));
}

function proofDetail({ proved, time, by }: Proof): string {
  const at = time.toLocaleString(vscode.env.language);
  return proved
    ? vscode.l10n.t('Proved {0} by Restore Point {1}: restored into a scratch database and compared', at, by)
    : vscode.l10n.t('Could not be restored {0} by Restore Point {1}: prove it again to see why', at, by);
}

/** Tells pinned backups, whole ones, parts, safety backups and encrypted ones apart. */
export function backupIcon({ manifest, encryption, pinned, problem }: BackupFile): string {
  if (problem !== undefined) return 'warning';
  if (pinned) return 'pinned';
  if (encryption) return 'lock';
  if (manifest?.purpose === 'safety') return 'shield';
  return manifest?.complete === true ? 'archive' : 'list-selection';
}

/** What is in a backup, in few words: `part: orders, customers · 160 rows · 20 KB`. The view shows the time before it. */
function contentsText(backup: BackupFile): string {
  const { manifest, size, file } = backup;
  if (!manifest) return describeBackup(backup);
  const names = manifest.tables.map(({ table }) => table.name);
  return [
    ...pinText(backup),
    // A name that was not chosen says only what is shown anyway.
    ...(isNamedAfter(file, manifest.source.database) ? [] : [backupName(backup)]),
    ...(manifest.purpose === 'safety' ? [vscode.l10n.t('before a restore')] : []),
    manifest.complete ? tablesText(names.length) : partText(manifest, names),
    ...(manifest.only === 'schema' ? [] : [rowsText(rowsOf(backup))]),
    formatBytes(size),
  ].join(' · ');
}

function partText({ only, writtenRows }: Manifest, names: readonly TableName[]): string {
  if (writtenRows) {
    const written = writtenRows.tables.map(({ name }) => name);
    return vscode.l10n.t('rows that a restore wrote: {0}', tableNamesText(written));
  }
  const tables = tableNamesText(names);
  if (only === 'schema') return vscode.l10n.t('schema only: {0}', tables);
  return only === 'data' ? vscode.l10n.t('rows only: {0}', tables) : vscode.l10n.t('part: {0}', tables);
}

function showContents(node: BackupsNode): vscode.Command {
  const title = vscode.l10n.t('Show Contents');
  return { command: 'restorePoint.showContents', title, arguments: [node] };
}

function backupTooltip(backup: BackupFile, proof: Proof | undefined): vscode.MarkdownString {
  const { manifest, encryption, file, size, time, problem } = backup;
  const place = vscode.workspace.asRelativePath(file);
  if (problem !== undefined) return tooltip(path.basename(file), [problemText(backup), place]);
  if (encryption) {
    return tooltip(path.basename(file), [
      encryption === 'passphrase'
        ? vscode.l10n.t('Encrypted with a passphrase. You are asked for it when you open the backup.')
        : vscode.l10n.t('Encrypted to recipients. The identity file of any of them opens it.'),
      `${formatBytes(size)} · ${time.toLocaleString(vscode.env.language)}`,
      ...(proof ? [proofDetail(proof)] : []),
      place,
    ]);
  }
  if (!manifest) return tooltip(path.basename(file), [place]);
  const { source, leftOut, name, note } = manifest;
  return tooltip(name === undefined ? path.basename(file) : visible(name), [
    ...(note === undefined ? [] : note.split('\n').slice(0, mostNoteLines).map(visible)),
    `${source.database} (${source.serverVersion})`,
    `${tablesText(sizeOf(manifest).tables)} · ${rowsText(rowsOf(backup))} · ${formatBytes(size)}`,
    vscode.l10n.t('Taken {0}', time.toLocaleString(vscode.env.language)),
    ...(proof ? [proofDetail(proof)] : []),
    ...extentText(manifest),
    ...(leftOut.length > 0
      ? [vscode.l10n.t('Not included: {0}', leftOut.map(({ kind }) => kind).join(', '))]
      : []),
    place,
  ]);
}

function extentText({ complete, only, writtenRows }: Manifest): string[] {
  if (writtenRows) return [vscode.l10n.t('Only the rows that a restore wrote')];
  if (only === 'schema') return [vscode.l10n.t('Schema only, no rows')];
  if (only === 'data') return [vscode.l10n.t('Rows only, no schema')];
  return complete ? [] : [vscode.l10n.t('Part of the database')];
}

/** A tooltip shows so many lines of a note. */
const mostNoteLines = 10;

/** The problem with a file, without its path, which the list shows anyway. */
function problemText({ problem = '', file }: BackupFile): string {
  return problem.replace(`, ${file}: `, ': ').replace(`${file}: `, '');
}

export function backupTableItem(node: BackupTableNode): vscode.TreeItem {
  const { parent, table } = node;
  const name = shownName(table.table.name);
  const item = new vscode.TreeItem(name);
  item.id = `${parent.backup.file} ${tableKey(table.table.name)}`;
  item.contextValue = parent.backup.problem === undefined ? 'backupTable' : 'backupTable damaged';
  item.description = backedUpRowsText(table);
  item.iconPath = new vscode.ThemeIcon('table');
  item.accessibilityInformation = { label: vscode.l10n.t('Table {0}, {1}', name, item.description) };
  item.command = showContents(node);
  return item;
}
