import { RestorePointError } from '../../../core/errors.ts';

interface Token {
  readonly kind: 'word' | 'parameter' | 'other' | 'unfinished';
  readonly text: string;
  /** Where it begins. */
  readonly at: number;
}

const tokenPattern = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*|/\*.*?\*/)`,
    String.raw`(?<quoted>'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|${'`[^`]*(?:``[^`]*)*`'}|\[[^\]]*\])`,
    String.raw`(?<unfinished>['"${'`'}[]|/\*)`,
    String.raw`(?<parameter>\?\d*|[:@#$][\p{L}\p{N}_$:]*)`,
    String.raw`(?<word>[\p{L}\p{N}_\u0080-\u{10ffff}][\p{L}\p{N}_$\u0080-\u{10ffff}]*)`,
    String.raw`(?<other>.)`,
  ].join('|'),
  'gsuy',
);

/** The tokens of SQL as SQLite cuts it, without white space and comments. What is not closed goes on to the end. */
export function* sqlTokens(sql: string): Generator<Token> {
  for (const { 0: text, index: at, groups = {} } of sql.matchAll(tokenPattern)) {
    if (groups['space'] !== undefined) continue;
    if (groups['unfinished'] !== undefined) {
      yield { kind: 'unfinished', text, at };
      return;
    }
    if (groups['parameter'] !== undefined) yield { kind: 'parameter', text, at };
    else if (groups['word'] !== undefined) yield { kind: 'word', text, at };
    else yield { kind: 'other', text, at };
  }
}

/** Whether a statement holds this keyword outside of quotes and comments. */
export function hasKeyword(sql: string, keyword: string): boolean {
  for (const { kind, text } of sqlTokens(sql)) {
    if (kind === 'word' && text.toUpperCase() === keyword) return true;
  }
  return false;
}

/** A statement without the collations that are not known. */
export function withoutCollations(sql: string, isKnown: (name: string) => boolean): string {
  let result = '';
  let afterCollate = '';
  for (const [text] of sql.matchAll(tokenPattern)) {
    const isSpace = /^(\s|--|\/\*)/.test(text);
    if (afterCollate === '') {
      if (text.toUpperCase() === 'COLLATE') afterCollate = text;
      else result += text;
    } else if (isSpace) afterCollate += text;
    else {
      if (isKnown(unquote(text))) result += afterCollate + text;
      afterCollate = '';
    }
  }
  return result;
}

/** The table or view whose rows a full-text index has: `USING fts5(a, content='docs')`. */
export function contentOf(sql: string): string | undefined {
  return moduleOption(sql, /^fts[45]$/i, 'content') || undefined;
}

/** The module of a virtual table, in small letters. */
export function moduleOf(sql: string): string {
  return moduleName([...sqlTokens(sql)].map(({ text }) => text)).toLowerCase();
}

function moduleName(all: readonly string[]): string {
  return unquote(all[all.findIndex((text) => text.toUpperCase() === 'USING') + 1] ?? '');
}

/** The value of an option of a virtual table whose module has such a name. */
function moduleOption(sql: string, module: RegExp, option: string): string | undefined {
  const all = [...sqlTokens(sql)].map(({ text }) => text);
  const using = all.findIndex((text) => text.toUpperCase() === 'USING');
  if (using < 0 || !module.test(moduleName(all))) return undefined;
  const at = all.findIndex(
    (text, index) => index > using && text.toLowerCase() === option && all[index + 1] === '=',
  );
  return at < 0 ? undefined : unquote(all[at + 2] ?? '');
}

function unquote(text: string): string {
  const [quote] = text;
  if (quote === '[') return text.slice(1, -1);
  return quote === "'" || quote === '"' || quote === '`'
    ? text.slice(1, -1).replaceAll(quote + quote, quote)
    : text;
}

/**
 * Proves that a user's condition stays inside the parentheses that it is put into: balanced, nothing unfinished,
 * no second statement, no parameter. Throws `usage`. Whether it makes sense is for the database to say.
 */
export function checkCondition(condition: string): void {
  const wrong = (reason: string): RestorePointError =>
    new RestorePointError('usage', `The condition ${JSON.stringify(condition)} cannot be used: ${reason}`, {
      next: 'Write a condition as it would follow WHERE.',
    });
  if (condition.includes('\0')) throw wrong('it contains a NUL character');
  let depth = 0;
  let empty = true;
  for (const { kind, text } of sqlTokens(condition)) {
    empty = false;
    if (kind === 'unfinished') throw wrong(`${text} is not closed`);
    if (kind === 'parameter') throw wrong(`${text} would be a parameter, but there is no value for it`);
    if (text === ';') throw wrong('it contains more than one statement');
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth < 0) break;
  }
  if (empty) throw wrong('it is empty');
  if (depth !== 0) throw wrong('its parentheses do not match');
}

/** SQLite's message about a user's condition. */
export function wrongCondition(where: string, error: Error): RestorePointError {
  const reason = error.message.replace(/^SQLITE_ERROR: /, '');
  return new RestorePointError('usage', `The condition ${JSON.stringify(where)} cannot be used: ${reason}`, {
    next: 'Write a condition as it would follow WHERE.',
    cause: error,
  });
}
