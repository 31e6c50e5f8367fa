import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import { backupNameOf } from '../../backup/backupFiles.ts';
import type { StoredComparison } from '../../compare/differenceStore.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { TableName } from '../../core/names.ts';
import { visible } from '../../core/visible.ts';
import type { ComparedSideTask } from '../../worker/protocol.ts';
import type { OpenComparison } from '../../worker/workers.ts';
import { isQuiet } from '../commands/commandTable.ts';
import { tokenArgument } from '../commands/commandArguments.ts';
import { describeTarget, nameWithEngine, type Connection } from '../connections/connection.ts';
import { compareEnds } from '../progress.ts';
import type { Services } from '../services.ts';
import type { ShownComparison } from './comparisonPanel.ts';
import type { SideView } from './comparisonView.ts';
import { checkLostRows, sayWhatStaysLost } from './lostRows.ts';
import { restoreRows, type RowsRequest } from './restoreRows.ts';

export interface BackupToCompare {
  readonly kind: 'backup';
  readonly file: string;
  readonly manifest: Manifest;
  readonly keys?: Keys;
}

export type SideToCompare = BackupToCompare | { readonly kind: 'database'; readonly connection: Connection };

export interface ComparisonRequest {
  readonly first: SideToCompare;
  readonly second: SideToCompare;
  /** All of them when left out. */
  readonly tables?: readonly TableName[];
  /** Checks the rows that only the first side has, and those that differ. */
  readonly checkLost?: boolean;
}

/** Compares in a separate process, with progress, and opens the panel; `quiet` opens none. */
export async function compare(
  services: Services,
  request: ComparisonRequest,
  argument: unknown,
): Promise<StoredComparison | undefined> {
  const operation = vscode.l10n.t('Comparison');
  const opened = isQuiet(argument)
    ? await compareOnce(services, request, argument)
    : await services.boundary.attempt(operation, () => compareOnce(services, request, argument));
  const { comparison } = opened;
  if (isQuiet(argument)) {
    opened.close();
    return comparison;
  }
  const checked = request.checkLost ? await checkLostRows(opened) : undefined;
  services.comparisons.show({
    opened,
    ...(checked ? { checked } : {}),
    first: sideView(request.first),
    second: sideView(request.second),
    ...restoring(services, request),
    compareAgain: () => services.boundary.run(operation, () => compareOnce(services, request, {})),
  });
  const { first, second, checkLost } = request;
  if (checkLost && first.kind === 'backup' && second.kind === 'database')
    sayWhatStaysLost(services, { file: first.file, connection: second.connection }, comparison);
  return comparison;
}

/** Shows the rows that a restore wrote, from its safety backup, as they were before and after it. */
export async function showWrittenRows(
  services: Services,
  { file, keys }: Pick<BackupToCompare, 'file' | 'keys'>,
): Promise<void> {
  const task = { file, ...(keys ? { keys: await keys.known() } : {}) };
  const display = { title: vscode.l10n.t('Reading rows…'), views: [], ends: compareEnds };
  const detail = visible(backupNameOf(file));
  services.comparisons.show({
    opened: await services.backups.noting(
      services.work.run(display, (options) => services.workers.compareWritten(task, options)),
    ),
    first: { kind: 'backup', name: vscode.l10n.t('the state before'), detail },
    second: { kind: 'backup', name: vscode.l10n.t('the state after'), detail },
  });
}

/** Rows of a backup can be restored into the database that it is compared with. */
function restoring(
  services: Services,
  { first, second }: ComparisonRequest,
): Pick<ShownComparison, 'restore' | 'countRelated'> {
  if (first.kind !== 'backup' || second.kind !== 'database') return {};
  const { file, keys } = first;
  const { connection } = second;
  return {
    restore: async (opened) => {
      const request: RowsRequest = {
        ...{ file, connection, undo: false, ...(keys ? { keys } : {}) },
        run: (task, { signal }) => opened.restore(task, signal),
      };
      const operation = vscode.l10n.t('Restore');
      return (await services.boundary.run(operation, () => restoreRows(services, request))) !== undefined;
    },
    countRelated: async (opened, signal) => {
      const database = await services.connector.access(connection, { ask: false });
      const task = { database, file, ...(keys ? { keys: await keys.known() } : {}) };
      return await opened.countRelated(task, signal);
    },
  };
}

async function compareOnce(
  services: Services,
  { first, second, tables }: ComparisonRequest,
  argument: unknown,
): Promise<OpenComparison> {
  const task = {
    first: await taskOf(services, first, argument),
    second: await taskOf(services, second, argument),
    ...(tables ? { tables } : {}),
  };
  const display = {
    title: vscode.l10n.t('Comparing {0} with {1}', sideView(first).name, sideView(second).name),
    views: ['restorePoint.connections', 'restorePoint.backups'] as const,
    ends: compareEnds,
    ...tokenArgument(argument),
  };
  return await services.backups.noting(
    services.work.run(display, (options) => services.workers.compare(task, options)),
  );
}

async function taskOf(
  { connector }: Services,
  side: SideToCompare,
  argument: unknown,
): Promise<ComparedSideTask> {
  if (side.kind === 'backup') {
    const { kind, file, keys } = side;
    return { kind, file, ...(keys ? { keys: await keys.known() } : {}) };
  }
  const database = await connector.access(side.connection, { ask: !isQuiet(argument) });
  return { kind: 'database', database };
}

function sideView(side: SideToCompare): SideView {
  if (side.kind === 'database') {
    const { connection } = side;
    return { kind: 'database', name: nameWithEngine(connection), detail: describeTarget(connection) };
  }
  const taken = new Date(side.manifest.createdAt).toLocaleString(vscode.env.language);
  const place = visible(vscode.workspace.asRelativePath(side.file));
  return {
    kind: 'backup',
    name: visible(backupNameOf(side.file)),
    detail: `${vscode.l10n.t('Taken {0}', taken)} · ${place}`,
  };
}
