import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import { cellLimit } from '../../core/cells.ts';
import { RestorePointError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { EngineId } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import type { ReportProgress } from '../../core/progress.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Workers } from '../../worker/workers.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import type { BackupKeys } from '../backups/backupKeys.ts';
import type { ErrorBoundary } from '../errorBoundary.ts';
import { ArrangedContents } from './arrangedContents.ts';
import type { BackupContents } from './backupContents.ts';
import { BackupDocument } from './backupDocument.ts';
import {
  parseFromViewer,
  type FromViewer,
  type RowForm,
  type ToViewer,
  type ViewerAction,
  type ViewerAnswers,
  type ViewerQuestion,
} from './messages.ts';
import { copiedRow } from './copiedRow.ts';
import type { ShownRow } from './shownRow.ts';
import { viewerPage } from './page.ts';
import { viewerTexts } from './texts.ts';
import {
  backupView,
  problemOf,
  rowsPerPage,
  rowsView,
  textCharacters,
  tableView,
  valueView,
} from './viewModel.ts';

const commandOf: Readonly<Record<Exclude<ViewerAction, 'writtenRows'>, string>> = {
  restore: 'restorePoint.restoreBackup',
  compare: 'restorePoint.compareBackup',
  verify: 'restorePoint.verifyBackup',
  salvage: 'restorePoint.salvageBackup',
  statements: 'restorePoint.showStatements',
  reveal: 'restorePoint.revealBackup',
  undo: 'restorePoint.undoRestore',
};

/** The services that the editors use. */
export interface ViewerServices {
  readonly engineById: (id: EngineId) => Engine;
  readonly keys: BackupKeys;
  readonly backups: Pick<BackupIndex, 'damageOf' | 'noting' | 'onDidChange'>;
  readonly boundary: ErrorBoundary;
  readonly workers: Workers;
  /** Shows the rows of a safety backup as they were before and after its restore. */
  readonly showWrittenRows: (backup: { readonly file: string; readonly keys?: Keys }) => Promise<void>;
  /** Restores a row into a database, with all questions. */
  readonly restoreRow: (row: ShownRow) => Promise<void>;
  readonly logger: Logger;
}

/** Shows the contents of a backup file instead of "the file is binary". Read-only. */
export class ContentsEditor implements vscode.CustomReadonlyEditorProvider<BackupDocument> {
  static readonly viewType = 'restorePoint.contents';

  readonly #extensionUri: vscode.Uri;
  readonly #services: ViewerServices;
  readonly #open = new Set<OpenEditor>();
  /** By file, the table to show in an editor that is not open yet. */
  readonly #wanted = new Map<string, TableName>();

  constructor(extensionUri: vscode.Uri, services: ViewerServices) {
    this.#extensionUri = extensionUri;
    this.#services = services;
  }

  /** Opens a backup file, or brings its editor to the front, and shows this table. */
  async open(file: string, table?: TableName): Promise<void> {
    const uri = vscode.Uri.file(file);
    const key = uri.toString();
    if (table) this.#wanted.set(key, table);
    await vscode.commands.executeCommand('vscode.openWith', uri, ContentsEditor.viewType);
    if (!table || !this.#wanted.delete(key)) return;
    const editors = [...this.#open].filter(({ document }) => document.uri.toString() === key);
    for (const editor of editors.filter(({ visible }) => visible)) editor.choose(table);
  }

  /** Copies the selection in the active editor, or else the chosen value. */
  copy(): void {
    for (const editor of this.#open) if (editor.active) editor.copy();
  }

  /** Shows the box for a text to find in the active editor. */
  find(): void {
    for (const editor of this.#open) if (editor.active) editor.showFind();
  }

  /** Copies the chosen row of the active editor. */
  copyRow(as: RowForm): void {
    for (const editor of this.#open) if (editor.active) editor.copyRow(as);
  }

  /** Restores the chosen row of the active editor. */
  restoreRow(): void {
    for (const editor of this.#open) if (editor.active) editor.restoreRow();
  }

  openCustomDocument(uri: vscode.Uri): BackupDocument {
    const { engineById, keys, logger } = this.#services;
    return new BackupDocument(uri, engineById, keys, logger);
  }

  resolveCustomEditor(document: BackupDocument, panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    const assets = vscode.Uri.joinPath(this.#extensionUri, 'media', 'viewer');
    const link = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(assets, name)).toString();
    const key = document.uri.toString();
    const editor = new OpenEditor(document, panel, this.#services, this.#wanted.get(key));
    this.#wanted.delete(key);
    this.#open.add(editor);
    panel.onDidDispose(() => {
      this.#open.delete(editor);
      editor.dispose();
    });
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [assets] };
    webview.html = viewerPage({
      title: vscode.l10n.t('Backup contents'),
      loading: vscode.l10n.t('Reading the backup…'),
      language: vscode.env.language,
      script: link('viewer.js'),
      styles: [link('viewer.css')],
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64'),
    });
  }
}

/** One editor. Answers the questions of its page. */
class OpenEditor {
  readonly document: BackupDocument;
  readonly #panel: vscode.WebviewPanel;
  readonly #webview: vscode.Webview;
  readonly #backups: ViewerServices['backups'];
  readonly #logger: Logger;
  readonly #boundary: ErrorBoundary;
  readonly #workers: Workers;
  readonly #services: ViewerServices;
  readonly #subscriptions: vscode.Disposable[];
  /** Aborts the previous page of rows, so that turning pages quickly waits only for the last one. */
  #rows = new AbortController();
  /** The same for a text to find. */
  #finding = new AbortController();
  /** Sorts and searches these contents. */
  #arranged: { readonly of: BackupContents; readonly rows: ArrangedContents } | undefined;
  /** Counts how often the file was read for this editor. Only the last result is shown. */
  #readings = 0;
  /** The table to show as soon as the backup is shown. */
  #wanted: TableName | undefined;
  #shown = false;
  #disposed = false;

  constructor(
    document: BackupDocument,
    panel: vscode.WebviewPanel,
    services: ViewerServices,
    wanted: TableName | undefined,
  ) {
    const { backups, boundary, workers, logger } = services;
    this.document = document;
    this.#panel = panel;
    this.#webview = panel.webview;
    this.#backups = backups;
    this.#boundary = boundary;
    this.#workers = workers;
    this.#services = services;
    this.#logger = logger;
    this.#wanted = wanted;
    this.#subscriptions = [
      this.#webview.onDidReceiveMessage((message: unknown) => this.#guard(this.#receive(message))),
      document.onDidChange(() => this.#guard(this.#show())),
      backups.onDidChange(() => this.#guard(this.#postDamage())),
      // VS Code discards the page of a hidden editor; it starts again when shown.
      panel.onDidChangeViewState(() => (this.#shown &&= panel.visible)),
    ];
  }

  get visible(): boolean {
    return this.#panel.visible;
  }

  get active(): boolean {
    return this.#panel.active;
  }

  copy(): void {
    this.#guard(this.#post({ type: 'copy' }));
  }

  showFind(): void {
    this.#guard(this.#post({ type: 'showFind' }));
  }

  copyRow(as: RowForm): void {
    this.#guard(this.#post({ type: 'copyRow', as }));
  }

  restoreRow(): void {
    this.#guard(this.#post({ type: 'restoreRow' }));
  }

  choose(table: TableName): void {
    this.#wanted = table;
    if (this.#shown) this.#guard(this.#choose());
  }

  async #choose(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    if (wanted) await this.#post({ type: 'choose', key: tableKey(wanted) });
  }

  async #postDamage(): Promise<void> {
    if (!this.#shown) return;
    const damage = await this.#backups.damageOf(this.document.uri.fsPath);
    if (damage && this.#shown) await this.#post({ type: 'damaged', problem: problemOf(damage) });
  }

  dispose(): void {
    this.#disposed = true;
    this.#rows.abort();
    this.#finding.abort();
    this.#arranged?.rows.close();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Logs the errors of work that an event started, because nothing awaits it. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#logger.error(`The contents viewer failed: ${messageOf(error)}`, error);
    });
  }

  async #receive(value: unknown): Promise<void> {
    const message = parseFromViewer(value);
    if (message) await this.#handle(message);
    else this.#logger.warn('The contents viewer ignored an unknown message');
  }

  async #handle(message: FromViewer): Promise<void> {
    switch (message.type) {
      case 'ready':
        await this.#post({ type: 'texts', texts: viewerTexts(), locale: vscode.env.language });
        await this.document.reloadIfChanged();
        return this.#show();
      case 'reload':
        return this.document.reload();
      case 'run':
        if (message.action === 'writtenRows') return await this.#showWritten();
        await vscode.commands.executeCommand(commandOf[message.action], this.document.uri);
        return;
      case 'copied':
        return await vscode.env.clipboard.writeText(message.text);
      case 'copyRow':
        return await this.#boundary.run(vscode.l10n.t('Copying'), () => this.#copyRow(message));
      case 'restoreRow':
        return await this.#boundary.run(vscode.l10n.t('Restore'), () => this.#restore(message));
      case 'readTable':
      case 'readRows':
      case 'find':
      case 'readValue':
        return this.#reply(message);
    }
  }

  async #copyRow(message: Extract<FromViewer, { type: 'copyRow' }>): Promise<void> {
    const state = await this.document.state();
    if ('error' in state) throw state.error;
    await vscode.env.clipboard.writeText(await copiedRow(state.contents, message));
  }

  async #showWritten(): Promise<void> {
    await this.#boundary.run(vscode.l10n.t('Showing the contents'), async () => {
      const state = await this.document.state();
      if ('error' in state) throw state.error;
      const { file, keys } = state.contents;
      await this.#services.showWrittenRows({ file, ...(keys ? { keys } : {}) });
    });
  }

  async #restore({ table, row }: { readonly table: number; readonly row: number }): Promise<void> {
    const state = await this.document.state();
    if ('error' in state) throw state.error;
    const { file, manifest, keys } = state.contents;
    await this.#services.restoreRow({ file, manifest, table, row, ...(keys ? { keys } : {}) });
  }

  async #show(): Promise<void> {
    this.#shown = false;
    const reading = ++this.#readings;
    const state = await this.document.state();
    if (reading !== this.#readings) return;
    if ('error' in state) return this.#post({ type: 'problem', problem: problemOf(state.error) });
    const { manifest, engine, size } = state.contents;
    await this.#post({ type: 'backup', backup: backupView(manifest, engine.label, size) });
    this.#shown = true;
    await this.#choose();
    await this.#postDamage();
  }

  async #reply(question: ViewerQuestion): Promise<void> {
    const { request } = question;
    try {
      await this.#post({
        type: 'answer',
        request,
        answer: await this.#backups.noting(this.#answer(question)),
      });
    } catch (error) {
      if (RestorePointError.is(error, 'cancelled')) return;
      this.#logger.error(`Part of ${this.document.uri.fsPath} cannot be shown: ${messageOf(error)}`, error);
      await this.#post({ type: 'failed', request, problem: problemOf(error) });
    }
  }

  async #answer(question: ViewerQuestion): Promise<ViewerAnswers[ViewerQuestion['type']]> {
    const state = await this.document.state();
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
        this.#finding.abort();
        this.#rows = new AbortController();
        const { table, page, arrangement } = question;
        if (arrangement.filter || arrangement.sort)
          return await this.#arrangedRows(contents).rows({ table, arrangement }, page, this.#rows.signal);
        const after = question.page * rowsPerPage;
        const columns = contents.manifest.tables[question.table]?.columns.length ?? 0;
        const query = { after, limit: rowsPerPage, longest: cellLimit(rowsPerPage, columns) };
        const rows = await contents.readRows(question.table, query, this.#rows.signal);
        return rowsView(rows, after, contents.manifest.tables[question.table]?.rows ?? 0);
      }
      case 'find': {
        this.#finding.abort();
        this.#finding = new AbortController();
        const { type: _, request: _request, ...query } = question;
        return await this.#arrangedRows(contents).find(query, this.#finding.signal);
      }
      case 'readValue': {
        const query = { after: question.row, limit: 1, longest: textCharacters };
        const page = await contents.readRows(question.table, query);
        const value = page.rows[0]?.[question.column];
        if (value === undefined) throw new RestorePointError('usage', 'The backup has no such value');
        return valueView(value);
      }
    }
  }

  #arrangedRows(contents: BackupContents): ArrangedContents {
    if (this.#arranged?.of !== contents) {
      this.#arranged?.rows.close();
      const report: ReportProgress = ({ rows, totalRows }) => {
        if (rows !== undefined && totalRows)
          this.#guard(this.#post({ type: 'progress', fraction: rows / totalRows }));
      };
      const rows = new ArrangedContents(contents, this.#workers, this.#logger, report);
      this.#arranged = { of: contents, rows };
    }
    return this.#arranged.rows;
  }

  async #post(message: ToViewer): Promise<void> {
    if (!this.#disposed) await this.#webview.postMessage(message);
  }
}
