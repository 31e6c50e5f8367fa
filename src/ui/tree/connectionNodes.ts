import * as vscode from 'vscode';
import { describeError, messageOf } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import type { TableSummary } from '../../core/manifest.ts';
import { tableKey } from '../../core/names.ts';
import type { Column, Table } from '../../core/schema.ts';
import { describeTarget, type Connection } from '../connections/connection.ts';
import { placeName } from '../connections/connectionStore.ts';
import { tooltip } from '../markdown.ts';
import { rowsText, tablesText } from '../quantities.ts';
import { shownName } from '../names.ts';
import { scheduleProblem, scheduleText } from '../schedule/scheduleText.ts';

export interface ConnectionNode {
  readonly kind: 'connection';
  readonly connection: Connection;
  /** Makes the id of a new node differ from its predecessor's, whose expansion it must not inherit. */
  readonly generation: number;
}

export interface SchemaNode {
  readonly kind: 'schema';
  readonly connection: Connection;
  readonly schema: string;
  readonly tables: readonly TableNode[];
}

export interface TableNode {
  readonly kind: 'table';
  readonly connection: Connection;
  readonly table: TableSummary;
}

export interface ColumnNode {
  readonly kind: 'column';
  readonly connection: Connection;
  readonly table: Table;
  readonly column: Column;
}

/** Says why nothing is shown below a node. */
export interface MessageNode {
  readonly kind: 'message';
  readonly connection: Connection;
  readonly text: string;
  readonly failed: boolean;
  /** A click asks for this. */
  readonly needs?: 'password' | undefined;
}

export type ConnectionsNode = ConnectionNode | SchemaNode | TableNode | ColumnNode | MessageNode;

/** The known facts about a connection's database, with its nodes, because a view identifies nodes by reference. */
export type ConnectionState =
  | { readonly status: 'closed' }
  | { readonly status: 'open'; readonly children: ConnectionsNode[] }
  | { readonly status: 'failed'; readonly error: unknown; readonly children: ConnectionsNode[] };

/** Sets `viewItem` for the `when` clauses in package.json to several words. */
export function connectionItem(node: ConnectionNode, state: ConnectionState): vscode.TreeItem {
  const { connection, generation } = node;
  const { name, usable, problem } = connection;
  const error = problem ?? (state.status === 'failed' ? state.error : undefined);
  const item = new vscode.TreeItem(
    name,
    problem ? vscode.TreeItemCollapsibleState.None : vscode.TreeItemCollapsibleState.Collapsed,
  );
  const reason = error === undefined ? undefined : describeError(error);
  const target = describeTarget(connection);
  const words = [
    'connection',
    usable ? (usable.engine.features.isFile ? 'file' : 'server') : 'unusable',
    ...(usable?.engine.features.schemas ? ['schemas'] : []),
    ...(usable?.settings.encrypt ? ['encrypted'] : []),
    state.status,
  ];
  item.id = `${connection.key} ${generation}`;
  item.contextValue = words.join(' ');
  const schedule = scheduleText(connection);
  const calm = schedule === undefined ? target : `${target} · ${schedule}`;
  item.description = error === undefined ? calm : messageOf(error);
  item.tooltip = connectionTooltip(connection, reason);
  item.iconPath =
    reason === undefined
      ? new vscode.ThemeIcon('database', state.status === 'open' ? openColor : undefined)
      : new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  const spoken = [name, usable?.engine.label, target, schedule, reason].filter(Boolean).join(', ');
  item.accessibilityInformation = { label: vscode.l10n.t('Connection {0}', spoken) };
  if (problem) {
    item.command = {
      command: 'restorePoint.editConnection',
      title: vscode.l10n.t('Open Settings'),
      arguments: [{ connection: connection.key }],
    };
  }
  return item;
}

const openColor = new vscode.ThemeColor('charts.green');

function connectionTooltip(connection: Connection, reason: string | undefined): vscode.MarkdownString {
  const { name, usable } = connection;
  return tooltip(name, [
    ...(usable ? [`${usable.engine.label} · ${describeTarget(connection)}`] : []),
    scopeText(connection),
    ...scheduleLines(connection),
    ...(reason === undefined ? [] : [reason]),
  ]);
}

