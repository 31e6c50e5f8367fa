import * as vscode from 'vscode';
import { type BackupLabel, checkedLabel } from '../../core/backupLabel.ts';
import { RestorePointError } from '../../core/errors.ts';
import { parseTableName, type TableName } from '../../core/names.ts';
import { restoreModes, type RestoreMode } from '../../core/plan.ts';
import type { RetentionPolicy } from '../../schedule/retention.ts';
import type { KeyOptions } from '../backups/backupKeys.ts';
import type { Connection } from '../connections/connection.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import { policyFrom } from '../settings.ts';
import type { BackupsNode } from '../tree/backupNodes.ts';
import type { ConnectionsNode } from '../tree/connectionNodes.ts';

/** Arguments of every long-running command. */
interface WorkArguments {
  /** Show no message: resolve with the report, reject with the error. */
  readonly quiet?: boolean;
  /** Cancels the work, like the notification's button. */
  readonly token?: vscode.CancellationToken;
}

/** Arguments for keybindings, tasks and other extensions, so that nothing is asked. */
export interface BackUpArguments extends WorkArguments {
  /** The id of a connection in the settings. */
  readonly connection?: string;
  /** For `backUpSchema`. */
  readonly schema?: string;
  /** For `backUpTables`: `orders`, `public.orders`. */
  readonly tables?: readonly string[];
  /** For `backUpTables` of one table: an SQL condition that selects its rows. */
  readonly where?: string;
  /** For `backUpTables`: also the rows related to these by foreign keys. */
  readonly withRelated?: boolean;
  /** The backup file to write. Defaults to a new file in the backup folder. */
  readonly file?: string;
  /** What to call the backup, and a note about it. */
  readonly name?: string;
  readonly note?: string;
  /** For a connection whose backups are encrypted with a passphrase, and for `backUpEncrypted`. */
  readonly passphrase?: string;
}

/** The same for the commands that work on a backup file. */
export interface BackupFileArguments extends WorkArguments {
  /** The backup file: a `vscode.Uri`, or a URI or a path as text. */
  readonly uri?: vscode.Uri | string;
  /** For a backup encrypted with a passphrase that is not in the secret store. */
  readonly passphrase?: string;
}

/** The same for `restoreBackup` and `undoRestore`. */
export interface RestoreArguments extends BackupFileArguments {
  readonly connection?: string;
  /** If left out, the user is asked. Empty means all tables of the backup. */
  readonly tables?: readonly string[];
  readonly mode?: RestoreMode;
  /** Write without asking for confirmation. */
  readonly confirmed?: boolean;
}

/** Arguments of `exportTable`: a `uri` of a backup or a `connection`, and one table. */
export interface ExportArguments extends BackupFileArguments {
  readonly connection?: string;
  readonly tables?: readonly [string];
  readonly format?: 'csv' | 'ndjson' | 'json' | 'sql' | 'django';
  /** For `django`. */
  readonly appLabel?: string;
  /** The new file. */
  readonly out?: string;
}

/** Arguments of `pruneBackups`. */
export interface PruneArguments extends WorkArguments {
  /** A folder of backups, as a path. Defaults to the backup folder of the workspace. */
  readonly folder?: string;
  /** The rules, as in the setting `restorePoint.retention`. If left out, the user is asked. */
  readonly policy?: RetentionPolicy;
  /** Delete what no rule keeps, without asking. */
  readonly confirmed?: boolean;
}

