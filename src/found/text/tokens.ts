/** A piece of JavaScript, TypeScript or Python. */
export type Token =
  | {
      readonly kind: 'text' | 'number' | 'name' | 'sign';
      readonly text: string;
      readonly line: number;
    }
  /** A text with expressions in it. */
  | {
      readonly kind: 'template';
      readonly parts: readonly (string | readonly Token[])[];
      readonly line: number;
      readonly text: '';
    };

export type Language = 'javascript' | 'python';

const signs = /\|\||\?\?|=>|\.\.\.|\?\.|[=!]==?|&&|:=|[^\s\w]/y;
const names = /[A-Za-z_$][\w$]*/y;
const numbers = /\d[\w.]*/y;
const blanks = /\s+/y;
const lineComment = { javascript: /\/\/[^\n]*/y, python: /#[^\n]*/y };
const pythonText = /([rbfu]{0,2})("""|'''|["'])/iy;

/** Templates in templates, at most. */
const mostDepth = 5;

/** Reads code as text and runs nothing. Broken code gives tokens too. */
export function tokensOf(code: string, language: Language): Token[] {
  return new Tokenizer(code, language, 1, 0).all();
}

class Tokenizer {
  readonly #code: string;
  readonly #language: Language;
  readonly #depth: number;
  #line: number;
  #at = 0;

  constructor(code: string, language: Language, line: number, depth: number) {
    this.#code = code;
    this.#language = language;
    this.#line = line;
    this.#depth = depth;
  }

  all(): Token[] {
    const tokens: Token[] = [];
    while (this.#at < this.#code.length) {
      const token = this.#next();
      if (token) tokens.push(token);
    }
    return tokens;
  }

  #next(): Token | undefined {
    const skipped = this.#take(blanks) ?? this.#take(lineComment[this.#language]) ?? this.#blockComment();
    if (skipped !== undefined) return undefined;
    const line = this.#line;
    const text = this.#text();
    if (text) return text;
    for (const [kind, pattern] of [
      ['name', names],
      ['number', numbers],
      ['sign', signs],
    ] as const) {
      const found = this.#take(pattern);
      if (found !== undefined) return { kind, text: found, line };
    }
    this.#at++;
    return undefined;
  }

  #blockComment(): string | undefined {
    if (this.#language !== 'javascript' || !this.#code.startsWith('/*', this.#at)) return undefined;
    const end = this.#code.indexOf('*/', this.#at + 2);
    const comment = this.#code.slice(this.#at, end < 0 ? undefined : end + 2);
    this.#advance(comment.length);
    return comment;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#code)?.[0];
    if (found === undefined || found === '') return undefined;
    this.#advance(found.length);
    return found;
  }

  #advance(length: number): void {
    const end = this.#at + length;
    for (let at = this.#at; at < end; at++) if (this.#code[at] === '\n') this.#line++;
    this.#at = end;
  }

  #text(): Token | undefined {
    if (this.#language === 'python') {
      pythonText.lastIndex = this.#at;
      const found = pythonText.exec(this.#code);
      if (!found) return undefined;
      const [whole, prefix = '', quote = ''] = found;
      this.#advance(whole.length);
      return this.#rest(quote, /f/i.test(prefix) ? '{' : undefined, /r/i.test(prefix));
    }
    const quote = this.#code[this.#at];
    if (quote !== '"' && quote !== "'" && quote !== '`') return undefined;
    this.#advance(1);
    return this.#rest(quote, quote === '`' ? '${' : undefined, false);
  }

  /** A text from behind its quote. One that does not end ends with its line. */
  #rest(quote: string, opening: string | undefined, raw: boolean): Token {
    const line = this.#line;
    const parts: (string | Token[])[] = [];
    let text = '';
    while (this.#at < this.#code.length && !this.#code.startsWith(quote, this.#at)) {
      const sign = this.#code[this.#at]!;
      if (sign === '\n' && quote !== '`' && quote.length === 1) break;
      if (sign === '\\' && this.#at + 1 < this.#code.length) {
        text += raw ? this.#code.slice(this.#at, this.#at + 2) : unescaped(this.#code[this.#at + 1]!);
        this.#advance(2);
      } else if (opening === '{' && this.#code.startsWith('{{', this.#at)) {
        text += '{';
        this.#advance(2);
      } else if (opening !== undefined && this.#code.startsWith(opening, this.#at)) {
        this.#advance(opening.length);
        parts.push(text, this.#expression());
        text = '';
      } else {
        text += sign;
        this.#advance(1);
      }
    }
    this.#advance(Math.min(quote.length, this.#code.length - this.#at));
    return parts.length === 0
      ? { kind: 'text', text, line }
      : { kind: 'template', parts: [...parts, text], line, text: '' };
  }

  /** The tokens of an expression in a template, whose closing brace is read too. */
  #expression(): Token[] {
    const start = this.#at;
    const line = this.#line;
    let open = 1;
    while (this.#at < this.#code.length) {
      const sign = this.#code[this.#at];
      if (sign === '{') open++;
      if (sign === '}' && --open === 0) break;
      this.#advance(1);
    }
    const code = this.#code.slice(start, this.#at);
    this.#advance(Math.min(1, this.#code.length - this.#at));
    return this.#depth >= mostDepth ? [] : new Tokenizer(code, this.#language, line, this.#depth + 1).all();
  }
}

function unescaped(sign: string): string {
  return { n: '\n', r: '\r', t: '\t', '\n': '' }[sign] ?? sign;
}
