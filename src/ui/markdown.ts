import * as vscode from 'vscode';

/**
 * A tooltip of paragraphs, the first in bold. Names come from databases and files, so markup in them is escaped.
 * (`MarkdownString.appendText` would turn every space into a non-breaking one.)
 */
export function tooltip(title: string, paragraphs: readonly string[]): vscode.MarkdownString {
  const text = [`**${escapeMarkdown(title)}**`, ...paragraphs.map(escapeMarkdown)].join('\n\n');
  return new vscode.MarkdownString(text);
}

/** Several tooltips below each other. */
export function tooltipOfParts(
  parts: readonly { readonly title: string; readonly paragraphs: readonly string[] }[],
): vscode.MarkdownString {
  return new vscode.MarkdownString(
    parts.map(({ title, paragraphs }) => tooltip(title, paragraphs).value).join('\n\n---\n\n'),
  );
}

/** A backslash makes any punctuation character literal. */
function escapeMarkdown(text: string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, String.raw`\$&`).replace(/\s+/g, ' ');
}
