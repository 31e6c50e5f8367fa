/** Writes l10n/bundle.l10n.json, from which translations are made: `node test/support/l10nBundle.ts`. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from './paths.ts';

export const bundleFile = join(projectRoot, 'l10n', 'bundle.l10n.json');

/**
 * What the bundle has to hold: every text that `vscode.l10n.t` is called with. A translation finds a text by its wording,
 * so throws an Error for a call whose text is no string literal.
 */
export function localizedTexts(): Record<string, string> {
  const files = globSync('src/**/*.ts', { cwd: projectRoot });
  const texts = [...new Set(files.flatMap((file) => textsOf(join(projectRoot, file))))].sort();
  return Object.fromEntries(texts.map((text) => [text, text]));
}

function textsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText(source) === 'vscode.l10n.t') {
      const [text] = node.arguments;
      if (!text || !ts.isStringLiteralLike(text)) throw new Error(`${file}: ${node.getText(source)}`);
      found.push(text.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(bundleFile, `${JSON.stringify(localizedTexts(), undefined, 2)}\n`);
}
