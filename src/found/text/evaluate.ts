import * as path from 'node:path';
import { callResult, memberOf, type Argument, type Surroundings } from './builtins.ts';
import { hasHole, hole, isMissingVariable, holesIn } from './holes.ts';
import { matchBrackets, namesIn, taken, type TakenVariable } from './structure.ts';
import type { Language, Token } from './tokens.ts';
import { none, textOf, textValue, unknown, type Entry, type Value } from './values.ts';

/** Brackets in brackets, at most. */
const mostDepth = 60;

/** The longest name with dots that can mean something. */
const longestName = 200;

/** What code says of its values without being run: texts, objects, variables of the environment, paths. */
export class Evaluation {
  readonly tokens: readonly Token[];
  readonly #language: Language;
  readonly #around: Surroundings;
  /** For each opening bracket the place of its closing one; the end where there is none. */
  readonly #ends: ReadonlyMap<number, number>;
  /** For each token the place of the bracket around it; -1 outside of all. */
  readonly #openers: readonly number[];
  /** The places of the values of the names that are set outside of all brackets. */
  readonly #named: ReadonlyMap<string, readonly number[]>;
  readonly #taken: ReadonlyMap<string, TakenVariable>;
  readonly #known = new Map<string, Value>();
  #depth = 0;
  #at = 0;

  constructor(tokens: readonly Token[], language: Language, around: Surroundings) {
    this.tokens = tokens;
    this.#language = language;
    this.#around = around;
    const { ends, openers } = matchBrackets(tokens);
    this.#ends = ends;
    this.#openers = openers;
    this.#named = namesIn(tokens, language, this.#ends);
    this.#taken = language === 'javascript' ? taken(tokens, this.#ends) : new Map<string, TakenVariable>();
  }

