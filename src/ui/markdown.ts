import * as vscode from 'vscode';

/**
 * A tooltip of paragraphs, the first of them bold. Names come from databases and files: nothing in them is markup.
 * (`MarkdownString.appendText` would turn every space into one at which no line breaks.)
 */
export function tooltip(title: string, paragraphs: readonly string[]): vscode.MarkdownString {
  const text = [`**${escapeMarkdown(title)}**`, ...paragraphs.map(escapeMarkdown)].join('\n\n');
  return new vscode.MarkdownString(text);
}

/** A backslash makes any punctuation character stand for itself. */
function escapeMarkdown(text: string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, String.raw`\$&`).replace(/\s+/g, ' ');
}