type Properties = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is ConnectionsNode | BackupsNode {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** The properties of an argument object; none when it is a node, a URI, or not given. */
function propertiesOf(value: unknown): Properties {
  if (typeof value !== 'object' || value === null || isNode(value) || value instanceof vscode.Uri) return {};
  return value as Properties;
}

export function textArgument(argument: unknown, name: string): string | undefined {
  const value = propertiesOf(argument)[name];
  if (value === undefined || typeof value === 'string') return value;
  throw wrongArgument(name, 'must be a string');
}

/** The rules of `{ policy }`; undefined when the user must be asked. */
export function policyArgument(argument: unknown): RetentionPolicy | undefined {
  const { policy } = propertiesOf(argument);
  return policy === undefined ? undefined : policyFrom(policy);
}

export function flagArgument(argument: unknown, name: string): boolean {
  return propertiesOf(argument)[name] === true;
}

/** How to find the keys of encrypted backups for this argument. */
export function keyArguments(argument: unknown, connection?: Connection): KeyOptions {
  const passphrase = textArgument(argument, 'passphrase');
  return {
    ask: !flagArgument(argument, 'quiet'),
    ...(connection ? { connection } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** `{ token }`, if there is one. */
export function tokenArgument(argument: unknown): { token?: vscode.CancellationToken } {
  const { token } = propertiesOf(argument);
  return token === undefined ? {} : { token: token as vscode.CancellationToken };
}

/** Throws `usage` for anything but a list of table names. */
export function tablesArgument(argument: unknown): TableName[] | undefined {
  const value = propertiesOf(argument)['tables'];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string'))
    return value.map(parseTableName);
  throw wrongArgument('tables', 'must be an array of table names');
}

export function modeArgument(argument: unknown): RestoreMode | undefined {
  const value = propertiesOf(argument)['mode'];
  if (value === undefined) return undefined;
  const mode = restoreModes.find((known) => known === value);
  if (mode) return mode;
  throw wrongArgument('mode', `must be one of ${restoreModes.join(', ')}`);
}

/** `{ label }`, if the backup is given a name or a note. Throws `usage` for one that is too long. */
export function labelArgument(argument: unknown): { label?: BackupLabel } {
  const [name, note] = [textArgument(argument, 'name'), textArgument(argument, 'note')];
  if (name === undefined && note === undefined) return {};
  return {
    label: checkedLabel({ ...(name === undefined ? {} : { name }), ...(note === undefined ? {} : { note }) }),
  };
}

/** The connection of a node, or named by an argument; undefined when the user must be asked. */
export function connectionArgument(argument: unknown, store: ConnectionStore): Connection | undefined {
  if (isNode(argument)) return 'connection' in argument ? argument.connection : undefined;
  const id = textArgument(argument, 'connection');
  return id === undefined ? undefined : store.find(id);
}

/** The nodes that a command was called on: the selection if it includes the node, else only the node. */
export function nodesArgument(first: unknown, second: unknown): (ConnectionsNode | BackupsNode)[] {
  if (!isNode(first)) return [];
  const selection: unknown[] = Array.isArray(second) ? second : [];
  return selection.includes(first) ? selection.filter(isNode) : [first];
}

/** The paths of the backup files that a command was called on; none when the user must be asked. */
export function filesArgument(first: unknown, second?: unknown): string[] {
  const uris: unknown[] = Array.isArray(second) && second.length > 0 ? second : [first];
  const selection = isNode(first) ? nodesArgument(first, second) : uris;
  return [...new Set(selection.map(fileOf).filter((file) => file !== undefined))];
}

function fileOf(value: unknown): string | undefined {
  if (value instanceof vscode.Uri) return pathOf(value);
  if (isNode(value)) {
    if (value.kind === 'backup') return value.backup.file;
    return value.kind === 'backupTable' ? value.parent.backup.file : undefined;
  }
  const { uri } = propertiesOf(value);
  if (uri === undefined) return undefined;
  if (uri instanceof vscode.Uri) return pathOf(uri);
  if (typeof uri === 'string') return /^file:/i.test(uri) ? vscode.Uri.parse(uri).fsPath : uri;
  throw wrongArgument('uri', 'must be a URI or a path');
}

/** Throws `usage` for a URI that is not a file on disk. */
export function pathOf(uri: vscode.Uri): string {
  if (uri.scheme === 'file') return uri.fsPath;
  throw new RestorePointError('usage', 'Restore Point can only use files on the machine that it runs on', {
    next: 'Copy the file to that machine.',
  });
}

function wrongArgument(name: string, problem: string): RestorePointError {
  return new RestorePointError('usage', `The argument "${name}" ${problem}`);
}
