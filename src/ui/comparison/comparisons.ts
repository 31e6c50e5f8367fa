import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Logger } from '../../core/logger.ts';
import { viewerPage } from '../viewer/page.ts';
import { ComparisonPanel, type ShownComparison } from './comparisonPanel.ts';
import type { TextDiffs } from './textDiffs.ts';

/** The panels that show comparisons. */
export class Comparisons {
  static readonly viewType = 'restorePoint.comparison';

  readonly #extensionUri: vscode.Uri;
  readonly #textDiffs: TextDiffs;
  readonly #logger: Logger;
  readonly #open = new Set<ComparisonPanel>();

  constructor(extensionUri: vscode.Uri, textDiffs: TextDiffs, logger: Logger) {
    this.#extensionUri = extensionUri;
    this.#textDiffs = textDiffs;
    this.#logger = logger;
  }

  /** The panel closes the comparison. */
  show(shown: ShownComparison): void {
    const title = `${shown.first.name} ↔ ${shown.second.name}`;
    const panel = vscode.window.createWebviewPanel(Comparisons.viewType, title, vscode.ViewColumn.Active);
    const { webview } = panel;
    const media = vscode.Uri.joinPath(this.#extensionUri, 'media');
    const link = (...path: string[]): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(media, ...path)).toString();
    panel.iconPath = {
      light: vscode.Uri.joinPath(media, 'backup-file-light.svg'),
      dark: vscode.Uri.joinPath(media, 'backup-file-dark.svg'),
    };
    const made = new ComparisonPanel(panel, shown, this.#textDiffs, this.#logger);
    this.#open.add(made);
    panel.onDidDispose(() => {
      this.#open.delete(made);
      made.dispose();
    });
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [media] };
    webview.html = viewerPage({
      title: vscode.l10n.t('Comparison'),
      loading: vscode.l10n.t('Comparing…'),
      language: vscode.env.language,
      script: link('comparison', 'comparison.js'),
      styles: [link('viewer', 'viewer.css'), link('comparison', 'comparison.css')],
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64'),
    });
  }

  /** Copies the selection in the active panel, or else the chosen value. */
  copy(): void {
    for (const panel of this.#open) if (panel.active) panel.copy();
  }

  /** Ends all processes that hold differences. */
  closeAll(): void {
    for (const panel of this.#open) panel.dispose();
  }
}
