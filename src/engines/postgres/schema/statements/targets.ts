import type { StatementReader } from './reader.ts';

/** The target of a statement, as COMMENT, ALTER and GRANT name it. */
export interface Target {
  /** `table`, `materialized view`, `operator class`: the words before the name. */
  readonly what: string;
  /** Its name in parts, with the name of the object that it belongs to. */
  readonly names: readonly string[];
  /** For a routine: each argument with its name, except results. */
  readonly arguments?: readonly string[];
  /** For a routine: only the types of these arguments. */
  readonly types?: readonly string[];
}

const inSchema: readonly string[] = [
  'table',
  'view',
  'materialized view',
  'sequence',
  'index',
  'type',
  'domain',
  'collation',
  'conversion',
  'statistics',
  'text search configuration',
  'text search dictionary',
  'text search parser',
  'text search template',
];
const inDatabase: readonly string[] = [
  'schema',
  'extension',
  'publication',
  'event trigger',
  'access method',
];
const onRelation: readonly string[] = ['trigger', 'rule', 'policy'];
const routines: readonly string[] = ['function', 'procedure', 'aggregate'];

/** Words that are the beginning of a longer name of a kind. */
const longer: Readonly<Record<string, readonly string[]>> = {
  materialized: ['view'],
  text: ['search'],
  'text search': ['configuration', 'dictionary', 'parser', 'template'],
  event: ['trigger'],
  access: ['method'],
};

/** Reads `TABLE "a"."b"`, `FUNCTION a.f(x integer)`, `TRIGGER t ON a.b` and the like. */
export function readTarget(reader: StatementReader): Target {
  let what = reader.word();
  for (let more = longer[what]; more; more = longer[what]) {
    if (!reader.is(...more)) reader.fail('it refers to something that backups do not contain');
    what = `${what} ${reader.word()}`;
  }
  return readTargetOf(reader, what);
}

/** The same after the words that say what it is. */
export function readTargetOf(reader: StatementReader, what: string): Target {
  if (inSchema.includes(what)) return { what, names: reader.qualified() };
  if (inDatabase.includes(what)) return { what, names: [reader.identifier()] };
  if (routines.includes(what)) {
    const names = reader.qualified();
    return { what, names, arguments: readArguments(reader) };
  }
  if (onRelation.includes(what)) {
    const name = reader.identifier();
    reader.take('on');
    return { what, names: [name, ...reader.qualified()] };
  }
  switch (what) {
    case 'operator':
      return readOperator(reader);
    case 'cast':
      return { what, names: readCast(reader) };
    case 'transform':
      return { what, names: readTransform(reader) };
    case 'constraint': {
      const name = reader.identifier();
      reader.take('on');
      const of = reader.maybe('domain') ? 'constraint of a domain' : what;
      return { what: of, names: [name, ...reader.qualified()] };
    }
    case 'column': {
      const relation = reader.qualified();
      reader.take('.');
      return { what, names: [...relation, reader.identifier()] };
    }
    default:
      return reader.fail('it refers to something that backups do not contain');
  }
}

/** The schema that it is in; undefined for objects that are in no schema. */
export function schemaOf({ what, names }: Target): string | undefined {
  const hasSchema = inSchema.includes(what) || routines.includes(what) || what.startsWith('operator');
  return hasSchema ? names[0] : undefined;
}

/** Whether two statements are about the same thing; one of them may name a routine by types alone. */
export function isSame(one: Target, other: Target): boolean {
  if (one.what !== other.what || !areSame(one.names, other.names)) return false;
  if (!one.arguments && !other.arguments) return true;
  return [one.arguments, one.types].some(
    (mine) => mine && [other.arguments, other.types].some((theirs) => theirs && areSame(mine, theirs)),
  );
}

export function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, index) => text === others[index]);
}

function readOperator(reader: StatementReader): Target {
  for (const kind of ['class', 'family']) {
    if (!reader.maybe(kind)) continue;
    const names = reader.qualified();
    reader.take('using');
    return { what: `operator ${kind}`, names: [...names, reader.identifier()] };
  }
  return { what: 'operator', names: [...readOperatorName(reader), ...readList(reader)] };
}

/** `"a".=`: the schema, and the operator. */
export function readOperatorName(reader: StatementReader): [schema: string, operator: string] {
  const schema = reader.identifier();
  reader.take('.');
  if (reader.peek().type !== 'symbol') reader.fail('it names no operator');
  return [schema, reader.next().value];
}

export function readCast(reader: StatementReader): [from: string, to: string] {
  reader.take('(');
  const from = readType(reader, ['as']);
  reader.take('as');
  const to = readType(reader, [')']);
  reader.take(')');
  return [from, to];
}

export function readTransform(reader: StatementReader): [type: string, language: string] {
  reader.take('for');
  const type = readType(reader, ['language']);
  reader.take('language');
  return [type, reader.identifier()];
}

/** A type up to one of these words, in a form in which spaces do not matter. */
export function readType(reader: StatementReader, ends: readonly string[]): string {
  const parts: string[] = [];
  reader.upTo(ends, ({ raw }) => parts.push(raw));
  if (parts.length === 0) reader.fail('a type is missing in it');
  return parts.join(' ');
}

/** The tokens of each item of a comma-separated list in parentheses. */
export function readLists(reader: StatementReader): string[][] {
  const lists: string[][] = [[]];
  reader.group(({ raw, type }, depth) => {
    if (depth === 0 && type === 'symbol' && raw === ',') lists.push([]);
    else lists.at(-1)!.push(raw);
  });
  if (lists.length === 1 && lists[0]!.length === 0) return [];
  return lists;
}

export function readList(reader: StatementReader): string[] {
  return readLists(reader).map((tokens) => tokens.join(' '));
}

const modes: readonly string[] = ['IN', 'INOUT', 'VARIADIC'];

/** The arguments of a routine that are given to it, without what they are when they are left out. */
function readArguments(reader: StatementReader): string[] {
  return readLists(reader)
    .filter(([mode]) => mode !== 'OUT')
    .map((tokens) => {
      const given = modes.includes(tokens[0] ?? '') ? tokens.slice(1) : tokens;
      const end = given.findIndex((token) => token === 'DEFAULT' || token === '=');
      return (end < 0 ? given : given.slice(0, end)).join(' ');
    });
}
