import * as vscode from 'vscode';
import type { BackupFile } from '../../backup/backupFiles.ts';
import { isBackupOf } from '../backups/backupOrigin.ts';
import { showHistory } from '../history/historyPanel.ts';
import type { Services } from '../services.ts';
import { chooseConnection } from './chooseConnection.ts';
import { connectionArgument } from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';

/** Shows the backups of a connection over time. Can be called with a `connection`. */
export function historyCommand(
  services: Services,
  extensionUri: vscode.Uri,
): Pick<CommandTable, 'restorePoint.showHistory'> {
  return {
    'restorePoint.showHistory': {
      operation: vscode.l10n.t('Showing the backup history'),
      async run(first) {
        const title = vscode.l10n.t('Show Backup History');
        const connection =
          connectionArgument(first, services.store) ??
          (await chooseConnection(services, title, { placeholder: vscode.l10n.t('Choose a connection') }));
        const { backups, log } = services;
        const isOf = (backup: BackupFile): boolean => isBackupOf(services, connection, backup);
        showHistory(extensionUri, { connection, backups, isOf, log });
      },
    },
  };
}
