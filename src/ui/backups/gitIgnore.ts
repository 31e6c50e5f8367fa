/** Reads and extends the text of a `.gitignore` at the root of a work tree. */

/** The line that ignores this folder. The path is relative to the root, with slashes; empty for the root itself. */
export function ignoreLine(folder: string): string {
  return folder === '' ? '*.dbbackup' : `/${escapePattern(folder)}/`;
}

/**
 * Whether a text already ignores the backups in a folder: by their extension, or by the path or name of the folder or
 * one above it. Patterns with wildcards are not understood; the cost is one needless question.
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

/** The text with this line appended, keeping its line breaks. */
export function withLine(text: string, line: string): string {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const begin = text === '' || text.endsWith('\n') ? text : text + lineBreak;
  return begin + line + lineBreak;
}

function escapePattern(path: string): string {
  return path.replace(/[\\*?[]/g, String.raw`\$&`).replace(/^[#!]/, String.raw`\$&`);
}
