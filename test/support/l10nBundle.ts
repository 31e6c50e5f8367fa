/** Writes l10n/bundle.l10n.json, from which translations are made: `node test/support/l10nBundle.ts`. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from './paths.ts';

export const bundleFile = join(projectRoot, 'l10n', 'bundle.l10n.json');

/**
 * What the bundle has to hold: every text that `vscode.l10n.t` or `localizable` is called with. A translation finds a text
 * by its wording, so throws an Error for a call whose text is no string literal.
 */
export function localizedTexts(): Record<string, string> {
  const files = globSync('src/**/*.ts', { cwd: projectRoot });
  const texts = [...new Set(files.flatMap((file) => textsOf(join(projectRoot, file))))].sort();
  return Object.fromEntries(texts.map((text) => [text, text]));
}

const calls = ['vscode.l10n.t', 'localizable'];
/** What it is called with is marked by `localizable`. */
const markedElsewhere = join(projectRoot, 'src/ui/localized.ts');

function textsOf(file: string): string[] {
  if (file === markedElsewhere) return [];
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && calls.includes(node.expression.getText(source))) {
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
