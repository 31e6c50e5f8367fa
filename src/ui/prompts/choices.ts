import * as vscode from 'vscode';
import { backupExtension, isBackupName, type BackupFile } from '../../backup/backupFiles.ts';
import { formatBytes, formatCount } from '../../core/format.ts';
import type { BackedUpTable, TableSummary } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import type { RestoreMode, RowChanges } from '../../core/plan.ts';
import { rowKey } from '../../core/schema.ts';
import type { CountedTable } from '../../compare/countDifferences.ts';
import { changesOf } from '../../restore/countChanges.ts';
import { describeTarget, type Connection } from '../connections/connection.ts';
import { backedUpRowsText, rowsText } from '../quantities.ts';
import { backupIcon, backupName, describeBackup } from '../tree/backupNodes.ts';
import { groupBackups } from './backupGroups.ts';
import { askMany, askOne, refuse, separator, type Choice } from './inputs.ts';
import { back, type Back, type Frame } from './steps.ts';
import { shownName } from '../names.ts';
import { changeNumbers } from '../restoreSummary.ts';

/** The frame of a single prompt. */
export function alone(title: string): Frame {
  return { title, step: 1, totalSteps: 1, canGoBack: false };
}

/** The answer to a single prompt, which has no Back button. */
export function answered<Value>(answer: Value | Back): Exclude<Value, Back> {
  if (answer === back) throw new vscode.CancellationError();
  return answer as Exclude<Value, Back>;
}

export interface ConnectionChoiceOptions {
  readonly placeholder: string;
  /** The key of the connection to list first. */
  readonly preferred?: string;
  /** Why one cannot be chosen, as a full sentence. It is listed all the same, so that nobody searches for it. */
  refuse?(connection: Connection): string | undefined;
}

export async function askConnection(
  frame: Frame,
  connections: readonly Connection[],
  options: ConnectionChoiceOptions,
): Promise<Connection | Back> {
  const reasonOf = (connection: Connection): string | undefined =>
    connection.problem?.message ?? options.refuse?.(connection);
  const choice = (connection: Connection): Choice<Connection> => {
    const reason = reasonOf(connection);
    const choice = {
      label: connection.name,
      description: [connection.usable?.engine.label, describeTarget(connection)].filter(Boolean).join(' · '),
      iconPath: new vscode.ThemeIcon('database'),
      value: connection,
    };
    if (reason === undefined) return choice;
    return refuse(choice, connection.problem ? `${connection.name}: ${reason}` : reason, reason);
  };
  const possible = connections.filter((connection) => reasonOf(connection) === undefined);
  const preferred = possible.filter(({ key }) => key === options.preferred);
  const others = possible.filter(({ key }) => key !== options.preferred);
  const refused = connections.filter((connection) => reasonOf(connection) !== undefined);
  return await askOne(frame, {
    placeholder: options.placeholder,
    choices: [
      ...preferred.map((connection) => ({
        ...choice(connection),
        detail: vscode.l10n.t('The backup was taken from this connection.'),
      })),
      ...others.map(choice),
      ...(refused.length > 0 ? [separator(vscode.l10n.t('not available')), ...refused.map(choice)] : []),
    ],
  });
}

/** Tables of a database, at least one. */
export async function askTables(
  frame: Frame,
  tables: readonly TableSummary[],
  chosen: readonly TableName[] = [],
): Promise<readonly TableName[] | Back> {
  return await askMany(frame, {
    placeholder: vscode.l10n.t('Choose the tables to back up'),
    choices: tables.map(({ name, rows, bytes }) => ({
      label: shownName(name),
      description: [rows === undefined ? '' : rowsText(rows), bytes === undefined ? '' : formatBytes(bytes)]
        .filter(Boolean)
        .join(' · '),
      value: name,
    })),
    isChosen: (name) => chosen.some((other) => tableKey(other) === tableKey(name)),
  });
}

function lacksKey({ table }: BackedUpTable): boolean {
  return rowKey(table) === undefined;
}

function lacksKeyText(): string {
  return vscode.l10n.t('Only Replace can restore tables without a primary key or another unique key.');
}

export interface BackedUpTablesOptions {
  readonly mode: RestoreMode;
  readonly chosen?: readonly BackedUpTable[];
  /** How they differ from the database, where that is known. */
  readonly differences: readonly CountedTable[];
}

/**
 * Tables of a backup; initially all that the mode can restore and that are not known to stay as they are. Undefined when all
 * are chosen.
 */
export async function askBackedUpTables(
  frame: Frame,
  tables: readonly BackedUpTable[],
  { mode, chosen, differences }: BackedUpTablesOptions,
): Promise<{ tables: readonly BackedUpTable[] | undefined } | Back> {
  const excluded = (table: BackedUpTable): boolean => mode !== 'replace' && lacksKey(table);
  const counted = new Map(
    differences.map(({ table, counts }) => [tableKey(table), changesOf(mode, counts)] as const),
  );
  const changesTo = ({ table }: BackedUpTable): RowChanges | undefined => counted.get(tableKey(table.name));
  const changing = tables.filter((table) => !excluded(table) && changes(changesTo(table)));
  // If nothing changes, a choice of none would be refused.
  const initial = changing.length > 0 ? changing : tables.filter((table) => !excluded(table));
  const answer = await askMany(frame, {
    placeholder: vscode.l10n.t('Choose the tables to restore'),
    choices: tables.map((table) => ({
      label: shownName(table.table.name),
      description: describeChanges(table, changesTo(table)),
      value: table,
      ...(excluded(table) ? { detail: lacksKeyText() } : {}),
    })),
    isChosen: (table) => (chosen ?? initial).includes(table),
  });
  if (answer === back) return back;
  return { tables: answer.length === tables.length ? undefined : answer };
}

