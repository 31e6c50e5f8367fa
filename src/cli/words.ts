import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf, RestorePointError } from '../core/errors.ts';
import { parseTableNames, type TablePattern } from '../core/names.ts';

export interface Common {
  readonly json: boolean;
  readonly verbose: boolean;
}

/** The options that open encrypted files. */
export interface KeyArguments {
  readonly passphraseFile?: string;
  readonly identityFiles?: readonly string[];
}

/** A connection, as a URL or as an id in the settings of the folder. */
export interface ConnectionArguments {
  readonly connection: string;
  /** The settings of the folder are used without a question. */
  readonly trustSettings: boolean;
}

export type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

export const everyCommand = {
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
} as const satisfies OptionsConfig;

export const connectionOptions = {
  'trust-settings': { type: 'boolean' },
} as const satisfies OptionsConfig;

export const keyOptions = {
  'passphrase-file': { type: 'string' },
  identity: { type: 'string', short: 'i', multiple: true },
} as const satisfies OptionsConfig;

export function common(values: { json?: boolean | undefined; verbose?: boolean | undefined }): Common {
  return { json: values.json ?? false, verbose: values.verbose ?? false };
}

export function keyArguments(values: {
  'passphrase-file'?: string | undefined;
  identity?: string[] | undefined;
}): KeyArguments {
  const file = values['passphrase-file'];
  return {
    ...(file === undefined ? {} : { passphraseFile: file }),
    ...(values.identity ? { identityFiles: values.identity } : {}),
  };
}

/** Throws `usage`. `sides`: options whose value may be a URL. */
export function parse<const T extends OptionsConfig>(
  words: readonly string[],
  options: T,
  sides: readonly (keyof T)[] = [],
) {
  const parsed = parseWords(words, options);
  for (const [name, value] of Object.entries(parsed.values)) {
    if (sides.includes(name)) continue;
    for (const text of [value].flat()) refuseUrl(`--${name}`, text);
  }
  return parsed;
}

function parseWords<const T extends OptionsConfig>(words: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong(messageOf(error).split('. ')[0] ?? 'The arguments are wrong');
  }
}

export function exactly(positionals: readonly string[], names: readonly string[]): readonly string[] {
  const missing = names[positionals.length];
  if (missing) throw wrong(`${missing} is missing`);
  if (positionals.length > names.length)
    throw wrong(`${quoted(positionals[names.length]!) || 'The last word'} is an extra argument`);
  if (names[0] === '<file>') refuseUrl('<file>', positionals[0]);
  return positionals;
}

/** A URL in another place than that of the connection is a slip, and its password would be repeated with it. */
function refuseUrl(name: string, value: unknown): void {
  if (typeof value === 'string' && /^[a-z][a-z\d+.-]+:\/\//i.test(value)) {
    throw wrong(`Expected ${name}, but found a URL`);
  }
}

/** Quotes the user's words in an error, except those that could contain a password. */
export function quoted(text: string): string {
  return /[:@=]/.test(text) ? '' : `"${text}"`;
}

export function choice<T extends string>(option: string, value: string, values: readonly T[]): T {
  const found = values.find((candidate) => candidate === value);
  if (!found) throw wrong(`${option} must be one of ${values.join(', ')}, not "${value}"`);
  return found;
}

export function wrong(message: string): RestorePointError {
  return new RestorePointError('usage', message, { next: 'See restore-point --help.' });
}

/** The names of an option that is given once or several times. */
export function tableList(values: readonly string[] | undefined): TablePattern[] | undefined {
  const names = values?.flatMap(parseTableNames);
  if (names?.length === 0) throw wrong('A list of tables is empty');
  return names;
}
