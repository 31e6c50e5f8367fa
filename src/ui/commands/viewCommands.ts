import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { connectionArgument } from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';

/** Commands on the views. */
export function viewCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.refresh'
  | 'restorePoint.showLog'
  | 'restorePoint.find'
  | 'restorePoint.restoreRow'
  | 'restorePoint.copyValue'
  | 'restorePoint.copyRowAsJson'
  | 'restorePoint.copyRowAsInsert'
> {
  return {
    /** Refreshes one connection, or both views. */
    'restorePoint.refresh': {
      operation: vscode.l10n.t('Refresh'),
      async run(first) {
        const connection = connectionArgument(first, services.store);
        services.connectionsTree.refresh(connection);
        if (!connection) services.backups.refresh();
        return Promise.resolve();
      },
    },
    /** Copies the selection in the active page, or else the value of the chosen cell. */
    'restorePoint.copyValue': {
      operation: vscode.l10n.t('Copying'),
      run() {
        services.viewer.copy();
        services.comparisons.copy();
        return Promise.resolve();
      },
    },
    /** Shows the box for a text to find in the active page. */
    'restorePoint.find': {
      operation: vscode.l10n.t('Find'),
      run: () => Promise.resolve(services.viewer.find()),
    },
    'restorePoint.restoreRow': {
      operation: vscode.l10n.t('Restore'),
      run: () => Promise.resolve(services.viewer.restoreRow()),
    },
    'restorePoint.copyRowAsJson': {
      operation: vscode.l10n.t('Copying'),
      run: () => Promise.resolve(services.viewer.copyRow('json')),
    },
    'restorePoint.copyRowAsInsert': {
      operation: vscode.l10n.t('Copying'),
      run: () => Promise.resolve(services.viewer.copyRow('insert')),
    },
    'restorePoint.showLog': {
      operation: vscode.l10n.t('Showing the log'),
      run() {
        services.log.show();
        return Promise.resolve();
      },
    },
  };
}