function changes(known: RowChanges | undefined): boolean {
  return !known || known.inserted + known.updated + known.deleted > 0;
}

/** `120 rows in the backup, 110 now · +10, ~0, −0`. */
function describeChanges(table: BackedUpTable, known: RowChanges | undefined): string {
  const text = backedUpRowsText(table);
  if (!known) return text;
  const numbers = changes(known) ? changeNumbers(known) : vscode.l10n.t('no changes');
  const now = formatCount(known.updated + known.deleted + known.unchanged);
  return `${vscode.l10n.t('{0} in the backup, {1} now', text, now)} · ${numbers}`;
}

/** `tables` are the candidates. A mode that can restore none of them is refused. */
export async function askMode(
  frame: Frame,
  tables: readonly BackedUpTable[],
  chosen: RestoreMode | undefined,
): Promise<RestoreMode | Back> {
  const keyless = tables.length > 0 && tables.every(lacksKey);
  const choices: readonly Choice<RestoreMode>[] = [
    {
      value: 'replace',
      label: vscode.l10n.t('Replace'),
      detail: vscode.l10n.t('Makes each table exactly as it is in the backup; removes all other rows'),
    },
    {
      value: 'merge',
      label: vscode.l10n.t('Merge'),
      detail: vscode.l10n.t('Adds and updates rows from the backup; keeps rows that only the database has'),
    },
    {
      value: 'insert-missing',
      label: vscode.l10n.t('Insert Missing Rows'),
      detail: vscode.l10n.t('Adds back deleted rows; leaves existing rows alone'),
    },
  ];
  return await askOne(frame, {
    placeholder: vscode.l10n.t('What should happen to existing rows?'),
    choices: choices.map((choice) =>
      keyless && choice.value !== 'replace' ? refuse(choice, lacksKeyText()) : choice,
    ),
    isChosen: (mode) => mode === (chosen ?? 'replace'),
  });
}

export interface BackupChoiceOptions {
  readonly placeholder: string;
  readonly browse: boolean;
  /** The database to restore into. Its own backups come first, newest on top. */
  readonly into?: Connection;
  /** The connection of a backup, where the list has several connections. */
  readonly connectionOf?: (backup: BackupFile) => string | undefined;
  /** Defaults to its name. */
  readonly labelOf?: (backup: BackupFile) => string;
}

function withOrigin<Value>(choice: Choice<Value>, connection: string | undefined): Choice<Value> {
  return { ...choice, description: [connection, choice.description].filter(Boolean).join(' · ') };
}

/** A backup from the list, or any other file. */
export async function askBackup(
  frame: Frame,
  backups: readonly BackupFile[],
  { placeholder, browse, into, connectionOf, labelOf = backupName }: BackupChoiceOptions,
): Promise<string | Back> {
  const open = openBackup();
  const groups = into ? groupBackups(backups, into) : [{ backups }];
  const chosen = await askOne<string | undefined>(frame, {
    placeholder,
    choices: [
      ...groups.flatMap(({ title, backups: group, refusal }) => [
        ...(title === undefined ? [] : [separator(title)]),
        ...group.map((backup) => {
          if (!refusal) return withOrigin(choiceOf(backup, labelOf), connectionOf?.(backup));
          const { reason, short } = refusal(backup);
          return refuse(choiceOf(backup, labelOf), reason, short);
        }),
      ]),
      ...(browse && into ? [separator('')] : []),
      ...(browse ? [browseChoice()] : []),
    ],
    // Without a target, starts at the backup in the active editor; with one, at its newest backup.
    ...(into ? {} : { isChosen: (file) => file !== undefined && file === open }),
  });
  return chosen ?? (await browseForBackup(frame.title));
}

function choiceOf(backup: BackupFile, labelOf: (backup: BackupFile) => string): Choice<string | undefined> {
  return {
    label: labelOf(backup),
    description: describeBackup(backup),
    iconPath: new vscode.ThemeIcon(backupIcon(backup)),
    value: backup.file,
  };
}

function browseChoice(): Choice<string | undefined> {
  const iconPath = new vscode.ThemeIcon('folder-opened');
  return { label: vscode.l10n.t('Browse…'), iconPath, value: undefined, alwaysShow: true };
}

/** The backup whose contents are in the active editor. */
function openBackup(): string | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (!(input instanceof vscode.TabInputCustom)) return undefined;
  return isBackupName(input.uri.path) ? input.uri.fsPath : undefined;
}

async function browseForBackup(title: string): Promise<string> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title,
      filters: { [vscode.l10n.t('Backups')]: [backupExtension.slice(1), 'age'] },
    })) ?? [];
  if (!uri) throw new vscode.CancellationError();
  return uri.fsPath;
}
