import * as vscode from 'vscode';
import type { Services } from '../services.ts';

/** Selects a backup in the view "Backups"; one that is not listed there is shown in the file manager. */
export async function revealInBackups(
  { backupsTree, backupsView }: Pick<Services, 'backupsTree' | 'backupsView'>,
  file: string,
): Promise<void> {
  const node = await backupsTree.nodeOf(file);
  if (node) await backupsView.reveal(node, { select: true, focus: true });
  else await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(file));
}
