import * as vscode from 'vscode';
import type { CheckedCounts } from '../../compare/differenceStore.ts';
import { RestorePointError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { RelatedCounts } from '../../restore/chosenRows/restoreRows.ts';
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
  /**
   * Compares the sides as they are by then. Undefined if the user cancelled, or was told why it failed. Absent where the
   * sides cannot change.
   */
  compareAgain?(): Promise<OpenComparison | undefined>;
  /** Restores the checked rows. Whether it did; what failed was shown. Absent where nothing can be restored. */
  restore?(opened: OpenComparison): Promise<boolean>;
  /** How many rows would come along with the checked ones. Absent where nothing can be restored. */
  countRelated?(opened: OpenComparison, signal: AbortSignal): Promise<RelatedCounts>;
}

/** Checking pauses for this long before related rows are counted, in milliseconds. */
const checkingPause = 400;
/** Of more checked rows, only the restore itself counts the related ones: that reads both sides again. */
const mostRelating = 100_000;

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
  /** How many rows come along with the checked ones; undefined until they are counted. */
  #related: RelatedCounts | undefined;
  /** Ends the count that has become obsolete. */
  #relating = new AbortController();
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
    this.#relateSoon();
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
    this.#relating.abort();
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
        this.#relating.abort();
        if (await this.#shown.restore?.(this.#opened)) await this.#compareAgain();
        else if (!this.#related) this.#relateSoon();
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
    if (this.#related) await this.#post({ type: 'related', related: this.#related });
  }

  /** Counts the rows that would come along with the checked ones, when no more are checked for a while. */
  #relateSoon(): void {
    this.#relating.abort();
    this.#relating = new AbortController();
    this.#related = undefined;
    const count = this.#checked.reduce((sum, of) => sum + of.changed + of.onlyInFirst + of.onlyInSecond, 0);
    if (!this.#shown.countRelated || count === 0 || count > mostRelating) return;
    const { signal } = this.#relating;
    const timer = setTimeout(() => this.#guard(this.#relate(signal)), checkingPause);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #relate(signal: AbortSignal): Promise<void> {
    try {
      const related = await this.#shown.countRelated?.(this.#opened, signal);
      if (signal.aborted || !related) return;
      this.#related = related;
      await this.#post({ type: 'related', related });
    } catch (error) {
      if (signal.aborted) return;
      // The restore itself will say why.
      this.#logger.warn(`Related rows could not be counted: ${messageOf(error)}`);
    }
  }

  async #compareAgain(): Promise<void> {
    if (this.#comparing || !this.#shown.compareAgain) return;
    this.#comparing = true;
    try {
      const opened = await this.#shown.compareAgain();
      if (!opened) return;
      if (this.#disposed) return opened.close();
      this.#rows.abort();
      this.#opened.close();
      this.#opened = opened;
      this.#checked = noneChecked(opened);
      this.#relateSoon();
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
      this.#relating.abort();
      this.#checked = await this.#opened.check(choice);
      this.#relateSoon();
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
