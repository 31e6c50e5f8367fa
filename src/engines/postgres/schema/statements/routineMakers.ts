import type { PostgresObject } from '../postgresObject.ts';
import { dotted, type Name, reads } from './named.ts';
import { StatementReader } from './reader.ts';
import { type ReadMaker, requireName } from './requirements.ts';
import {
  areSame,
  readCast,
  readLists,
  readOperatorName,
  readTargetOf,
  readTransform,
  type Target,
} from './targets.ts';

const functions =
  (what: 'function' | 'procedure'): ReadMaker =>
  (reader, object) => {
    reader.take(`create ${what}`);
    const target = withTypes(reader, object, readTargetOf(reader, what));
    readBody(reader);
    return target;
  };

/** The name of a routine has the types of its arguments: each argument is one of them, with a name or without. */
function withTypes(reader: StatementReader, object: PostgresObject, target: Target): Target {
  const name = new StatementReader(object.name);
  const names = name.qualified();
  const types = readLists(name).map((tokens) => tokens.join(' '));
  name.end();
  const given = target.arguments ?? [];
  const fits =
    areSame(names, target.names) &&
    types.length === given.length &&
    types.every((type, index) => {
      const own = given[index]!;
      // A name may have a space in it, in quotes.
      return (
        own === type || (own.endsWith(` ${type}`) && reads(own.slice(0, -type.length), oneName(own, type)))
      );
    });
  if (!fits) reader.fail('it creates something with a different name');
  return { ...target, types };
}

function oneName(own: string, type: string): Name {
  const text = own.slice(0, -type.length).trim();
  return { name: text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text };
}

/**
 * The parts of a routine: only between BEGIN ATOMIC and its END may it have several statements. Each ends with a
 * semicolon, none begins with END, and no CASE has a semicolon: an END where a statement could begin is that of the body.
 */
function readBody(reader: StatementReader): void {
  reader.upTo(['begin']);
  if (reader.ended) return;
  reader.take('begin atomic');
  let begins = true;
  reader.statementsUpTo(
    (depth) => depth === 0 && begins && reader.is('end'),
    ({ type, value }) => {
      begins = type === 'symbol' && value === ';';
    },
  );
  reader.take('end');
}

const aggregates: ReadMaker = (reader, object) => {
  reader.take('create aggregate');
  const target = readTargetOf(reader, 'aggregate');
  const star = target.arguments?.length === 1 && target.arguments[0] === '*';
  // An aggregate over rows, without arguments, has no types in its name. Ordered arguments follow ORDER BY, in both.
  const plain = { ...target, arguments: star ? [] : withoutOrder(target.arguments ?? []) };
  const named = withTypes(reader, object, plain);
  reader.group();
  return { ...target, types: named.types ?? [] };
};

/** `a integer ORDER BY b text` are two arguments, and `VARIADIC "any" ORDER BY VARIADIC "any"` is one. */
function withoutOrder(given: readonly string[]): string[] {
  const parts = given.flatMap((one) => {
    const at = one.split(' ').findIndex((word, index, all) => word === 'ORDER' && all[index + 1] === 'BY');
    if (at < 0) return [one];
    const words = one.split(' ');
    return [words.slice(0, at).join(' '), words.slice(at + 2).join(' ')];
  });
  const modes = ['VARIADIC ', 'IN '];
  const bare = parts
    .filter((part) => part !== '')
    .map((part) =>
      modes.reduce((text, mode) => (text.startsWith(mode) ? text.slice(mode.length) : text), part),
    );
  const twice = given.some((one) => /ORDER BY VARIADIC /.test(one)) && bare.at(-1) === bare.at(-2);
  return twice ? bare.slice(0, -1) : bare;
}

const operators: ReadMaker = (reader, object) => {
  reader.take('create operator');
  const names = readOperatorName(reader);
  const sides = new Map<string, string>();
  for (const [word = '', equals, ...value] of readLists(reader))
    if (equals === '=') sides.set(word.toLowerCase(), value.join(' '));
  const types = ['leftarg', 'rightarg'].map((side) => sides.get(side) ?? 'NONE');
  const name = new StatementReader(object.name);
  const called = [...readOperatorName(name), ...readLists(name).map((tokens) => tokens.join(' '))];
  name.end();
  if (!areSame([...names, ...types], called)) reader.fail('it creates something with a different name');
  return { what: 'operator', names: [...names, ...types] };
};

const operatorFamilies: ReadMaker = (reader, object) => {
  reader.take('create operator');
  const target = readTargetOf(reader, 'operator');
  if (target.what !== 'operator family') reader.fail('it creates another kind of object');
  requireUsing(reader, object, target.names);
  return target;
};

function requireUsing(reader: StatementReader, object: PostgresObject, names: readonly string[]): void {
  const method = { name: names[2] ?? '' };
  requireName(reader, object, [...dotted(names.slice(0, 2)), 'using', method]);
}

const operatorClasses: ReadMaker = (reader, object) => {
  reader.take('create operator class');
  const names = reader.qualified();
  reader.maybe('default');
  reader.take('for type');
  reader.upTo(['using']);
  reader.take('using');
  const method = reader.identifier();
  requireUsing(reader, object, [...names, method]);
  reader.take('family');
  reader.qualified();
  reader.take('as');
  reader.upTo([]);
  return { what: 'operator class', names: [...names, method] };
};

const casts: ReadMaker = (reader, object) => {
  reader.take('create cast');
  const names = readCast(reader);
  const spaced = (text: string): string => new StatementSpaces(text).text;
  if (spaced(object.name) !== spaced(`${names[0]} to ${names[1]}`))
    reader.fail('it creates something with a different name');
  reader.upTo([]);
  return { what: 'cast', names };
};

/** A text with one space between its tokens. */
class StatementSpaces {
  readonly text: string;

  constructor(text: string) {
    const parts: string[] = [];
    const reader = new StatementReader(text);
    reader.upTo([], ({ raw }) => parts.push(raw));
    this.text = parts.join(' ');
  }
}

const transforms: ReadMaker = (reader, object) => {
  reader.take('create transform');
  const names = readTransform(reader);
  const called = new StatementReader(object.name);
  if (!areSame(readTransform(called), names)) reader.fail('it creates something with a different name');
  called.end();
  reader.group();
  return { what: 'transform', names };
};

/** Functions, and what is made of them. */
export const routineMakers: readonly (readonly [kind: string, read: ReadMaker])[] = [
  ['function', functions('function')],
  ['procedure', functions('procedure')],
  ['aggregate', aggregates],
  ['operator', operators],
  ['operator family', operatorFamilies],
  ['operator class', operatorClasses],
  ['cast', casts],
  ['transform', transforms],
];
