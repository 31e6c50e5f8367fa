import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { backupsIn, problemOf, readBackupFile, type BackupFile } from '../../backup/backupFiles.ts';
import { isPinned, pinExtension } from '../../backup/pins.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { FindManifestRules } from '../../core/manifestRules.ts';
import { backupFolder } from '../settings.ts';

const names = '*.{dbbackup,dbbackup.age}';
const everywhere = `**/${names}`;
/** With their pins. */
const watched = `*.{dbbackup,dbbackup.age,dbbackup${pinExtension},dbbackup.age${pinExtension}}`;
const notThere = '**/node_modules/**';
/** Files change in bursts, with several events for each. */
const quietMilliseconds = 150;
const readsAtOnce = 8;

interface Known {
  readonly stamp: string;
  readonly backup: BackupFile;
}

/** Damage that was found by reading the whole file. */
interface Damage {
  readonly stamp: string;
  readonly error: RestorePointError;
}

/** The backup files of the workspace, and of backup folders outside it. Follows the file system. */
export class BackupIndex implements vscode.Disposable {
  readonly #engines: FindManifestRules;
  readonly #logger: Logger;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  readonly #known = new Map<string, Known>();
  readonly #damage = new Map<string, Damage>();
  #watchers: vscode.Disposable[] = [];
  #timer: NodeJS.Timeout | undefined;

  readonly onDidChange = this.#changed.event;

  constructor(engines: FindManifestRules, logger: Logger) {
    this.#engines = engines;
    this.#logger = logger;
    this.#watch();
    this.#subscriptions = [
      this.#changed,
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.#watch()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('restorePoint.backupFolder')) this.#watch();
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.#timer);
    vscode.Disposable.from(...this.#watchers, ...this.#subscriptions).dispose();
  }

  /** Newest first. Files that did not change since the last call are not read again. */
  async list(): Promise<BackupFile[]> {
    const files = [...(await this.#find())];
    const backups: BackupFile[] = [];
    for (let start = 0; start < files.length; start += readsAtOnce) {
      const read = await Promise.all(
        files.slice(start, start + readsAtOnce).map((file) => this.#readOnce(file)),
      );
      backups.push(...read.filter((backup) => backup !== undefined));
    }
    for (const file of this.#known.keys()) if (!files.includes(file)) this.#known.delete(file);
    return backups.sort((a, b) => b.time.getTime() - a.time.getTime());
  }

  /** Reads everything again, for changes that a watcher may have missed. */
  refresh(): void {
    this.#known.clear();
    this.#changed.fire();
  }

  /** Runs the work. If it finds a file damaged, remembers that until the file changes. */
  async noting<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      await this.#note(error);
      throw error;
    }
  }

  /** The damage found in a file by reading all of it. */
  async damageOf(file: string): Promise<RestorePointError | undefined> {
    const damage = this.#damage.get(file);
    return damage && damage.stamp === (await stampOf(file)) ? damage.error : undefined;
  }

  async #note(error: unknown): Promise<void> {
    if (!RestorePointError.is(error, 'damaged-backup')) return;
    const { file } = error.details.place ?? {};
    const stamp = file === undefined ? undefined : await stampOf(file);
    if (file === undefined || stamp === undefined || this.#damage.get(file)?.stamp === stamp) return;
    this.#damage.set(file, { stamp, error });
    this.#known.delete(file);
    this.#changed.fire();
  }

  async #find(): Promise<Set<string>> {
    const inWorkspace = await vscode.workspace.findFiles(everywhere, notThere);
    const files = new Set(inWorkspace.filter((uri) => uri.scheme === 'file').map((uri) => uri.fsPath));
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      // The folder may be outside the workspace, or hidden by `files.exclude`.
      for (const file of await this.#listFolder(backupFolder(folder))) files.add(file);
    }
    return files;
  }

  async #listFolder(folder: string): Promise<string[]> {
    try {
      return await backupsIn(folder);
    } catch (error) {
      this.#logger.warn(`The backup folder ${folder} cannot be read: ${messageOf(error)}`);
      return [];
    }
  }

  async #readOnce(file: string): Promise<BackupFile | undefined> {
    const info = await stat(file).catch((error: unknown) => {
      // It may have been removed since the folder was read.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(`The backup ${file} cannot be read: ${messageOf(error)}`);
      }
    });
    if (!info) return undefined;
    const stamp = stampFrom(info);
    const known = this.#known.get(file);
    const isAsPinned = known?.backup.pinned === ((await isPinned(file)) ? true : undefined);
    if (known?.stamp === stamp && isAsPinned) return known.backup;
    const read = await readBackupFile(file, this.#engines);
    if (!read) return undefined;
    const damage = this.#damage.get(file);
    const backup = damage?.stamp === stamp ? { ...read, ...problemOf(damage.error) } : read;
    this.#known.set(file, { stamp, backup });
    return backup;
  }

  #watch(): void {
    vscode.Disposable.from(...this.#watchers).dispose();
    const outside = (vscode.workspace.workspaceFolders ?? [])
      .map((folder) => vscode.Uri.file(backupFolder(folder)))
      .filter((uri) => !vscode.workspace.getWorkspaceFolder(uri))
      .map((uri) => new vscode.RelativePattern(uri, watched));
    this.#watchers = [`**/${watched}`, ...outside].map((pattern) => {
      const watcher = vscode.workspace.createFileSystemWatcher(pattern);
      for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete]) {
        event(() => this.#announce());
      }
      return watcher;
    });
    this.#announce();
  }

  #announce(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#changed.fire(), quietMilliseconds);
  }
}

/** Identifies a state of the file without reading it. */
function stampFrom({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}

async function stampOf(file: string): Promise<string | undefined> {
  return await stat(file).then(stampFrom, () => undefined);
}
