import { open, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { filesOf } from '../../../core/connectionForm.ts';
import { fileReason } from '../../../core/errors.ts';
import { formatBytes } from '../../../core/format.ts';
import type { Engine } from '../../../engines/engine.ts';
import type { BrokenFile, Searched } from '../../../found/findDatabases.ts';
import type { SourceFile } from '../../../found/source.ts';
import { sources } from '../../../found/sources.ts';
import { settingsOfOthers, userSettings, workspaceSettings } from '../../../found/sources/settings.ts';
import { anyOf } from './globs.ts';

/** Nobody writes a configuration by hand that is larger. */
const largestFile = 512 * 1024;
/** Of all files together. Those nearest to the folder count first. */
const mostBytes = 16 * 1024 * 1024;
const mostFiles = 2000;
/** Files that are read at the same time. */
const batch = 16;

/** Folders of programs, which name none of the user's databases. The settings can exclude more. */
const excluded = [
  ...['node_modules', 'bower_components', '.git', '.hg', '.svn', 'venv', '.venv', 'virtualenv'],
  ...['site-packages', '__pycache__', '.tox', '.nox', '.vscode-test', '.terraform'],
].map((name) => `**/${name}/**`);

export interface SearchedFiles extends Searched {
  /** Files that could not be read. */
  readonly broken: readonly BrokenFile[];
}

/**
 * Reads the files that may name databases: those in the workspace folders, service files of libpq in their places, and
 * settings of other extensions. Follows no link out of the workspace. Throws `vscode.CancellationError`.
 */
export async function searchedFiles(
  engines: readonly Engine[],
  token: vscode.CancellationToken,
): Promise<SearchedFiles> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const roots = (await Promise.all(folders.map(({ uri }) => realPath(uri.fsPath)))).flatMap(
    (root) => root ?? [],
  );
  const broken: BrokenFile[] = [];
  const files: SourceFile[] = [];
  const databaseFiles: Searched['databaseFiles'][number][] = [];
  for (const folder of folders) {
    const base = folder.uri.fsPath;
    for (const group of batches(
      await filesIn(
        folder,
        sources.flatMap(({ globs }) => globs),
        token,
      ),
    )) {
      stopIfCancelled(token);
      const read = await Promise.all(group.map((file) => textOf(file, roots, base, broken)));
      files.push(...read.flatMap((file) => file ?? []));
      if (files.reduce((sum, { text }) => sum + text.length, 0) > mostBytes) break;
    }
    for (const engine of engines) {
      const question = filesOf(engine.form);
      if (!question) continue;
      const glob = `**/*.{${question.extensions.join(',')}}`;
      for (const group of batches(await filesIn(folder, [glob], token))) {
        stopIfCancelled(token);
        const fit = await Promise.all(group.map((file) => startsWith(file, question.signature, roots)));
        const fitting = group.filter((_, index) => fit[index]);
        databaseFiles.push(...fitting.map((file) => ({ path: file, folder: base, engine })));
      }
    }
  }
  files.push(...(await serviceFiles(broken)), ...settingsFiles(folders[0]?.uri.fsPath));
  return { files, databaseFiles, broken, outsideContainers: vscode.env.remoteName !== 'dev-container' };
}

function stopIfCancelled(token: vscode.CancellationToken): void {
  if (token.isCancellationRequested) throw new vscode.CancellationError();
}

/** Those nearest to the folder first. */
async function filesIn(
  folder: vscode.WorkspaceFolder,
  globs: readonly string[],
  token: vscode.CancellationToken,
): Promise<string[]> {
  const searchExclude = vscode.workspace.getConfiguration('search', folder).get<object>('exclude', {});
  const others = Object.entries(searchExclude).flatMap(([glob, on]) => (on === true ? [glob] : []));
  const found = await vscode.workspace.findFiles(
    new vscode.RelativePattern(folder, anyOf(globs)),
    anyOf([...excluded, ...others]),
    mostFiles,
    token,
  );
  stopIfCancelled(token);
  const depth = (file: string): number => file.split(path.sep).length;
  const files = found.map(({ fsPath }) => fsPath);
  return files.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
}

function* batches(files: readonly string[]): Iterable<readonly string[]> {
  for (let start = 0; start < files.length; start += batch) yield files.slice(start, start + batch);
}

async function realPath(file: string): Promise<string | undefined> {
  return await realpath(file).catch(() => undefined);
}

/** A regular file of the workspace; undefined for a link that leads out of it, and for anything else. */
async function insideFile(file: string, roots: readonly string[]): Promise<string | undefined> {
  const real = await realPath(file);
  const isInside = real !== undefined && roots.some((root) => real.startsWith(root + path.sep));
  return isInside && (await stat(real)).isFile() ? real : undefined;
}

async function textOf(
  file: string,
  roots: readonly string[],
  folder: string,
  broken: BrokenFile[],
): Promise<SourceFile | undefined> {
  try {
    const real = await insideFile(file, roots);
    const text = real === undefined ? undefined : await readText(real);
    return text === undefined ? undefined : { path: file, text, folder };
  } catch (error) {
    broken.push({ file, reason: fileReason(error) });
    return undefined;
  }
}

/** Windows programs write UTF-16 too. */
async function readText(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > largestFile) throw new Error(`it is larger than ${formatBytes(largestFile)}`);
  const bytes = await readFile(file);
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

async function startsWith(file: string, signature: string, roots: readonly string[]): Promise<boolean> {
  try {
    const real = await insideFile(file, roots);
    if (real === undefined) return false;
    const handle = await open(real);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(signature.length), 0, signature.length, 0);
      return buffer.toString('latin1', 0, bytesRead) === signature;
    } finally {
      await handle.close();
    }
  } catch {
    return false;
  }
}

/** Where libpq looks for them. */
async function serviceFiles(broken: BrokenFile[]): Promise<SourceFile[]> {
  const { PGSERVICEFILE: own, PGSYSCONFDIR: shared, APPDATA: roaming } = process.env;
  const ofUser =
    process.platform === 'win32' && roaming
      ? path.join(roaming, 'postgresql', '.pg_service.conf')
      : path.join(homedir(), '.pg_service.conf');
  const found: SourceFile[] = [];
  for (const file of [own || ofUser, ...(shared ? [path.join(shared, 'pg_service.conf')] : [])]) {
    try {
      if ((await stat(file)).isFile())
        found.push({ path: file, text: await readText(file), kind: 'services' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        broken.push({ file, reason: fileReason(error) });
    }
  }
  return found;
}

/** Settings that no file of the workspace holds. */
function settingsFiles(folder: string | undefined): SourceFile[] {
  const values = Object.keys(settingsOfOthers).map((name) => ({
    name,
    values: vscode.workspace.getConfiguration().inspect<unknown>(name),
  }));
  const asText = (scope: 'globalValue' | 'workspaceValue'): string =>
    JSON.stringify(Object.fromEntries(values.map((one) => [one.name, one.values?.[scope]])));
  const user = { path: userSettings, text: asText('globalValue') };
  if (!vscode.workspace.workspaceFile || folder === undefined) return [user];
  return [user, { path: workspaceSettings, text: asText('workspaceValue'), folder }];
}
