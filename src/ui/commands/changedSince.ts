import * as vscode from 'vscode';
import { formatCount } from '../../core/format.ts';
import type { TableName } from '../../core/names.ts';
import { pastRestore, stampOf } from '../backups/pastRestores.ts';
import { rowsText } from '../quantities.ts';
import type { Services } from '../services.ts';
import type { RestoreRequest } from './restoreRequest.ts';
import { tableDifferences } from './tableDifferences.ts';

/**
 * How many rows changed since the restore that is about to be undone: the undo loses those changes. Known if that restore made
 * its tables as they are in a backup that is still there.
 */
export async function changedSince(
  services: Services,
  { file, connection, keyOptions }: RestoreRequest,
  tables: readonly TableName[],
): Promise<string> {
  const unknown = vscode.l10n.t('Changes made after that restore are lost. They could not be counted.');
  const past = pastRestore(services, file);
  if (past?.mode !== 'replace' || (await stampOf(past.backup)) !== past.stamp) return unknown;
  const counted = await countSince(services, past.backup, { connection, keyOptions, tables });
  const rows = counted.reduce(
    (sum, { counts }) => sum + counts.onlyInFirst + counts.onlyInSecond + counts.changed,
    0,
  );
  if (counted.length < tables.length) {
    return rows === 0
      ? unknown
      : vscode.l10n.t(
          'At least {0} changed after that restore. Undoing it loses those changes.',
          rowsText(rows),
        );
  }
  if (rows === 0) return vscode.l10n.t('No row has changed since that restore.');
  return rows === 1
    ? vscode.l10n.t('1 row changed after that restore. Undoing it loses that change.')
    : vscode.l10n.t(
        '{0} rows changed after that restore. Undoing it loses those changes.',
        formatCount(rows),
      );
}

async function countSince(
  services: Services,
  file: string,
  {
    connection,
    keyOptions,
    tables,
  }: Pick<RestoreRequest, 'connection' | 'keyOptions'> & {
    readonly tables: readonly TableName[];
  },
): ReturnType<typeof tableDifferences> {
  if (tables.length === 0) return [];
  try {
    const keys = await services.keys.keysFor(file, { ...keyOptions, ask: false });
    const compared = { file, connection, tables, ...(keys ? { keys } : {}) };
    return await tableDifferences(services, compared, { ask: false });
  } catch (error) {
    services.log.debug(`The backup of the restore could not be compared: ${String(error)}`);
    return [];
  }
}
