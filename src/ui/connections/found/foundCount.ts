import * as vscode from 'vscode';
import type { Logger } from '../../../core/logger.ts';
import { describeError } from '../../../core/errors.ts';
import type { ConnectionStore } from '../connectionStore.ts';
import { importable, isOfWorkspace, type FoundConnectionsFinder } from './foundConnections.ts';

/** The welcome texts in package.json count as far as this; it means "or more". */
const most = 10;
const contextKey = 'restorePoint.databasesFound';

/** Counts the databases that the workspace names, for the welcome view: only while it shows no connection. */
export class FoundCount implements vscode.Disposable {
  readonly #finder: FoundConnectionsFinder;
  readonly #store: ConnectionStore;
  readonly #logger: Logger;
  readonly #view: vscode.TreeView<unknown>;
  readonly #subscriptions: vscode.Disposable[];
  #running: vscode.CancellationTokenSource | undefined;

  constructor(
    finder: FoundConnectionsFinder,
    store: ConnectionStore,
    view: vscode.TreeView<unknown>,
    logger: Logger,
  ) {
    this.#finder = finder;
    this.#store = store;
    this.#view = view;
    this.#logger = logger;
    this.#subscriptions = [
      view.onDidChangeVisibility(() => void this.update()),
      store.onDidChange(() => void this.update()),
    ];
    void this.update();
  }

  dispose(): void {
    this.#running?.cancel();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  async update(): Promise<void> {
    this.#running?.cancel();
    const running = new vscode.CancellationTokenSource();
    this.#running = running;
    try {
      const count = this.#isWelcoming() ? await this.#count(running.token) : 0;
      if (!running.token.isCancellationRequested) {
        await vscode.commands.executeCommand('setContext', contextKey, Math.min(count, most));
      }
    } catch (error) {
      if (!(error instanceof vscode.CancellationError)) this.#logger.debug(describeError(error));
    } finally {
      running.dispose();
      if (this.#running === running) this.#running = undefined;
    }
  }

  #isWelcoming(): boolean {
    const { isTrusted, workspaceFolders = [] } = vscode.workspace;
    return this.#view.visible && isTrusted && workspaceFolders.length > 0 && this.#store.list().length === 0;
  }

  async #count(token: vscode.CancellationToken): Promise<number> {
    const { databases } = await this.#finder.find(token);
    return importable(databases).filter(isOfWorkspace).length;
  }
}
