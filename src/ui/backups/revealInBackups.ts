import * as vscode from 'vscode';
import type { Services } from '../services.ts';

/** Selects a backup in the Backups view, or shows it in the file manager if it is not listed there. */
export async function revealInBackups(
  { backupsTree, backupsView }: Pick<Services, 'backupsTree' | 'backupsView'>,
  file: string,
): Promise<void> {
  const node = await backupsTree.nodeOf(file);
  if (node) await backupsView.reveal(node, { select: true, focus: true });
  else await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(file));
}
