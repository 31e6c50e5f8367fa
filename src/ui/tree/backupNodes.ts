import * as path from 'node:path';
import * as vscode from 'vscode';
import { backupNameOf, type BackupFile } from '../../backup/backupFiles.ts';
import { formatBytes } from '../../core/format.ts';
import { type BackedUpTable, type Manifest, sizeOf } from '../../core/manifest.ts';
import { tableKey } from '../../core/names.ts';
import { tooltip } from '../markdown.ts';
import { ageText, backedUpRowsText, rowsText, tablesText } from '../quantities.ts';
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

export type BackupsNode = BackupNode | BackupTableNode;

export function rowsOf({ manifest }: BackupFile): number {
  return manifest ? sizeOf(manifest).rows : 0;
}

/** The description of a backup in a list: database, tables, rows, size, age; or what is wrong with it. */
export function describeBackup(backup: BackupFile): string {
  const { manifest, encryption, size, time, problem } = backup;
  if (problem !== undefined) return problemText(backup);
  if (encryption) return [vscode.l10n.t('encrypted'), formatBytes(size), ageText(time)].join(' · ');
  if (!manifest) return '';
  const database = visible(manifest.source.database);
  // The default name begins with the database, so it is not repeated.
  const inName = backupName(backup).startsWith(path.parse(database).name);
  return [
    ...(inName ? [] : [database]),
    tablesText(sizeOf(manifest).tables),
    rowsText(rowsOf(backup)),
    formatBytes(size),
    ageText(time),
  ].join(' · ');
}

export function backupName({ file }: BackupFile): string {
  return backupNameOf(file);
}

export function backupItem(node: BackupNode): vscode.TreeItem {
  const { backup } = node;
  const { manifest, encryption, salvageable } = backup;
  const sound = backup.problem === undefined;
  const item = new vscode.TreeItem(
    backupName(backup),
    manifest ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
  );
  item.id = backup.file;
  item.contextValue = [
    'backup',
    ...(encryption ? ['encrypted'] : []),
    ...(sound ? ['sound'] : salvageable ? ['damaged', 'salvageable'] : ['damaged']),
  ].join(' ');
  item.description = describeBackup(backup);
  item.tooltip = backupTooltip(backup);
  item.iconPath = sound
    ? new vscode.ThemeIcon(encryption ? 'lock' : 'archive')
    : new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  const spoken = [manifest?.source.database, item.description.replaceAll(' · ', ', ')]
    .filter((text) => text !== undefined)
    .join(', ');
  item.accessibilityInformation = {
    label: sound
      ? vscode.l10n.t('Backup {0}, {1}', backupName(backup), spoken)
      : vscode.l10n.t('Unusable backup {0}, {1}', backupName(backup), item.description),
  };
  item.command = showContents(node);
  return item;
}

function showContents(node: BackupsNode): vscode.Command {
  const title = vscode.l10n.t('Show Contents');
  return { command: 'restorePoint.showContents', title, arguments: [node] };
}

function backupTooltip(backup: BackupFile): vscode.MarkdownString {
  const { manifest, encryption, file, size, time, problem } = backup;
  const place = vscode.workspace.asRelativePath(file);
  if (problem !== undefined) return tooltip(path.basename(file), [problemText(backup), place]);
  if (encryption) {
    return tooltip(path.basename(file), [
      encryption === 'passphrase'
        ? vscode.l10n.t('Encrypted with a passphrase. You are asked for it when you open the backup.')
        : vscode.l10n.t('Encrypted to recipients. The identity file of any of them opens it.'),
      `${formatBytes(size)} · ${time.toLocaleString(vscode.env.language)}`,
      place,
    ]);
  }
  if (!manifest) return tooltip(path.basename(file), [place]);
  const { source, leftOut } = manifest;
  return tooltip(path.basename(file), [
    `${source.database} (${source.serverVersion})`,
    `${tablesText(sizeOf(manifest).tables)} · ${rowsText(rowsOf(backup))} · ${formatBytes(size)}`,
    vscode.l10n.t('Taken {0}', time.toLocaleString(vscode.env.language)),
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
