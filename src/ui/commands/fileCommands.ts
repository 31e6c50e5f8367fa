import * as path from 'node:path';
import * as vscode from 'vscode';
import type { SalvageReport } from '../../backup/salvageBackup.ts';
import type { VerifyReport } from '../../backup/verifyBackup.ts';
import { sizeOf } from '../../core/manifest.ts';
import { describeUnproven } from '../../core/unproven.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import { backupNameOf } from '../../backup/backupFiles.ts';
import { movePin } from '../../backup/pins.ts';
import { confirmDeletion, deleter } from '../backups/deleteBackups.ts';
import { alone, answered, askBackup } from '../prompts/choices.ts';
import { askText } from '../prompts/inputs.ts';
import { verifyEnds } from '../progress.ts';
import { rowsText, tablesText } from '../quantities.ts';
import type { Services } from '../services.ts';
import {
  filesArgument,
  flagArgument,
  keyArguments,
  textArgument,
  tokenArgument,
} from './commandArguments.ts';
import { isQuiet, type CommandTable } from './commandTable.ts';
import { salvage } from './salvageCommand.ts';

/** Commands that work on backup files and need no database. Each can be called with `BackupFileArguments`. */
export function fileCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.verifyBackup'
  | 'restorePoint.salvageBackup'
  | 'restorePoint.revealBackup'
  | 'restorePoint.renameBackup'
  | 'restorePoint.deleteBackup'
> {
  return {
    /** Resolves with the `VerifyReport` of the last file. */
    'restorePoint.verifyBackup': {
      operation: vscode.l10n.t('Verification'),
      async run(first, second) {
        let report: VerifyReport | undefined;
        for (const file of await chooseFiles(services, vscode.l10n.t('Verify Backup'), first, second)) {
          report = await verify(services, file, first);
          if (!isQuiet(first)) showVerifyResult(services, report);
        }
        return report;
      },
    },
    /** Resolves with the `SalvageReport` of the last file. With `{ out: 'new.dbbackup' }` nothing is asked. */
    'restorePoint.salvageBackup': {
      operation: vscode.l10n.t('Salvage'),
      async run(first, second) {
        let report: SalvageReport | undefined;
        for (const file of await chooseFiles(services, vscode.l10n.t('Salvage Backup'), first, second))
          report = await salvage(services, file, first);
        return report;
      },
    },
    'restorePoint.revealBackup': {
      operation: vscode.l10n.t('Revealing the backup'),
      async run(first) {
        const [file] = await chooseFiles(services, vscode.l10n.t('Reveal Backup'), first, undefined);
        if (file !== undefined) await reveal(vscode.Uri.file(file));
      },
    },
    /** Renames the file: what is in it stays as it was verified. With `{ name: 'new' }` nothing is asked. */
    'restorePoint.renameBackup': {
      operation: vscode.l10n.t('Renaming the backup'),
      async run(first) {
        const [file] = await chooseFiles(services, vscode.l10n.t('Rename Backup'), first, undefined);
        const name = textArgument(first, 'name') ?? (await askFileName(file!));
        await rename(file!, name);
        services.backups.refresh();
      },
    },
    /** With `{ confirmed: true }` nothing is asked, and without a trash the file is deleted permanently. */
    'restorePoint.deleteBackup': {
      operation: vscode.l10n.t('Deleting the backup'),
      async run(first, second) {
        const files = await chooseFiles(services, vscode.l10n.t('Delete Backup'), first, second);
        const confirmed = flagArgument(first, 'confirmed');
        if (!confirmed) await confirmDeletion(files);
        const remove = deleter({ count: files.length, confirmed });
        for (const file of files) await remove(file);
        services.backups.refresh();
      },
    },
  };
}

/** The backup files that a command was called on; asks for one if there is none. */
export async function chooseFiles(
  { backups }: Services,
  title: string,
  first: unknown,
  second: unknown,
): Promise<string[]> {
  const given = filesArgument(first, second);
  if (given.length > 0) return given;
  const placeholder = vscode.l10n.t('Choose a backup');
  return [answered(await askBackup(alone(title), await backups.list(), { placeholder, browse: true }))];
}

async function verify(
  { work, workers, keys: known, backups }: Services,
  file: string,
  argument: unknown,
): Promise<VerifyReport> {
  const keys = await known.keysFor(file, keyArguments(argument));
  const display = {
    title: vscode.l10n.t('Verifying {0}', path.basename(file)),
    views: ['restorePoint.backups'] as const,
    ends: verifyEnds,
    ...tokenArgument(argument),
  };
  const task = { file, ...(keys ? { keys: await keys.known() } : {}) };
  return await backups.noting(work.run(display, (options) => workers.verify(task, options)));
}

function showVerifyResult(services: Services, report: VerifyReport): void {
  const { file, manifest, rows, bytes, milliseconds, unproven } = report;
  const text = vscode.l10n.t(
    '{0} is intact: {1}, {2} ({3}). Every byte and row was checked in {4}.',
    path.basename(file),
    tablesText(sizeOf(manifest).tables),
    rowsText(rows),
    formatBytes(bytes),
    formatDuration(milliseconds),
  );
  services.log.info(text);
  for (const one of unproven) services.log.warn(`Not checked: ${describeUnproven(one)}`);
  const limits =
    unproven.length > 0
      ? [
          vscode.l10n.t(
            'Some parts can only be checked by the program that the database belongs to. The log lists them.',
          ),
        ]
      : [];
  const run = (id: string) => () => vscode.commands.executeCommand(id, vscode.Uri.file(file));
  services.boundary.inform([text, ...limits].join(' '), [
    { title: vscode.l10n.t('Show Contents'), run: run('restorePoint.showContents') },
    { title: vscode.l10n.t('Restore…'), run: run('restorePoint.restoreBackup') },
  ]);
}

/** Shows the file in the Explorer, or in the file manager if it is outside the workspace. */
async function reveal(uri: vscode.Uri): Promise<void> {
  const inside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', uri);
}

async function askFileName(file: string): Promise<string> {
  return answered(
    await askText(alone(vscode.l10n.t('Rename Backup')), {
      prompt: vscode.l10n.t('Enter a new name for the file'),
      value: backupNameOf(file),
      validate: (name) =>
        isFileName(name) ? undefined : vscode.l10n.t('This cannot be the name of a file.'),
    }),
  );
}

function isFileName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- no file system of ours has them in names
  return name.trim() !== '' && !/[\\/:*?"<>|\u0000-\u001f]/.test(name) && !/^\.|[. ]$/.test(name);
}

/** Throws `usage` for a name that no file can have, `file` where another file has it. */
async function rename(file: string, name: string): Promise<void> {
  if (!isFileName(name)) throw new RestorePointError('usage', 'This cannot be the name of a file');
  const ending = path.basename(file).slice(backupNameOf(file).length);
  const target = path.join(path.dirname(file), `${backupNameOf(name + ending)}${ending}`);
  if (target === file) return;
  try {
    await vscode.workspace.fs.rename(vscode.Uri.file(file), vscode.Uri.file(target), { overwrite: false });
  } catch (error) {
    const taken = error instanceof vscode.FileSystemError && error.code === 'FileExists';
    throw new RestorePointError(
      'file',
      taken ? 'There is already a file with this name' : `The file was not renamed: ${messageOf(error)}`,
      { place: { file: target }, unchanged: 'The backup keeps its name.', cause: error },
    );
  }
  await movePin(file, target);
}
