import * as vscode from 'vscode';
import { describeError, RestorePointError, type ErrorPlace } from '../core/errors.ts';
import type { Log } from './log.ts';

/** A button of a message. */
export interface MessageAction extends vscode.MessageItem {
  run(): unknown;
}

/**
 * The one place that handles errors: every command and every message button runs inside it.
 * `operation` is a noun for the texts: "Restore failed…", "Restore cancelled."
 */
export class ErrorBoundary {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Runs the work; when it fails, logs and shows the error, and resolves with undefined. */
  async run<Result>(operation: string, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.report(operation, error);
      return undefined;
    }
  }

  /**
   * Runs work that asks no more questions. If it fails and could be retried or continued, the message offers that, and
   * this throws `vscode.CancellationError`, because the error has been reported. `offersOf` returns buttons for an error.
   */
  async attempt<Result>(
    operation: string,
    work: () => Promise<Result>,
    offersOf: (error: unknown) => readonly MessageAction[] = () => [],
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const again = {
        title: vscode.l10n.t('Try Again'),
        run: () => this.run(operation, () => this.attempt(operation, work, offersOf)),
      };
      const mayPass = RestorePointError.is(error) && error.details.mayPass === true;
      const offers = [...offersOf(error), ...(mayPass ? [again] : [])];
      if (offers.length === 0) throw error;
      this.report(operation, error, offers);
      throw new vscode.CancellationError();
    }
  }

  /** Logs and shows an error. A dismissed prompt is not an error. */
  report(operation: string, error: unknown, offers: readonly MessageAction[] = []): void {
    if (error instanceof vscode.CancellationError) return;
    if (RestorePointError.is(error, 'cancelled')) {
      const text = cancelledText(operation, error);
      this.#log.info(text);
      void vscode.window.showInformationMessage(text);
      return;
    }
    const text = failureText(operation, error);
    this.#log.error(text, error);
    const showLog = { title: vscode.l10n.t('Show Log'), run: () => this.#log.show() };
    const actions = [...offers, ...remedies(error), showLog];
    this.#offer(vscode.window.showErrorMessage(text, ...actions));
  }

  /** Shows a message without waiting for it to be read. */
  inform(text: string, actions: readonly MessageAction[] = []): void {
    this.#offer(vscode.window.showInformationMessage(text, ...actions));
  }

  /** The same for a result that the user should not miss. */
  warn(text: string, actions: readonly MessageAction[] = []): void {
    this.#offer(vscode.window.showWarningMessage(text, ...actions));
  }

  #offer(message: Thenable<MessageAction | undefined>): void {
    void this.run(vscode.l10n.t('The action'), async () => {
      await (await message)?.run();
    });
  }
}

/** Buttons that help with an error from any operation. */
function remedies(error: unknown): MessageAction[] {
  if (!RestorePointError.is(error)) return [];
  if (error.code === 'refused' && !vscode.workspace.isTrusted) {
    const run = (): unknown => vscode.commands.executeCommand('workbench.trust.manage');
    return [{ title: vscode.l10n.t('Manage Workspace Trust'), run }];
  }
  const { salvageable, place } = error.details;
  if (salvageable !== true || place?.file === undefined) return [];
  const uri = vscode.Uri.file(place.file);
  const run = (): unknown => vscode.commands.executeCommand('restorePoint.salvageBackup', uri);
  return [{ title: vscode.l10n.t('Salvage…'), run }];
}

/** `Restore failed in orders (row 1234): CHECK constraint … Nothing was changed.` */
export function failureText(operation: string, error: unknown): string {
  if (!RestorePointError.is(error)) return vscode.l10n.t('{0} failed: {1}', operation, describeError(error));
  const { place, ...details } = error.details;
  const { table, row, column, file, ...elsewhere } = place ?? {};
  const nearFile = file === undefined ? {} : { file: vscode.workspace.asRelativePath(file) };
  const rest = new RestorePointError(error.code, error.message, {
    ...details,
    place: { ...elsewhere, ...nearFile },
  });
  const where = describeRow({ table, row, column });
  return where === undefined
    ? vscode.l10n.t('{0} failed: {1}', operation, describeError(rest))
    : vscode.l10n.t('{0} failed in {1}: {2}', operation, where, describeError(rest));
}

function describeRow({ table, row, column }: Partial<ErrorPlace>): string | undefined {
  if (table === undefined) return undefined;
  const details = [
    ...(row === undefined ? [] : [vscode.l10n.t('row {0}', row)]),
    ...(column === undefined ? [] : [vscode.l10n.t('column {0}', column)]),
  ];
  return details.length === 0 ? table : `${table} (${details.join(', ')})`;
}

function cancelledText(operation: string, error: RestorePointError): string {
  return [vscode.l10n.t('{0} cancelled.', operation), error.details.unchanged].filter(Boolean).join(' ');
}
