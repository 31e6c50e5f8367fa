import * as vscode from 'vscode';
import { backupNameOf } from '../../backup/backupFiles.ts';
import type { Services } from '../services.ts';
import { keyArguments, nodesArgument } from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';
import { chooseFiles } from './fileCommands.ts';
import { openBackup } from './openBackup.ts';

/** Commands that show what is in a backup. Each can be called with `BackupFileArguments`. */
export function showCommands(
  services: Services,
): Pick<CommandTable, 'restorePoint.showContents' | 'restorePoint.showStatements'> {
  return {
    /** Called on a table of a backup, shows that table. */
    'restorePoint.showContents': {
      operation: vscode.l10n.t('Showing the contents'),
      async run(first, second) {
        const files = await chooseFiles(services, vscode.l10n.t('Show Contents'), first, second);
        const [node] = nodesArgument(first, undefined);
        const table = node?.kind === 'backupTable' ? node.table.table.name : undefined;
        for (const file of files) await services.viewer.open(file, table);
      },
    },
    /** Opens the text of every statement of a backup in an editor. */
    'restorePoint.showStatements': {
      operation: vscode.l10n.t('Showing the statements'),
      async run(first, second) {
        for (const file of await chooseFiles(services, vscode.l10n.t('Show Statements'), first, second))
          await showStatements(services, file, first);
      },
    },
  };
}

async function showStatements(services: Services, file: string, argument: unknown): Promise<void> {
  const { manifest } = await services.backups.noting(openBackup(services, file, keyArguments(argument)));
  const name = backupNameOf(file);
  if (manifest.objects.length > 0) await services.statements.show(name, manifest.objects);
  else services.boundary.inform(vscode.l10n.t('{0} contains no statements.', name));
}
