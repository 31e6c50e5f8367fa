import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { backupNameOf, type BackupFile } from '../../backup/backupFiles.ts';
import { historyOf, type BackupHistory } from '../../backup/history.ts';
import { messageOf } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import type { BackupIndex } from '../backups/backupIndex.ts';
import type { Connection } from '../connections/connection.ts';
import type { Log } from '../log.ts';
import { viewerPage } from '../viewer/page.ts';
import { viewerTexts } from '../viewer/texts.ts';
import { parseFromHistory, type FromHistory, type HistoryView, type ToHistory } from './messages.ts';
import { historyTexts } from './texts.ts';

/** What a panel needs. */
export interface HistorySource {
  readonly connection: Connection;
  readonly backups: BackupIndex;
  /** Whether a backup belongs to the connection. */
  readonly isOf: (backup: BackupFile) => boolean;
  readonly log: Log;
}

export const historyViewType = 'restorePoint.history';

/** Opens the page with the history of a connection's backups. It follows the files. */
export function showHistory(extensionUri: vscode.Uri, source: HistorySource): void {
  const title = vscode.l10n.t('Backups of {0}', source.connection.name);
  const panel = vscode.window.createWebviewPanel(historyViewType, title, vscode.ViewColumn.Active);
  const { webview } = panel;
  const media = vscode.Uri.joinPath(extensionUri, 'media');
  const link = (...path: string[]): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(media, ...path)).toString();
  panel.iconPath = {
    light: vscode.Uri.joinPath(media, 'backup-file-light.svg'),
    dark: vscode.Uri.joinPath(media, 'backup-file-dark.svg'),
  };
  const page = new HistoryPage(webview, source);
  panel.onDidDispose(() => page.dispose());
  webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [media] };
  webview.html = viewerPage({
    title,
    loading: vscode.l10n.t('Reading the backups…'),
    language: vscode.env.language,
    script: link('history', 'history.js'),
    styles: [link('viewer', 'viewer.css'), link('history', 'history.css')],
    cspSource: webview.cspSource,
    nonce: randomBytes(16).toString('base64'),
  });
}

class HistoryPage {
  readonly #webview: vscode.Webview;
  readonly #source: HistorySource;
  readonly #subscriptions: readonly vscode.Disposable[];
  #history: BackupHistory = { points: [], tables: [] };
  #ready = false;

  constructor(webview: vscode.Webview, source: HistorySource) {
    this.#webview = webview;
    this.#source = source;
    this.#subscriptions = [
      webview.onDidReceiveMessage((message: unknown) => this.#guard(this.#receive(message))),
      source.backups.onDidChange(() => this.#guard(this.#show())),
    ];
  }

  dispose(): void {
    this.#ready = false;
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** Logs the errors of work that an event started, because nothing awaits it. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#source.log.error(`The history of backups cannot be shown: ${messageOf(error)}`, error);
    });
  }

  async #receive(value: unknown): Promise<void> {
    const message = parseFromHistory(value);
    if (message) await this.#handle(message);
    else this.#source.log.warn('The history of backups ignored an unknown message');
  }

  async #handle(message: FromHistory): Promise<void> {
    if (message.type === 'ready') {
      this.#ready = true;
      const texts = { ...viewerTexts(), ...historyTexts() };
      await this.#post({ type: 'texts', texts, locale: vscode.env.language });
      return await this.#show();
    }
    const point = this.#history.points[message.point];
    if (!point) return;
    const command = message.type === 'show' ? 'showContents' : 'compareBackup';
    await vscode.commands.executeCommand(`restorePoint.${command}`, vscode.Uri.file(point.file));
  }

  async #show(): Promise<void> {
    if (!this.#ready) return;
    const all = await this.#source.backups.list();
    this.#history = historyOf(all.filter((backup) => this.#source.isOf(backup)));
    await this.#post({ type: 'history', history: viewOf(this.#history, this.#source.connection.name) });
  }

  async #post(message: ToHistory): Promise<void> {
    if (this.#ready) await this.#webview.postMessage(message);
  }
}

function viewOf({ points, tables }: BackupHistory, name: string): HistoryView {
  return {
    name,
    points: points.map((backup) => {
      const limit = limitOf(backup);
      return {
        name: backupNameOf(backup.file),
        time: backup.time.getTime(),
        bytes: backup.size,
        size: formatBytes(backup.size),
        ...(limit === undefined ? {} : { limit }),
        canCompare: backup.manifest?.only !== 'schema',
      };
    }),
    tables,
  };
}

function limitOf({ manifest }: BackupFile): string | undefined {
  if (!manifest) return vscode.l10n.t('encrypted: only its size and time are known');
  if (manifest.complete) return undefined;
  if (manifest.only === 'schema') return vscode.l10n.t('schema only');
  return vscode.l10n.t('part of the database');
}
