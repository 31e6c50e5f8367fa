import * as vscode from 'vscode';
import type { LocalizableText } from '../core/localizable.ts';

/** A text of code that does not know VS Code, in the user's language. */
export function localized(text: LocalizableText, ...values: readonly string[]): string {
  return vscode.l10n.t(text, ...values);
}
