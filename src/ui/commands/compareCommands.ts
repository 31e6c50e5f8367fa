import * as vscode from 'vscode';
import type { StoredComparison } from '../../compare/differenceStore.ts';
import { RestorePointError } from '../../core/errors.ts';
import { holdsAllRows, type Manifest } from '../../core/manifest.ts';
import { nameMatches, type TableName } from '../../core/names.ts';
import { takenFrom } from '../backups/backupOrigin.ts';
import { compare, type BackupToCompare, type ComparisonRequest } from '../comparison/compare.ts';
import type { Connection } from '../connections/connection.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { isOwn } from '../prompts/backupGroups.ts';
import { alone, answered, askBackup } from '../prompts/choices.ts';
import type { Services } from '../services.ts';
import { chooseConnection, databaseOf, type DatabaseQuestion, someConnections } from './chooseConnection.ts';
import {
  connectionArgument,
  filesArgument,
  keyArguments,
  nodesArgument,
  tablesArgument,
} from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';
import { chooseFiles } from './fileCommands.ts';
import { openBackup } from './openBackup.ts';

/**
 * Commands that compare. Each can be called with `{ uri, connection, tables }`, and resolves with the `StoredComparison`;
 * with `{ quiet: true }` it shows nothing.
 */
export function compareCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.bringBackLostRows'
  | 'restorePoint.compareBackup'
  | 'restorePoint.compareWithLatest'
  | 'restorePoint.compareBackups'
> {
  const operation = vscode.l10n.t('Comparison');
  return {
    'restorePoint.bringBackLostRows': {
      operation,
      run: (first, second) => bringBackLostRows(services, first, second),
    },
    'restorePoint.compareBackup': {
      operation,
      run: (first, second) =>
        compareBackup(services, first, second, { title: vscode.l10n.t('Compare with Database') }),
    },
    'restorePoint.compareWithLatest': {
      operation,
      run: (first, second) =>
        compareWithLatest(services, first, second, {
          title: vscode.l10n.t('Compare with Latest Backup'),
          placeholder: vscode.l10n.t('Choose the database to compare with its latest backup'),
        }),
    },
    'restorePoint.compareBackups': {
      operation,
      run: (first, second) => compareBackups(services, first, second),
    },
  };
}

/** A comparison in which the lost and the changed rows are checked: of a backup, else of a database with its latest one. */
async function bringBackLostRows(
  services: Services,
  first: unknown,
  second: unknown,
): Promise<StoredComparison | undefined> {
  const how = {
    title: vscode.l10n.t('Bring Back Lost Rows'),
    placeholder: vscode.l10n.t('Choose the database that has lost rows'),
    checkLost: true,
  };
  return filesArgument(first, second).length > 0
    ? await compareBackup(services, first, second, how)
    : await compareWithLatest(services, first, second, how);
}

async function compareBackup(
  services: Services,
  first: unknown,
  second: unknown,
  { title, checkLost }: { readonly title: string; readonly checkLost?: boolean },
): Promise<StoredComparison | undefined> {
  const given = connectionArgument(first, services.store);
  const connections = someConnections(services);
  const [file] = await chooseFiles(services, title, first, second);
  const backup = await openToCompare(services, file!, first, given);
  const connection = given ?? (await databaseOf(services, connections, backup, comparing(title)));
  const tables = tablesOf(first, second);
  return await compare(services, againstDatabase(backup, connection, tables, checkLost), first);
}

function comparing(title: string): DatabaseQuestion {
  return {
    title,
    placeholder: vscode.l10n.t('Choose the database to compare with'),
    refusal: (label, name) => vscode.l10n.t('This {0} backup cannot be compared with {1}.', label, name),
  };
}

function againstDatabase(
  first: BackupToCompare,
  connection: Connection,
  tables: readonly TableName[] | undefined,
  checkLost = false,
): ComparisonRequest {
  return { first, second: { kind: 'database', connection }, ...(tables ? { tables } : {}), checkLost };
}

async function compareWithLatest(
  services: Services,
  first: unknown,
  second: unknown,
  how: { readonly title: string; readonly placeholder: string; readonly checkLost?: boolean },
): Promise<StoredComparison | undefined> {
  const { title, placeholder, checkLost } = how;
  const connection =
    connectionArgument(first, services.store) ?? (await chooseConnection(services, title, { placeholder }));
  const tables = tablesOf(first, second);
  const file = await latestBackup(services, connection, tables, title);
  const backup = await openToCompare(services, file, first, connection);
  return await compare(services, againstDatabase(backup, connection, tables, checkLost), first);
}

/** The newest backup of a database that has rows of these tables; asks where none is known to be one of it. */
async function latestBackup(
  services: Services,
  connection: Connection,
  tables: readonly TableName[] | undefined,
  title: string,
): Promise<string> {
  const backups = await services.backups.list();
  const own = backups.filter((backup) => {
    const { file, manifest, problem } = backup;
    if (problem !== undefined || !isOwn(backup, connection)) return false;
    // What an encrypted one holds is not known before it is opened.
    if (!manifest) return true;
    const origin = takenFrom(services, file, manifest);
    return (!origin || origin.key === connection.key) && hasRows(manifest, tables);
  });
  // A partial backup may be newer, but it says nothing about the other tables.
  const latest = tables ? own[0] : (own.find(({ manifest }) => manifest?.complete !== false) ?? own[0]);
  if (latest) return latest.file;
  if (backups.length === 0) {
    throw new RestorePointError('usage', 'There is no backup to compare with', {
      next: 'Take one with "Back Up Database…".',
    });
  }
  const placeholder = vscode.l10n.t('Choose the backup to compare with');
  return answered(await askBackup(alone(title), backups, { placeholder, browse: true, into: connection }));
}

function hasRows(manifest: Manifest, tables: readonly TableName[] = []): boolean {
  if (manifest.only === 'schema') return false;
  return tables.every((name) =>
    manifest.tables.some((one) => nameMatches(name, one.table.name) && holdsAllRows(one)),
  );
}

async function compareBackups(
  services: Services,
  first: unknown,
  second: unknown,
): Promise<StoredComparison | undefined> {
  const files = filesArgument(first, second);
  if (files.length !== 2) {
    throw new RestorePointError('usage', 'Select two backups to compare', {
      next: 'Hold Ctrl (Command on a Mac) and click both.',
    });
  }
  const opened: BackupToCompare[] = [];
  for (const file of files) opened.push(await openToCompare(services, file, first));
  const [older, newer] = opened.sort((a, b) => a.manifest.createdAt.localeCompare(b.manifest.createdAt));
  return await compare(services, { first: older!, second: newer! }, first);
}

async function openToCompare(
  services: Services,
  file: string,
  argument: unknown,
  connection?: Connection,
): Promise<BackupToCompare> {
  refuseInRestrictedMode();
  return { kind: 'backup', file, ...(await openBackup(services, file, keyArguments(argument, connection))) };
}

/** The tables that an argument names, or that are selected in one of the views. */
function tablesOf(first: unknown, second: unknown): readonly TableName[] | undefined {
  const nodes = nodesArgument(first, second);
  const [node] = nodes;
  if (node?.kind === 'table') {
    const { connection } = node;
    return nodes.flatMap((one) =>
      one.kind === 'table' && one.connection.key === connection.key ? [one.table.name] : [],
    );
  }
  if (node?.kind === 'backupTable') {
    const { file } = node.parent.backup;
    return nodes.flatMap((one) =>
      one.kind === 'backupTable' && one.parent.backup.file === file ? [one.table.table.name] : [],
    );
  }
  return tablesArgument(first);
}
