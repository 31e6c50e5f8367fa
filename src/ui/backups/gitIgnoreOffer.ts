import { readFile, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { Services } from '../services.ts';
import { ignoreLine, ignoresBackups, withLine } from './gitIgnore.ts';

const offered = 'gitIgnoreOffered';

/** After the first backup inside a Git work tree that does not ignore it, offers to add it to .gitignore. Once per workspace. */
export async function offerToIgnore(
  { boundary, memory }: Pick<Services, 'boundary' | 'memory'>,
  file: string,
): Promise<void> {
  if (memory.get(offered)) return;
  const root = await findWorkTree(path.dirname(file));
  if (root === undefined) return;
  const folder = path.relative(root, path.dirname(file)).split(path.sep).join('/');
  const gitIgnore = path.join(root, '.gitignore');
  if (ignoresBackups(await readText(gitIgnore), folder)) return;
  await memory.update(offered, true);
  const line = ignoreLine(folder);
  boundary.inform(vscode.l10n.t('Backups can contain private data. Keep them out of Git?'), [
    { title: vscode.l10n.t('Add {0} to .gitignore', line), run: () => addLine(gitIgnore, line) },
    { title: vscode.l10n.t('Not Now'), run() {} },
  ]);
}

async function findWorkTree(folder: string): Promise<string | undefined> {
  const found = await stat(path.join(folder, '.git')).catch(() => undefined);
  if (found) return folder;
  const parent = path.dirname(folder);
  return parent === folder ? undefined : findWorkTree(parent);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw fileError('Could not read the file', file, error);
  }
}

async function addLine(file: string, line: string): Promise<void> {
  const text = await readText(file);
  try {
    await writeFile(file, withLine(text, line));
  } catch (error) {
    throw fileError('Could not write the file', file, error);
  }
}

function fileError(what: string, file: string, cause: unknown): RestorePointError {
  return new RestorePointError('file', `${what}: ${messageOf(cause)}`, { place: { file }, cause });
}
