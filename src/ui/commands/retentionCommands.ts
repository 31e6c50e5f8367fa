import * as vscode from 'vscode';
import { pinBackup, unpinBackup } from '../../backup/pins.ts';
import type { Services } from '../services.ts';
import type { CommandTable } from './commandTable.ts';
import { chooseFiles } from './fileCommands.ts';
import { prune } from './pruneCommand.ts';

/**
 * Commands about which backups are kept. Those of files can be called with `BackupFileArguments`, the other one with
 * `PruneArguments`.
 */
export function retentionCommands(
  services: Services,
): Pick<CommandTable, 'restorePoint.pinBackup' | 'restorePoint.unpinBackup' | 'restorePoint.pruneBackups'> {
  return {
    /** Resolves with `PrunedBackups`. With `{ policy, confirmed: true }` nothing is asked. */
    'restorePoint.pruneBackups': {
      operation: vscode.l10n.t('Pruning the backups'),
      run: (first) => prune(services, first),
    },
    'restorePoint.pinBackup': {
      operation: vscode.l10n.t('Pinning the backup'),
      async run(first, second) {
        const files = await chooseFiles(services, vscode.l10n.t('Pin Backup'), first, second);
        for (const file of files) await pinBackup(file);
        services.backups.refresh();
      },
    },
    'restorePoint.unpinBackup': {
      operation: vscode.l10n.t('Unpinning the backup'),
      async run(first, second) {
        const files = await chooseFiles(services, vscode.l10n.t('Unpin Backup'), first, second);
        for (const file of files) await unpinBackup(file);
        services.backups.refresh();
      },
    },
  };
}
