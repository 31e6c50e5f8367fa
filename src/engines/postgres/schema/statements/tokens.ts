/** A word is in no quotes, and has its letters A to Z folded, as the server does; `raw` is as it was written. */
export interface Token {
  readonly type: 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'end';
  readonly value: string;
  readonly raw: string;
}

/** A text that the server would not read as one statement, or that no statement of a backup has. */
export class UnreadableStatement extends Error {}

const code = (character: string): number => character.charCodeAt(0);
const [quote, doubleQuote, backslash, dollar] = [0x27, 0x22, 0x5c, 0x24] as const;
const spaces = new Set([' ', '\t', '\n', '\r', '\f', '\v'].map(code));
const single = new Set(['(', ')', '[', ']', ',', ';', '.', ':'].map(code));
const operators = new Set([...'+-*/<>=~!@#%^&|`?'].map(code));
const stringPrefixes: readonly string[] = ['e', 'b', 'x', 'n'];

const isDigit = (char: number): boolean => char >= 0x30 && char <= 0x39;
const isStart = (char: number): boolean =>
  (char >= 0x61 && char <= 0x7a) || (char >= 0x41 && char <= 0x5a) || char === 0x5f || char >= 0x80;
const isPart = (char: number): boolean => isStart(char) || isDigit(char) || char === dollar;

/**
 * Reads SQL in one go from left to right, as PostgreSQL's scanner does with `standard_conforming_strings`. What the
 * server never writes when it is asked for a definition is refused, since it could be read in two ways: comments,
 * `U&` names and strings, a string after a string, a backslash or a zero byte outside of quotes.
 */
export class Tokens {
  readonly sql: string;
  /** The start of the next token, or of the spaces before it. */
  at = 0;
  #last: Token['type'] | undefined;

  constructor(sql: string) {
    // What is sent is something else.
    if (!sql.isWellFormed()) throw new UnreadableStatement('it contains half of a surrogate pair');
    this.sql = sql;
  }

  next(): Token {
    const token = this.#read();
    // The server reads it as a part of the first one, with the escapes of that.
    if (token.type === 'string' && this.#last === 'string')
      throw new UnreadableStatement('a string follows another string');
    this.#last = token.type;
    return token;
  }

  #read(): Token {
    while (spaces.has(this.#code())) this.at++;
    if (this.at >= this.sql.length) return { type: 'end', value: '', raw: '' };
    const char = this.#code();
    if (char === quote) return this.#string(this.at, false);
    if (char === doubleQuote) return this.#quoted();
    if (isStart(char)) return this.#word();
    if (isDigit(char)) return this.#number();
    if (char === dollar) return this.#dollar();
    const start = this.at;
    if (single.has(char)) {
      this.at++;
      if (char === code(':') && this.#code() === char) this.at++;
      return this.#token('symbol', start);
    }
    if (operators.has(char)) return this.#operator();
    throw new UnreadableStatement(`it contains a character that statements in backups never contain`);
  }

  #code(offset = 0): number {
    return this.sql.charCodeAt(this.at + offset);
  }

  #token(type: Token['type'], start: number, value?: string): Token {
    const raw = this.sql.slice(start, this.at);
    return { type, value: value ?? raw, raw };
  }

  #word(): Token {
    const start = this.at;
    while (isPart(this.#code())) this.at++;
    const word = foldAscii(this.sql.slice(start, this.at));
    const next = this.#code();
    if (word === 'u' && next === code('&') && (this.#code(1) === quote || this.#code(1) === doubleQuote))
      throw new UnreadableStatement('it contains a name or string with U&');
    if (next === quote && stringPrefixes.includes(word)) return this.#string(start, word === 'e');
    return this.#token('word', start, word);
  }

  #string(start: number, escapes: boolean): Token {
    for (this.at++; this.at < this.sql.length; this.at++) {
      const char = this.#code();
      if (char === backslash && escapes) this.at++;
      else if (char === quote) {
        this.at++;
        if (this.#code() !== quote) return this.#token('string', start);
      }
    }
    throw new UnreadableStatement('a string in it is not closed');
  }

  #quoted(): Token {
    const start = this.at++;
    for (; this.at < this.sql.length; this.at++) {
      if (this.#code() !== doubleQuote) continue;
      this.at++;
      if (this.#code() === doubleQuote) continue;
      const value = this.sql.slice(start + 1, this.at - 1).replaceAll('""', '"');
      if (value === '') throw new UnreadableStatement('it has an empty name');
      return this.#token('quoted', start, value);
    }
    throw new UnreadableStatement('a name in it is not closed');
  }

  #number(): Token {
    const start = this.at;
    while (isDigit(this.#code()) || this.#code() === code('.')) this.at++;
    if (this.#code() === code('e') && !isStart(this.#code(1))) {
      this.at++;
      if (this.#code() === code('+') || this.#code() === code('-')) this.at++;
      while (isDigit(this.#code())) this.at++;
    }
    if (isPart(this.#code())) throw new UnreadableStatement('a word follows a number without a space');
    return this.#token('number', start);
  }

  /** `$1`, or a text between two of `$tag$`. */
  #dollar(): Token {
    const start = this.at++;
    if (isDigit(this.#code())) {
      while (isDigit(this.#code())) this.at++;
      if (isPart(this.#code())) throw new UnreadableStatement('a word follows a number without a space');
      return this.#token('symbol', start);
    }
    while (this.#code() !== dollar && isPart(this.#code())) this.at++;
    if (this.#code() !== dollar) throw new UnreadableStatement('it contains a single $');
    const tag = this.sql.slice(start, ++this.at);
    const end = this.sql.indexOf(tag, this.at);
    if (end < 0) throw new UnreadableStatement('a string in it is not closed');
    this.at = end + tag.length;
    return this.#token('string', start);
  }

  #operator(): Token {
    const start = this.at;
    while (operators.has(this.#code())) {
      const [char, next] = [this.#code(), this.#code(1)];
      if ((char === code('-') && next === char) || (char === code('/') && next === code('*')))
        throw new UnreadableStatement('it has a comment');
      this.at++;
    }
    return this.#token('symbol', start);
  }
}

/** The server folds no other letters where the encoding is UTF-8. */
function foldAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
