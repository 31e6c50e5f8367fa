import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { RestorePointError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { EngineId } from '../../core/manifest.ts';
import type { Engine } from '../../engines/engine.ts';
import type { BackupKeys } from '../backups/backupKeys.ts';
import { BackupContents } from './backupContents.ts';

/** A file that is being copied changes many times; waits until it settles. */
const changeSettles = 250;

/** The current contents of a backup file, or why they cannot be read. */
export type DocumentState = { readonly contents: BackupContents } | { readonly error: unknown };

/** A backup file open in one or more editors. Follows changes on disk. */
export class BackupDocument implements vscode.CustomDocument {
  readonly uri: vscode.Uri;
  readonly #engineById: (id: EngineId) => Engine;
  readonly #keys: Pick<BackupKeys, 'keysFor'>;
  readonly #logger: Logger;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #watcher: vscode.FileSystemWatcher;
  #state: Promise<DocumentState> | undefined;
  /** Tells one state of the file from another without reading it. */
  #stamp: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  /** The file has changed; `state` has its new contents. */
  readonly onDidChange = this.#changed.event;

  constructor(
    uri: vscode.Uri,
    engineById: (id: EngineId) => Engine,
    keys: Pick<BackupKeys, 'keysFor'>,
    logger: Logger,
  ) {
    this.uri = uri;
    this.#engineById = engineById;
    this.#keys = keys;
    this.#logger = logger;
    // Watches the whole folder, because a glob pattern cannot express every file name.
    this.#watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(vscode.Uri.joinPath(uri, '..'), '*'),
    );
    const onEvent = (changed: vscode.Uri): void => {
      if (changed.toString() === uri.toString()) this.#reloadSoon();
    };
    this.#watcher.onDidChange(onEvent);
    this.#watcher.onDidCreate(onEvent);
    this.#watcher.onDidDelete(onEvent);
  }

  /** Reads the file once. Never rejects. */
  state(): Promise<DocumentState> {
    this.#state ??= this.#read();
    return this.#state;
  }

  /** Forgets what was read, so that every editor reads it again. */
  reload(): void {
    clearTimeout(this.#timer);
    if (this.#disposed) return;
    this.#closeContents();
    this.#changed.fire();
  }

  /** Reloads if the file changed without a watcher event, as on some network drives. */
  async reloadIfChanged(): Promise<void> {
    if (this.#state && (await this.#currentStamp()) !== this.#stamp) this.reload();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#watcher.dispose();
    this.#changed.dispose();
    this.#closeContents();
  }

  #reloadSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.reload(), changeSettles);
  }

  #closeContents(): void {
    void this.#state?.then((state) => ('contents' in state ? state.contents.close() : undefined));
    this.#state = undefined;
  }

  async #read(): Promise<DocumentState> {
    try {
      if (this.uri.scheme !== 'file') {
        throw new RestorePointError('file', 'Only backups on disk can be shown');
      }
      this.#stamp = await this.#currentStamp();
      const { fsPath } = this.uri;
      const keys = await this.#keys.keysFor(fsPath, { ask: true });
      return { contents: await BackupContents.open(fsPath, this.#engineById, this.#logger, keys) };
    } catch (reason) {
      const dismissed = reason instanceof vscode.CancellationError;
      const error = dismissed ? notUnlocked() : reason;
      this.#logger.warn(`The contents of ${this.uri.fsPath} cannot be shown: ${messageOf(error)}`);
      return { error };
    }
  }

  async #currentStamp(): Promise<string> {
    try {
      const { ino, size, mtimeMs } = await stat(this.uri.fsPath);
      return `${ino} ${size} ${mtimeMs}`;
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** The error when the user dismissed the question for the key. */
function notUnlocked(): RestorePointError {
  return new RestorePointError(
    'locked',
    vscode.l10n.t('Its contents can only be shown with its passphrase or an identity file'),
  );
}
