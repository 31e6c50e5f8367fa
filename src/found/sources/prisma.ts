import * as path from 'node:path';
import { textOf } from '../text/values.ts';
import { Evaluation } from '../text/evaluate.ts';
import { tokensOf, type Token } from '../text/tokens.ts';
import type { NamedDatabase, Source } from '../source.ts';

/** Prisma schemas: `datasource db { provider = "postgresql" url = env("DATABASE_URL") }`. */
export const prisma: Source = {
  globs: ['**/*.prisma'],
  matches: (file) => file.endsWith('.prisma'),
  *read(file, context) {
    if (!file.text.includes('datasource')) return;
    // The language has its comments and texts from JavaScript.
    const tokens = tokensOf(file.text, 'javascript');
    const evaluation = new Evaluation(tokens, 'javascript', {
      file: file.path,
      variable: (name) => context.variable(name, file),
    });
    const starts = tokens.flatMap(({ kind, text }, at) =>
      kind === 'name' && text === 'datasource' ? [at] : [],
    );
    for (const start of starts) {
      const provider = propertyOf(tokens, start, 'provider');
      const url = propertyOf(tokens, start, 'url');
      if (url === undefined) continue;
      const text = textOf(evaluation.at(url));
      const driver = provider === undefined ? undefined : textOf(evaluation.at(provider));
      if (text === undefined) continue;
      const target = { kind: 'url', url: text, ...(driver === undefined ? {} : { driver }) } as const;
      const folder = path.dirname(file.path);
      const found: NamedDatabase = { line: tokens[url]!.line, target, bases: [folder, path.dirname(folder)] };
      yield found;
    }
  },
};

/** The place of the value of a property in the block that begins there. */
function propertyOf(tokens: readonly Token[], start: number, name: string): number | undefined {
  const isSign = (at: number, text: string): boolean =>
    tokens[at]?.kind === 'sign' && tokens[at].text === text;
  for (let at = start; at < tokens.length && !isSign(at, '}'); at++) {
    if (tokens[at]!.kind === 'name' && tokens[at]!.text === name && isSign(at + 1, '=')) return at + 2;
  }
  return undefined;
}