  /** The values that a name is set to, in the order of the file. */
  *assigned(name: string): Iterable<Entry> {
    for (const at of this.#named.get(name) ?? []) yield { value: this.at(at), line: this.tokens[at]!.line };
  }

  /** The value whose first token is there. */
  at(start: number): Value {
    const [place, depth] = [this.#at, this.#depth];
    this.#at = start;
    const value = this.#value();
    [this.#at, this.#depth] = [place, depth];
    return value;
  }

  /** The place of the opening bracket of the innermost object that a token is in. */
  objectAround(at: number): number | undefined {
    const start = this.#openers[at];
    return start !== undefined && start >= 0 && this.#sign(start) === '{' ? start : undefined;
  }

  #sign(at = this.#at): string | undefined {
    const token = this.tokens[at];
    return token?.kind === 'sign' ? token.text : undefined;
  }

  #word(at = this.#at): string | undefined {
    const token = this.tokens[at];
    return token?.kind === 'name' ? token.text : undefined;
  }

  /** A value up to the next comma, closing bracket, or what cannot belong to it. */
  #value(): Value {
    if (this.#depth >= mostDepth) return this.#give(unknown);
    this.#depth++;
    let left = this.#operand();
    for (;;) {
      const operator = this.#sign() ?? this.#word();
      if (operator === '||' || operator === '??' || operator === 'or') {
        this.#at++;
        const right = this.#operand();
        if (isMissing(left)) left = right;
      } else if (operator === '+') {
        this.#at++;
        left = joined(left, this.#operand());
      } else if (operator === '/' && left.kind === 'text') {
        this.#at++;
        const right = textOf(this.#operand()) ?? hole();
        if (!hasHole(left.text)) left = textValue(path.join(left.text, right));
      } else break;
    }
    this.#depth--;
    return this.#isOver() ? left : unknown;
  }

  #give(value: Value): Value {
    this.#at = Math.max(this.#at + 1, (this.#ends.get(this.#at) ?? this.#at) + 1);
    return value;
  }

  /** Whether nothing follows that would change the value: a condition, a comparison, a call. */
  #isOver(): boolean {
    const sign = this.#sign();
    if (sign !== undefined) return !/^(?:\?|&&|[<>*%|&^=!-].*)$/.test(sign) || sign === '!';
    return !['if', 'and', 'in', 'is', 'for', 'instanceof'].includes(this.#word() ?? '');
  }

  #operand(): Value {
    const token = this.tokens[this.#at];
    if (!token) return none;
    switch (token.kind) {
      case 'text':
        return this.#members(this.#texts());
      case 'template':
        this.#at++;
        return this.#members(this.#template(token.parts));
      case 'number':
        this.#at++;
        return textValue(token.text.replaceAll('_', ''));
      case 'name':
        return this.#name();
      case 'sign':
        return this.#bracket(token.text);
    }
  }

  /** In Python, texts beside each other are one. */
  #texts(): Value {
    let text = this.tokens[this.#at++]!.text;
    while (this.#language === 'python' && this.#isTextOfSameValue()) text += this.tokens[this.#at++]!.text;
    return textValue(text);
  }

  #isTextOfSameValue(): boolean {
    const token = this.tokens[this.#at];
    return token?.kind === 'text' && (this.#depth > 1 || token.line === this.tokens[this.#at - 1]!.line);
  }

  #template(parts: readonly (string | readonly Token[])[]): Value {
    const texts = parts.map((part) => {
      if (typeof part === 'string') return part;
      if (this.#depth >= mostDepth) return hole();
      const inner = new Evaluation(part, this.#language, {
        ...this.#around,
        constant: (name) => this.#constant(name),
      });
      return textOf(inner.at(0)) ?? hole();
    });
    return textValue(texts.join(''));
  }

  #bracket(sign: string): Value {
    const start = this.#at;
    const end = this.#ends.get(start);
    if (sign === '+' || sign === '-') {
      this.#at++;
      const value = this.#operand();
      return sign === '+' ? value : unknown;
    }
    if (end === undefined) return this.#give(unknown);
    if (sign === '{') return this.#members(this.#object(end));
    if (sign === '[') {
      const items = this.#arguments(end).map(({ value }) => value);
      return this.#members({ kind: 'list', items });
    }
    if (this.#sign(end + 1) === '=>') {
      this.#at = end + 1;
      return unknown;
    }
    const values = this.#arguments(end);
    return this.#members(values.length === 1 ? values[0]!.value : unknown);
  }

  #object(end: number): Value {
    const entries = new Map<string, Entry>();
    this.#at++;
    while (this.#at < end) {
      const { line } = this.tokens[this.#at]!;
      if (this.#sign() === '...' || (this.#sign() === '*' && this.#sign(this.#at + 1) === '*')) {
        this.#at += this.#sign() === '...' ? 1 : 2;
        const spread = this.#value();
        if (spread.kind === 'object') for (const [key, entry] of spread.entries) entries.set(key, entry);
      } else {
        const key = this.#key();
        if (key !== undefined && this.#sign() === ':') {
          this.#at++;
          entries.set(key, { value: this.#value(), line });
        } else if (key !== undefined && (this.#sign() === ',' || this.#at === end)) {
          entries.set(key, { value: this.#constant(key) ?? unknown, line });
        }
      }
      this.#skipTo(end);
    }
    this.#at = end + 1;
    return { kind: 'object', entries };
  }

  #key(): string | undefined {
    const token = this.tokens[this.#at];
    if (token?.kind !== 'text' && token?.kind !== 'name' && token?.kind !== 'number') return undefined;
    this.#at++;
    return token.text;
  }

  /** Passes the next comma before the end of a bracket. */
  #skipTo(end: number): void {
    while (this.#at < end && this.#sign() !== ',') this.#at = (this.#ends.get(this.#at) ?? this.#at) + 1;
    this.#at = Math.min(this.#at + 1, end);
  }

  /** The values in a bracket, with the names that Python's may have. */
  #arguments(end: number): Argument[] {
    const found: Argument[] = [];
    this.#at++;
    while (this.#at < end) {
      const isNamed = this.#word() !== undefined && this.#sign(this.#at + 1) === '=';
      const name = isNamed ? this.#word() : undefined;
      if (isNamed) this.#at += 2;
      found.push({ value: this.#value(), ...(name === undefined ? {} : { name }) });
      this.#skipTo(end);
    }
    this.#at = end + 1;
    return found;
  }

  #name(): Value {
    const word = this.#word()!;
    this.#at++;
    if (word === 'await' || word === 'new') return this.#operand();
    if (['null', 'undefined', 'None'].includes(word)) return none;
    if (/^(?:true|false)$/i.test(word)) return { kind: 'truth', truth: /^true$/i.test(word) };
    if (['not', 'typeof', 'lambda', 'async', 'function'].includes(word)) return unknown;
    let full = word;
    while (full.length < longestName) {
      const constant = memberOf(full, this.#around) ?? this.#constant(full);
      if (constant) return this.#members(constant);
      const start = this.#at;
      const end = this.#ends.get(start);
      if (this.#sign() === '(' && end !== undefined) {
        const result = callResult(full, this.#arguments(end), this.#around);
        return this.#members(result);
      }
      if (this.#sign() === '[' && end !== undefined) {
        const [argument] = this.#arguments(end);
        full += `.${textOf(argument?.value) ?? ''}`;
      } else if (this.#isDot() && this.#word(this.#at + 1) !== undefined) {
        full += `.${this.#word(this.#at + 1)}`;
        this.#at += 2;
      } else break;
    }
    return unknown;
  }

  #isDot(): boolean {
    return this.#sign() === '.' || this.#sign() === '?.';
  }

  /** What is read from a value: entries of an object, and what paths and texts can do. */
  #members(value: Value): Value {
    let current = value;
    for (;;) {
      const end = this.#ends.get(this.#at);
      if (this.#sign() === '!') this.#at++;
      else if (this.#isDot() && this.#word(this.#at + 1) !== undefined) {
        const name = this.#word(this.#at + 1)!;
        this.#at += 2;
        const call = this.#ends.get(this.#at);
        const given = this.#sign() === '(' && call !== undefined ? this.#arguments(call) : undefined;
        current = read(current, name, given);
      } else if (this.#sign() === '[' && end !== undefined && current.kind !== 'none') {
        const [index] = this.#arguments(end);
        current = read(current, textOf(index?.value) ?? '', undefined);
      } else return current;
    }
  }

  #variable({ variable, fallback }: TakenVariable): Value {
    const value = this.#around.variable(variable);
    if (value !== undefined) return textValue(value);
    return fallback === undefined ? textValue(hole(variable)) : this.at(fallback);
  }

  #constant(name: string): Value | undefined {
    const given = this.#around.constant?.(name);
    if (given) return given;
    const known = this.#known.get(name);
    if (known) return isCode(known) ? undefined : known;
    const variable = this.#taken.get(name);
    if (variable) return this.#variable(variable);
    const [place] = this.#named.get(name) ?? [];
    if (place === undefined) return undefined;
    // A name that is set to itself has no value.
    this.#known.set(name, unknown);
    const value = this.at(place);
    this.#known.set(name, value);
    return isCode(value) ? undefined : value;
  }
}

/** What only code computes: the name may be that of a module, whose functions are known. */
function isCode(value: Value): boolean {
  return value.kind === 'text' && value.text === hole();
}

function isMissing(value: Value): boolean {
  if (value.kind !== 'text') return value.kind === 'none' || (value.kind === 'truth' && !value.truth);
  return value.text === '' || isMissingVariable(value.text);
}

function joined(left: Value, right: Value): Value {
  return textValue(`${textOf(left) ?? hole()}${textOf(right) ?? hole()}`);
}

function read(value: Value, name: string, given: readonly Argument[] | undefined): Value {
  if (value.kind === 'object') {
    if (given)
      return name === 'get' ? (value.entries.get(textOf(given[0]?.value) ?? '')?.value ?? none) : unknown;
    return value.entries.get(name)?.value ?? none;
  }
  if (value.kind !== 'text') return unknown;
  const { text } = value;
  if (['resolve', 'absolute', 'as_posix', 'toString', 'trim', 'strip', 'expanduser'].includes(name))
    return value;
  if (name === 'parent' && !given) return textValue(holesIn(text).length > 0 ? hole() : path.dirname(text));
  if (name === 'joinpath' && given) {
    return textValue(path.join(text, ...given.map((one) => textOf(one.value) ?? hole())));
  }
  if (name === 'parents' && !given) {
    const parents: Value[] = [];
    for (let at = path.dirname(text); parents.length < 20; at = path.dirname(at)) parents.push(textValue(at));
    return {
      kind: 'object',
      entries: new Map(parents.map((one, index) => [`${index}`, { value: one, line: 0 }])),
    };
  }
  return unknown;
}
