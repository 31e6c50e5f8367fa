/** What is said about backups in the text of a `.gitignore` at the root of a work tree. */

/** The line that ignores this folder (its path from there, with slashes; empty for the root itself). */
export function ignoreLine(folder: string): string {
  return folder === '' ? '*.dbbackup' : `/${escapePattern(folder)}/`;
}

/**
 * Whether a text ignores the backups in a folder already: it names backups by their extension, or the folder or one
 * above it by its path or, without a slash before the end, by its name. A pattern with wildcards in it is not
 * understood: whoever has one is asked once for nothing.
 */
export function ignoresBackups(text: string, folder: string): boolean {
  const parts = folder.split('/').filter((part) => part !== '');
  const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  let ignored = false;
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trimEnd();
    // A backslash keeps the space after it.
    const pattern = trimmed.endsWith('\\') ? line.slice(0, trimmed.length + 1) : trimmed;
    if (pattern === '' || pattern.startsWith('#')) continue;
    const negated = pattern.startsWith('!');
    if (matches(negated ? pattern.slice(1) : pattern, above, parts)) ignored = !negated;
  }
  return ignored;
}

function matches(pattern: string, above: readonly string[], parts: readonly string[]): boolean {
  const plain = pattern.replace(/^\*\*\//, '').replace(/\/(\*\*?)?$/, '');
  if (plain === '*.dbbackup' || plain === '*') return true;
  const fromRoot = plain.replace(/^\//, '');
  const anywhere = !plain.includes('/') || pattern.startsWith('**/');
  const names = anywhere ? [...above, ...parts] : above;
  return names.some((name) => escapePattern(name) === fromRoot || name === fromRoot);
}

/** A text with a line at its end, in its own kind of line breaks. */
export function withLine(text: string, line: string): string {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const begin = text === '' || text.endsWith('\n') ? text : text + lineBreak;
  return begin + line + lineBreak;
}

function escapePattern(path: string): string {
  return path.replace(/[\\*?[]/g, String.raw`\$&`).replace(/^[#!]/, String.raw`\$&`);
}
