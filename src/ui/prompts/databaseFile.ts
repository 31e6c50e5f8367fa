import * as path from 'node:path';
import * as vscode from 'vscode';
import type { FileQuestion } from '../../core/connectionForm.ts';
import { localized } from '../localized.ts';
import { askOne } from './inputs.ts';
import type { Back, Frame } from './steps.ts';

const mostFiles = 50;

/** A database file from the workspace, or any other. */
export async function askDatabaseFile(
  question: FileQuestion,
  frame: Frame,
  known: string | undefined,
): Promise<string | Back> {
  const found = await vscode.workspace.findFiles(
    `**/*.{${question.extensions.join(',')}}`,
    '**/node_modules/**',
    mostFiles,
  );
  const files = new Set([
    ...(known === undefined ? [] : [known]),
    ...found.map(({ fsPath }) => fsPath).sort(),
  ]);
  const chosen = await askOne<string | undefined>(frame, {
    placeholder: localized(question.prompt),
    choices: [
      ...[...files].map((file) => ({
        label: path.basename(file),
        description: folderOf(file),
        iconPath: new vscode.ThemeIcon('database'),
        value: file,
      })),
      {
        label: vscode.l10n.t('Browse…'),
        iconPath: new vscode.ThemeIcon('folder-opened'),
        value: undefined,
        alwaysShow: true,
      },
    ],
    isChosen: (file) => file !== undefined && file === known,
  });
  return chosen ?? (await browse(frame.title, question)) ?? (await askDatabaseFile(question, frame, known));
}

/** The path of its folder from the workspace; empty for the workspace itself. */
function folderOf(file: string): string {
  const folder = path.dirname(vscode.workspace.asRelativePath(file));
  return folder === '.' ? '' : folder;
}

async function browse(title: string, { type, extensions }: FileQuestion): Promise<string | undefined> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title,
      filters: { [localized(type)]: [...extensions], [vscode.l10n.t('All files')]: ['*'] },
    })) ?? [];
  return uri?.fsPath;
}
