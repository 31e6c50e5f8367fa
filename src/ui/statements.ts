import * as vscode from 'vscode';
import type { SchemaObject } from '../core/schema.ts';
import { listStatements, statementsText } from '../restore/codeToRun.ts';

/** Shows the statements of backups in read-only editors. */
export class Statements implements vscode.TextDocumentContentProvider {
  static readonly scheme = 'restore-point-statements';

  readonly #texts = new Map<string, string>();
  #shown = 0;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? '';
  }

  /** `name` is the backup's name, for display. */
  async show(name: string, statements: readonly SchemaObject[]): Promise<void> {
    const uri = vscode.Uri.from({
      scheme: Statements.scheme,
      path: `/${name}.sql`,
      query: String(++this.#shown),
    });
    const list = listStatements(statements)
      .map((line) => `-- ${line}`)
      .join('\n');
    this.#texts.set(uri.toString(), `${list}\n\n${statementsText(statements)}`);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: false });
  }

  /** Forgets the text of a closed editor. */
  forget(document: vscode.TextDocument): void {
    this.#texts.delete(document.uri.toString());
  }
}