function scheduleLines(connection: Connection): string[] {
  const text = scheduleText(connection);
  const problem = scheduleProblem(connection);
  if (problem !== undefined) return [problem];
  return text === undefined ? [] : [vscode.l10n.t('Backups while VS Code is open: {0}', text)];
}

function scopeText({ id, scope }: Connection): string {
  switch (scope.target) {
    case vscode.ConfigurationTarget.Global:
      return vscode.l10n.t('{0}, in user settings', id);
    case vscode.ConfigurationTarget.Workspace:
      return vscode.l10n.t('{0}, in workspace settings', id);
    case vscode.ConfigurationTarget.WorkspaceFolder:
      return vscode.l10n.t('{0}, in the settings of folder {1}', id, placeName(scope));
  }
}

export function schemaItem({ connection, schema, tables }: SchemaNode): vscode.TreeItem {
  const item = new vscode.TreeItem(schema, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `${connection.key} schema ${schema}`;
  item.contextValue = 'schema';
  item.description = tablesText(tables.length);
  item.iconPath = new vscode.ThemeIcon('symbol-namespace');
  item.accessibilityInformation = { label: vscode.l10n.t('Schema {0}, {1}', schema, item.description) };
  return item;
}

export function tableItem({ connection, table }: TableNode): vscode.TreeItem {
  const item = new vscode.TreeItem(table.name.name, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `${connection.key} table ${tableKey(table.name)}`;
  item.contextValue = 'table';
  item.description = sizeText(table);
  item.tooltip = tooltip(shownName(table.name), [item.description]);
  item.iconPath = new vscode.ThemeIcon('table');
  item.accessibilityInformation = {
    label: vscode.l10n.t('Table {0}, {1}', table.name.name, item.description),
  };
  return item;
}

function sizeText({ rows, bytes }: TableSummary): string {
  const parts = [
    ...(rows === undefined ? [] : [rowsText(rows)]),
    ...(bytes === undefined ? [] : [formatBytes(bytes)]),
  ];
  return parts.join(' · ');
}

export function columnItem({ connection, table, column }: ColumnNode): vscode.TreeItem {
  const item = new vscode.TreeItem(column.name);
  const inKey = table.primaryKey?.columns.includes(column.name) ?? false;
  const references = table.foreignKeys
    .filter((foreignKey) => foreignKey.columns.includes(column.name))
    .map((foreignKey) => shownName(foreignKey.references));
  const facts = [
    column.type || vscode.l10n.t('any type'),
    ...(inKey ? [vscode.l10n.t('primary key')] : []),
    ...references.map((target) => `→ ${target}`),
    ...(column.notNull && !inKey ? [vscode.l10n.t('not null')] : []),
    ...(column.generated || column.identity ? [vscode.l10n.t('generated')] : []),
  ];
  item.id = `${connection.key} column ${tableKey(table.name)} ${column.name}`;
  item.contextValue = 'column';
  item.description = facts.join(' · ');
  item.tooltip = tooltip(column.name, [
    ...facts,
    ...(column.default === undefined ? [] : [vscode.l10n.t('default {0}', column.default)]),
  ]);
  const icon = inKey ? 'key' : references.length > 0 ? 'references' : 'symbol-field';
  item.iconPath = new vscode.ThemeIcon(icon);
  item.accessibilityInformation = {
    label: vscode.l10n.t(
      'Column {0}, {1}',
      column.name,
      facts.join(', ').replaceAll('→', vscode.l10n.t('to')),
    ),
  };
  return item;
}

export function messageItem({ connection, text, failed, needs }: MessageNode): vscode.TreeItem {
  const item = new vscode.TreeItem(text);
  item.id = `${connection.key} message`;
  item.contextValue = 'message';
  item.tooltip = text;
  if (failed) item.iconPath = new vscode.ThemeIcon(needs ? 'key' : 'info');
  if (needs) {
    item.command = {
      command: 'restorePoint.enterPassword',
      title: vscode.l10n.t('Enter Password'),
      arguments: [{ connection: connection.key }],
    };
  }
  return item;
}
