import * as vscode from 'vscode';
import type { CheckedCounts } from '../../compare/differenceStore.ts';
import { RestorePointError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { OpenComparison } from '../../worker/workers.ts';
import { viewerTexts } from '../viewer/texts.ts';
import { problemOf, textCharacters } from '../viewer/viewModel.ts';
import { comparisonView, rowsPerPage, type SideView } from './comparisonView.ts';
import {
  parseFromComparison,
  type ComparisonAnswers,
  type ComparisonQuestion,
  type FromComparison,
  type ToComparison,
} from './messages.ts';
import type { TextDiffs } from './textDiffs.ts';
import { comparisonTexts } from './texts.ts';

/** What a panel shows, and how to get it again. */
export interface ShownComparison {
  readonly first: SideView;
  readonly second: SideView;
  readonly opened: OpenComparison;
  /** How many rows of each table are checked already; none when left out. */
  readonly checked?: readonly CheckedCounts[];
  /** Compares the sides as they are by then. Undefined if the user cancelled, or was told why it failed. */
  compareAgain(): Promise<OpenComparison | undefined>;
  /** Restores the checked rows. Whether it did; what failed was shown. Absent where nothing can be restored. */
  restore?(opened: OpenComparison): Promise<boolean>;
}

/** One panel. Answers the questions of its page. */
export class ComparisonPanel {
  readonly #panel: vscode.WebviewPanel;
  readonly #shown: ShownComparison;
  readonly #textDiffs: TextDiffs;
  readonly #logger: Logger;
  readonly #subscription: vscode.Disposable;
  #opened: OpenComparison;
  /** Aborts the previous page of rows, so that turning pages quickly waits only for the last one. */
  #rows = new AbortController();
  #comparing = false;
  /** How many rows of each table are checked. */
  #checked: readonly CheckedCounts[];
  #disposed = false;

  constructor(panel: vscode.WebviewPanel, shown: ShownComparison, textDiffs: TextDiffs, logger: Logger) {
    this.#panel = panel;
    this.#shown = shown;
    this.#opened = shown.opened;
    this.#checked = shown.checked ?? noneChecked(shown.opened);
    this.#textDiffs = textDiffs;
    this.#logger = logger;
    this.#subscription = panel.webview.onDidReceiveMessage((message: unknown) =>
      this.#guard(this.#receive(message)),
    );
  }

  get active(): boolean {
    return this.#panel.active;
  }

  copy(): void {
    this.#guard(this.#post({ type: 'copy' }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#rows.abort();
    this.#subscription.dispose();
    this.#opened.close();
  }

  /** Logs the errors of work that an event started, because nothing awaits it. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#logger.error(`The comparison cannot be shown: ${messageOf(error)}`, error);
    });
  }

  async #receive(value: unknown): Promise<void> {
    const message = parseFromComparison(value);
    if (message) await this.#handle(message);
    else this.#logger.warn('The comparison ignored an unknown message');
  }

  async #handle(message: FromComparison): Promise<void> {
    switch (message.type) {
      case 'ready': {
        const texts = { ...viewerTexts(), ...comparisonTexts() };
        await this.#post({ type: 'texts', texts, locale: vscode.env.language });
        return await this.#show();
      }
      case 'compareAgain':
        return await this.#compareAgain();
      case 'restore':
        if (await this.#shown.restore?.(this.#opened)) await this.#compareAgain();
        return;
      case 'textDiff':
        return await this.#textDiffs.show(this.#opened, message.table, this.#shown);
      case 'copied':
        return await vscode.env.clipboard.writeText(message.text);
      case 'readDifferences':
      case 'readValue':
      case 'check':
        return await this.#reply(message);
    }
  }

  async #show(): Promise<void> {
    const comparison = comparisonView(this.#opened.comparison, this.#shown, this.#checked);
    await this.#post({ type: 'comparison', comparison });
  }

  async #compareAgain(): Promise<void> {
    if (this.#comparing) return;
    this.#comparing = true;
    try {
      const opened = await this.#shown.compareAgain();
      if (!opened) return;
      if (this.#disposed) return opened.close();
      this.#rows.abort();
      this.#opened.close();
      this.#opened = opened;
      this.#checked = noneChecked(opened);
      await this.#show();
    } finally {
      this.#comparing = false;
    }
  }

  async #reply(question: ComparisonQuestion): Promise<void> {
    const { request } = question;
    const asked = this.#opened;
    try {
      await this.#post({ type: 'answer', request, answer: await this.#answer(question) });
    } catch (error) {
      // What ended because of another comparison is not a failure.
      if (RestorePointError.is(error, 'cancelled') || asked !== this.#opened || this.#disposed) return;
      this.#logger.error(`Part of a comparison cannot be shown: ${messageOf(error)}`, error);
      await this.#post({ type: 'failed', request, problem: problemOf(error) });
    }
  }

  async #answer(question: ComparisonQuestion): Promise<ComparisonAnswers[ComparisonQuestion['type']]> {
    if (question.type === 'readDifferences') {
      this.#rows.abort();
      this.#rows = new AbortController();
      const { table, kind, page, filter, columns } = question;
      const query = { table, kind, after: page * rowsPerPage, limit: rowsPerPage, filter, columns };
      return await this.#opened.read(query, this.#rows.signal);
    }
    if (question.type === 'check') {
      const { type: _, request: _request, ...choice } = question;
      this.#checked = await this.#opened.check(choice);
      return { counts: this.#checked };
    }
    const { table, kind, number, side, column } = question;
    const place = { table, kind, number, side, column, longest: textCharacters };
    const value = await this.#opened.value(place);
    if (value === undefined) throw new RestorePointError('usage', 'The comparison has no such value');
    return { value };
  }

  async #post(message: ToComparison): Promise<void> {
    if (!this.#disposed) await this.#panel.webview.postMessage(message);
  }
}

function noneChecked({ comparison }: OpenComparison): readonly CheckedCounts[] {
  return comparison.results.map(() => ({ changed: 0, onlyInFirst: 0, onlyInSecond: 0 }));
}
