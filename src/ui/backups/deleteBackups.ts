import * as path from 'node:path';
import * as vscode from 'vscode';
import { pinOf } from '../../backup/pins.ts';
import { removeFile } from '../../core/ownFiles.ts';

/** Asks before backups go to the trash; `size`: that of all, if known. Throws `vscode.CancellationError`. */
export async function confirmDeletion(files: readonly string[], size?: string): Promise<void> {
  const [first, ...others] = files.map((file) => path.basename(file));
  const question =
    others.length === 0
      ? vscode.l10n.t('Delete the backup {0}?', first ?? '')
      : size === undefined
        ? vscode.l10n.t('Delete {0} backups?', files.length)
        : vscode.l10n.t('Delete {0} backups ({1})?', files.length, size);
  const yes = vscode.l10n.t('Move to Trash');
  const shown = [first, ...others.slice(0, mostShown - 1)];
  const hidden = files.length - shown.length;
  const detail =
    others.length === 0
      ? vscode.l10n.t('You can restore it from the trash.')
      : [
          ...shown,
          ...(hidden > 0 ? [vscode.l10n.t('and {0} more', hidden)] : []),
          '',
          vscode.l10n.t('You can restore them from the trash.'),
        ].join('\n');
  const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
  if (chosen !== yes) throw new vscode.CancellationError();
}

/** A dialog has room for so many names. */
const mostShown = 20;

/**
 * Moves backups to the trash, and removes their pins. If the machine has no trash, asks once whether to delete them
 * permanently, unless that is `confirmed`, and throws `vscode.CancellationError` if not.
 */
export function deleter({
  count,
  confirmed,
}: {
  readonly count: number;
  readonly confirmed: boolean;
}): (file: string) => Promise<void> {
  let mayDelete = confirmed;
  return async (file) => {
    const uri = vscode.Uri.file(file);
    try {
      await vscode.workspace.fs.delete(uri, { useTrash: true });
    } catch (error) {
      if (error instanceof vscode.FileSystemError && error.code === 'FileNotFound') throw error;
      if (!mayDelete) await confirmPermanentDeletion(file, count);
      mayDelete = true;
      await vscode.workspace.fs.delete(uri, { useTrash: false });
    }
    await removeFile(pinOf(file));
  };
}

async function confirmPermanentDeletion(file: string, count: number): Promise<void> {
  const [question, detail] =
    count === 1
      ? [
          vscode.l10n.t('{0} cannot be moved to the trash.', path.basename(file)),
          vscode.l10n.t('If you delete it permanently, you cannot get it back.'),
        ]
      : [
          vscode.l10n.t('{0} backups cannot be moved to the trash.', count),
          vscode.l10n.t('If you delete them permanently, you cannot get them back.'),
        ];
  const yes = vscode.l10n.t('Delete Permanently');
  const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
  if (chosen !== yes) throw new vscode.CancellationError();
}
