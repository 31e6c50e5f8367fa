import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { RestorePointError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { EngineId } from '../../core/manifest.ts';
import type { Engine } from '../../engines/engine.ts';
import type { BackupKeys } from '../backups/backupKeys.ts';
import { BackupDocument } from './backupDocument.ts';
import {
  parseFromViewer,
  type FromViewer,
  type ToViewer,
  type ViewerAction,
  type ViewerAnswers,
  type ViewerQuestion,
} from './messages.ts';
import { viewerPage } from './page.ts';
import { viewerTexts } from './texts.ts';
import { backupView, problemOf, rowsPerPage, rowsView, tableView, valueView } from './viewModel.ts';

const commandOf: Readonly<Record<ViewerAction, string>> = {
  restore: 'restorePoint.restoreBackup',
  verify: 'restorePoint.verifyBackup',
  reveal: 'restorePoint.revealBackup',
};

/** Shows what is in a backup file, in place of "the file is binary". Reads, never writes. */
export class ContentsEditor implements vscode.CustomReadonlyEditorProvider<BackupDocument> {
  static readonly viewType = 'restorePoint.contents';

  readonly #extensionUri: vscode.Uri;
  readonly #engineById: (id: EngineId) => Engine;
  readonly #keys: BackupKeys;
  readonly #logger: Logger;

  constructor(
    extensionUri: vscode.Uri,
    engineById: (id: EngineId) => Engine,
    keys: BackupKeys,
    logger: Logger,
  ) {
    this.#extensionUri = extensionUri;
    this.#engineById = engineById;
    this.#keys = keys;
    this.#logger = logger;
  }

  openCustomDocument(uri: vscode.Uri): BackupDocument {
    return new BackupDocument(uri, this.#engineById, this.#keys, this.#logger);
  }

  resolveCustomEditor(document: BackupDocument, panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    const assets = vscode.Uri.joinPath(this.#extensionUri, 'media', 'viewer');
    const link = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(assets, name)).toString();
    const editor = new OpenEditor(document, webview, this.#logger);
    panel.onDidDispose(() => editor.dispose());
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [assets] };
    webview.html = viewerPage({
      title: vscode.l10n.t('Contents of a backup'),
      loading: vscode.l10n.t('Reading the backup…'),
      language: vscode.env.language,
      script: link('viewer.js'),
      style: link('viewer.css'),
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64'),
    });
  }
}

/** One editor: answers what its page asks. */
class OpenEditor {
  readonly #document: BackupDocument;
  readonly #webview: vscode.Webview;
  readonly #logger: Logger;
  readonly #subscriptions: vscode.Disposable[];
  /** Of the last page of rows that was asked for: whoever turns pages quickly waits for the last one only. */
  #rows = new AbortController();
  /** Counts the readings of the file that were begun for this editor: only the last one is shown. */
  #readings = 0;
  #disposed = false;

  constructor(document: BackupDocument, webview: vscode.Webview, logger: Logger) {
    this.#document = document;
    this.#webview = webview;
    this.#logger = logger;
    this.#subscriptions = [
      webview.onDidReceiveMessage((message: unknown) => this.#guard(this.#receive(message))),
      document.onDidChange(() => this.#guard(this.#show())),
    ];
  }

  dispose(): void {
    this.#disposed = true;
    this.#rows.abort();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Nobody waits for what an event began. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#logger.error(`The contents viewer failed: ${messageOf(error)}`, error);
    });
  }

  async #receive(value: unknown): Promise<void> {
    const message = parseFromViewer(value);
    if (message) await this.#handle(message);
    else this.#logger.warn('The contents viewer ignored a message that it does not know');
  }

  async #handle(message: FromViewer): Promise<void> {
    switch (message.type) {
      case 'ready':
        await this.#post({ type: 'texts', texts: viewerTexts(), locale: vscode.env.language });
        await this.#document.reloadIfChanged();
        return this.#show();
      case 'reload':
        return this.#document.reload();
      case 'run':
        await vscode.commands.executeCommand(commandOf[message.action], this.#document.uri);
        return;
      case 'readTable':
      case 'readRows':
      case 'readValue':
        return this.#reply(message);
    }
  }

  async #show(): Promise<void> {
    const reading = ++this.#readings;
    const state = await this.#document.state();
    if (reading !== this.#readings) return;
    if ('error' in state) return this.#post({ type: 'problem', problem: problemOf(state.error) });
    const { manifest, engine, size } = state.contents;
    await this.#post({ type: 'backup', backup: backupView(manifest, engine.label, size) });
  }

  async #reply(question: ViewerQuestion): Promise<void> {
    const { request } = question;
    try {
      await this.#post({ type: 'answer', request, answer: await this.#answer(question) });
    } catch (error) {
      if (RestorePointError.is(error, 'cancelled')) return;
      this.#logger.error(
        `A part of ${this.#document.uri.fsPath} cannot be shown: ${messageOf(error)}`,
        error,
      );
      await this.#post({ type: 'failed', request, problem: problemOf(error) });
    }
  }

  async #answer(question: ViewerQuestion): Promise<ViewerAnswers[ViewerQuestion['type']]> {
    const state = await this.#document.state();
    if ('error' in state) throw state.error;
    const { contents } = state;
    switch (question.type) {
      case 'readTable': {
        const table = contents.manifest.tables[question.table];
        if (!table) throw new RestorePointError('usage', 'The backup has no such table');
        return tableView(contents.manifest, table);
      }
      case 'readRows': {
        this.#rows.abort();
        this.#rows = new AbortController();
        const offset = question.page * rowsPerPage;
        return rowsView(
          await contents.readRows(question.table, offset, rowsPerPage, this.#rows.signal),
          offset,
        );
      }
      case 'readValue': {
        const page = await contents.readRows(question.table, question.row, 1);
        const value = page.rows[0]?.[question.column];
        if (value === undefined) throw new RestorePointError('usage', 'The backup has no such value');
        return valueView(value);
      }
    }
  }

  async #post(message: ToViewer): Promise<void> {
    if (!this.#disposed) await this.#webview.postMessage(message);
  }
}
