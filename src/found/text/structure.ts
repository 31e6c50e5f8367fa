import type { Language, Token } from './tokens.ts';

const closers: Readonly<Record<string, string>> = { '{': '}', '[': ']', '(': ')' };

/** A variable of the environment under another name: `const { HOST: host = 'localhost' } = process.env`. */
export interface TakenVariable {
  readonly variable: string;
  /** The place of its default. */
  readonly fallback?: number;
}

function isSign(tokens: readonly Token[], at: number, text: string): boolean {
  return tokens[at]?.kind === 'sign' && tokens[at].text === text;
}

/** The variables that a declaration takes from `process.env`, by the names that they get. */
export function taken(
  tokens: readonly Token[],
  ends: ReadonlyMap<number, number>,
): Map<string, TakenVariable> {
  const found = new Map<string, TakenVariable>();
  for (const [at, { kind, text }] of tokens.entries()) {
    const end = ends.get(at + 1);
    if (kind !== 'name' || !['const', 'let', 'var'].includes(text) || end === undefined) continue;
    const source = tokens.slice(end + 1, end + 5).map((token) => token.text);
    if (!isSign(tokens, at + 1, '{') || source.join('') !== '=process.env') continue;
    for (let place = at + 2; place < end; place++) {
      const variable = tokens[place]!;
      if (variable.kind !== 'name') continue;
      const renamed = isSign(tokens, place + 1, ':') ? tokens[place + 2] : undefined;
      if (renamed) place += 2;
      const fallback = isSign(tokens, place + 1, '=') ? { fallback: place + 2 } : {};
      found.set((renamed ?? variable).text, { variable: variable.text, ...fallback });
      while (place < end && !isSign(tokens, place, ',')) place = (ends.get(place) ?? place) + 1;
    }
  }
  return found;
}

/** For each opening bracket its closing one, and for each token the bracket around it; -1 outside of all. */
export function matchBrackets(tokens: readonly Token[]): { ends: Map<number, number>; openers: number[] } {
  const ends = new Map<number, number>();
  const openers: number[] = [];
  const open: number[] = [];
  for (const [at, { kind, text }] of tokens.entries()) {
    openers.push(open.at(-1) ?? -1);
    if (kind !== 'sign') continue;
    if (text in closers) open.push(at);
    else if (text === '}' || text === ']' || text === ')') {
      const start = open.at(-1);
      if (start === undefined || closers[tokens[start]!.text] !== text) continue;
      ends.set(start, at);
      open.pop();
    }
  }
  return { ends, openers };
}

/** Tokens between a name with its type and its value, at most. */
const longestType = 40;

/** The places of the values of the names that are set outside of all brackets. */
export function namesIn(
  tokens: readonly Token[],
  language: Language,
  ends: ReadonlyMap<number, number>,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const end = ends.get(at);
    if (end !== undefined) at = end;
    if (end !== undefined || token.kind !== 'name') continue;
    const declares = ['const', 'let', 'var'].includes(token.text);
    if (language === 'javascript' && !declares) continue;
    const name = tokens[declares ? at + 1 : at];
    const value = name?.kind === 'name' ? valueOf(tokens, declares ? at + 2 : at + 1, ends) : undefined;
    if (value === undefined) continue;
    const places = found.get(name!.text);
    if (places) places.push(value);
    else found.set(name!.text, [value]);
  }
  return found;
}

/** The place behind the `=` of a declaration, whose type may be between. */
function valueOf(
  tokens: readonly Token[],
  start: number,
  ends: ReadonlyMap<number, number>,
): number | undefined {
  if (isSign(tokens, start, '=')) return start + 1;
  if (!isSign(tokens, start, ':')) return undefined;
  for (let at = start, count = 0; at < tokens.length && count < longestType; count++) {
    if (isSign(tokens, at, '=')) return at + 1;
    at = (ends.get(at) ?? at) + 1;
  }
  return undefined;
}
