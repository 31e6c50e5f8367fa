import * as path from 'node:path';
import { hole } from './holes.ts';
import { textOf, textValue, unknown, type Value } from './values.ts';

/** What code can name without being run. */
export interface Surroundings {
  /** The file that the code is in. */
  readonly file: string;
  /** A variable of the environment, as the `.env` files set it. */
  variable(name: string): string | undefined;
  /** A name that is set elsewhere. */
  constant?(name: string): Value | undefined;
}

export interface Argument {
  /** The name of an argument that is passed by name. */
  readonly name?: string;
  readonly value: Value;
}

const environments = ['process.env', 'import.meta.env', 'Bun.env', 'os.environ', 'environ'];

/** What a name with dots means by itself: a variable of the environment, or the place of the file. */
export function memberOf(name: string, around: Surroundings): Value | undefined {
  const environment = environments.find((one) => name.startsWith(`${one}.`));
  const variable = environment === undefined ? '' : name.slice(environment.length + 1);
  if (/^[A-Z_][A-Z\d_]*$/.test(variable)) return variableValue(variable, around);
  switch (name) {
    case '__dirname':
    case 'import.meta.dirname':
      return textValue(path.dirname(around.file));
    case '__file__':
    case '__filename':
    case 'import.meta.filename':
    case 'import.meta.url':
      return textValue(around.file);
    default:
      return undefined;
  }
}

function variableValue(name: string, around: Surroundings): Value {
  return textValue(around.variable(name) ?? hole(name));
}

/** Functions that give back what they are given. */
const same = [
  ...['Path', 'PurePath', 'str', 'int', 'String', 'Number', 'parseInt', 'fileURLToPath', 'fspath'],
  ...['abspath', 'realpath', 'normpath', 'expanduser', 'defineConfig'],
];

/** Functions that read a variable of the environment; the second argument or `default` is the default. */
const readsVariable =
  /^(?:(?:os\.)?(?:getenv|environ\.get)|(?:Deno\.)?env\.get|(?:de)?couple\.config|env|config|getEnv|(?:env|config)\.(?:str|int|url|path|db|db_url|dj_db_url|get))$/;

/** The result of a call of a function that is known by its name. */
export function callResult(name: string, given: readonly Argument[], around: Surroundings): Value {
  const last = name.slice(name.lastIndexOf('.') + 1);
  const places = given.filter((one) => one.name === undefined).map(({ value }) => value);
  const byName = (key: string): Value | undefined => given.find((one) => one.name === key)?.value;
  if (name === 'dj_database_url.parse') return places[0] ?? byName('url') ?? unknown;
  if (name === 'dj_database_url.config' || /^env\.(?:db|db_url|dj_db_url)$/.test(name)) {
    const variable = textOf(places[0] ?? byName('env') ?? byName('var')) ?? 'DATABASE_URL';
    return withDefault(variable, byName('default') ?? places[1], around);
  }
  if (readsVariable.test(name)) {
    const variable = textOf(places[0] ?? byName('var'));
    return variable === undefined ? unknown : withDefault(variable, byName('default') ?? places[1], around);
  }
  const texts = places.map((value) => textOf(value) ?? hole());
  if (last === 'join' || last === 'resolve') return textValue(joinPaths(texts));
  if (last === 'dirname') return textValue(path.dirname(texts[0] ?? ''));
  if (same.includes(last)) return places[0] ?? unknown;
  return unknown;
}

function withDefault(variable: string, value: Value | undefined, around: Surroundings): Value {
  const found = around.variable(variable);
  if (found !== undefined && found !== '') return textValue(found);
  return value === undefined || value.kind === 'none' ? textValue(hole(variable)) : value;
}

/** An absolute part starts anew, as in Python and in `path.resolve`. */
function joinPaths(parts: readonly string[]): string {
  const last = parts.findLastIndex((part) => path.isAbsolute(part));
  return path.join(...parts.slice(Math.max(last, 0)));
}
