/**
 * Prints every text that a user can meet, with where it comes from: `node test/support/listMessages.ts [WORD]`.
 *
 * These are the texts of the manifest (package.nls.json), of the workbench (l10n), of the walkthrough, and every sentence
 * in the source: what is said in more than two words and is not SQL. With WORD, only the texts that contain it.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from './paths.ts';

interface Message {
  readonly place: string;
  readonly text: string;
}

/** All texts, in the order of their places. */
export function listMessages(): Message[] {
  const manifest = Object.entries(
    JSON.parse(readFileSync(join(projectRoot, 'package.nls.json'), 'utf8')) as Record<string, string>,
  ).map(([key, text]) => ({ place: `package.nls.json: ${key}`, text }));
  const pages = globSync('media/**/*.md', { cwd: projectRoot }).flatMap((file) =>
    readFileSync(join(projectRoot, file), 'utf8')
      .split('\n')
      .flatMap((text, index) => (text.trim() === '' ? [] : [{ place: `${file}:${index + 1}`, text }])),
  );
  const source = globSync(['src/**/*.ts', 'media/viewer/*.js'], { cwd: projectRoot })
    .sort()
    .flatMap(sentencesOf);
  return [...manifest, ...pages, ...source];
}

function sentencesOf(file: string): Message[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found: Message[] = [];
  const visit = (node: ts.Node): void => {
    const sentence = sentenceOf(node, source);
    if (sentence !== undefined) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ place: `${file}:${line}`, text: sentence });
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The text of a literal that is a sentence; of a template with `{…}` where values go; of a sum, both sides. */
function sentenceOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  const text = textOf(node, source);
  return text !== undefined && isSentence(text) ? text : undefined;
}

function textOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    const spans = node.templateSpans.map(
      (span) => `{${span.expression.getText(source)}}${span.literal.text}`,
    );
    return node.head.text + spans.join('');
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const sides = [textOf(node.left, source), textOf(node.right, source)];
    return sides.every((side) => side !== undefined) ? sides.join('') : undefined;
  }
  return undefined;
}

const sql =
  /\b(SELECT|FROM|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|COPY|SET|WHERE|BEGIN|VACUUM|ATTACH|LOCK|GRANT|REVOKE|COMMENT ON|CASE|JOIN|VALUES|ORDER BY|COLLATE|REFERENCES|ON CONFLICT|NOT NULL)\b/;

function isSentence(text: string): boolean {
  return /\p{L}{2,}[^\n]* \p{L}+[^\n]* \p{L}+/u.test(text) && !sql.test(text);
}

if (process.argv[1] === import.meta.filename) {
  const word = process.argv[2];
  for (const { place, text } of listMessages()) {
    if (word === undefined || text.includes(word)) console.log(`${place}\n  ${text.replace(/\s+/g, ' ')}`);
  }
}
