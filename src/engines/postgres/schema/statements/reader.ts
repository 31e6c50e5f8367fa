import { type Token, Tokens, UnreadableStatement } from './tokens.ts';

/** `["public", "orders"]` */
export type QualifiedName = readonly [schema: string, name: string];

/** The length of PostgreSQL's names. */
const nameBytes = 63;

/** Reads one statement part by part. Throws `UnreadableStatement` for anything unexpected. */
export class StatementReader {
  readonly #tokens: Tokens;
  #next: Token;
  /** The start of the next token. */
  #start = 0;

  constructor(sql: string) {
    this.#tokens = new Tokens(sql);
    this.#next = this.#tokens.next();
  }

  get sql(): string {
    return this.#tokens.sql;
  }

  get ended(): boolean {
    return this.#next.type === 'end';
  }

  /** The start of the rest, including spaces before it. */
  get place(): number {
    return this.#start;
  }

  peek(): Token {
    return this.#next;
  }

  next(): Token {
    const token = this.#next;
    this.#start = this.#tokens.at;
    this.#next = this.#tokens.next();
    return token;
  }

  /** Whether the next token is this word, in no quotes, or this symbol. */
  is(...texts: readonly string[]): boolean {
    const { type, value } = this.#next;
    return (type === 'word' || type === 'symbol') && texts.includes(value);
  }

  /** Takes the words and symbols, separated by spaces, if the first of them comes next. */
  maybe(text: string): boolean {
    const [first = '', ...others] = text.split(' ');
    if (!this.is(first)) return false;
    this.next();
    for (const other of others) this.take(other);
    return true;
  }

  take(text: string): void {
    for (const part of text.split(' ')) {
      if (!this.is(part)) this.fail(`it lacks ${part.toUpperCase()} where it is required`);
      this.next();
    }
  }

  identifier(): string {
    const { type, value } = this.#next;
    if (type !== 'word' && type !== 'quoted') this.fail('a name is missing in it');
    // The server cuts it, and means what has the shorter name.
    if (Buffer.byteLength(value) > nameBytes) this.fail('it has a name that is too long');
    this.next();
    return value;
  }

  /** With its schema: a name alone would be whatever the database finds by it. */
  qualified(): QualifiedName {
    const schema = this.identifier();
    if (!this.is('.')) this.fail('a name in it is not qualified with a schema');
    this.next();
    return [schema, this.identifier()];
  }

  /** The name of a function, which the server writes without a schema where it is one of its own. */
  qualifiedOrBuiltIn(): void {
    this.identifier();
    if (!this.is('.')) return;
    this.next();
    this.identifier();
  }

  /** A string, in the form in which it is written. */
  string(): string {
    if (this.#next.type !== 'string') this.fail('a string is missing in it');
    return this.next().raw;
  }

  word(): string {
    if (this.#next.type !== 'word') this.fail('a word is missing in it');
    return this.next().value;
  }

  /** The text in parentheses, with everything nested; `see` gets each token and its depth. */
  group(see: (token: Token, depth: number) => void = () => undefined): void {
    this.take('(');
    this.#until((depth) => depth === 0 && this.is(')'), see);
    this.take(')');
  }

  /** Everything up to a word outside parentheses, or to the end. */
  upTo(words: readonly string[], see: (token: Token, depth: number) => void = () => undefined): void {
    this.#until((depth) => this.ended || (depth === 0 && this.is(...words)), see);
  }

  /** The rest, which is a single part: it has no comma outside parentheses. */
  onePart(): void {
    this.upTo([], (token, depth) => {
      if (depth === 0 && token.type === 'symbol' && token.value === ',') this.fail('it has several parts');
    });
  }

  end(): void {
    if (!this.ended) this.fail('it continues where it should end');
  }

  fail(reason: string): never {
    throw new UnreadableStatement(reason);
  }

  /** The same where several statements are allowed: in the body of a rule or a function. */
  statementsUpTo(isEnd: (depth: number) => boolean, see: (token: Token, depth: number) => void): void {
    this.#until(isEnd, see, true);
  }

  #until(
    isEnd: (depth: number) => boolean,
    see: (token: Token, depth: number) => void,
    several = false,
  ): void {
    const open: string[] = [];
    while (!isEnd(open.length)) {
      if (this.ended) this.fail('a parenthesis in it is not closed');
      const token = this.next();
      see(token, open.length);
      if (token.type !== 'symbol') continue;
      if (token.value === '(' || token.value === '[') open.push(token.value === '(' ? ')' : ']');
      else if (token.value === ')' || token.value === ']') {
        if (open.pop() !== token.value) this.fail('its parentheses do not match');
      } else if (token.value === ';' && !several) this.fail('it is more than one statement');
    }
    if (open.length > 0) this.fail('a parenthesis in it is not closed');
  }
}
