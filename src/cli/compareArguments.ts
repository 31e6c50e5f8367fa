import type { TablePattern } from '../core/names.ts';
import {
  common,
  connectionOptions,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  tableList,
  wrong,
  type Common,
  type KeyArguments,
  type OptionsConfig,
} from './words.ts';

export interface CompareArguments extends Common, KeyArguments {
  readonly command: 'compare';
  readonly first: string;
  readonly second: string;
  readonly trustSettings: boolean;
  readonly tables?: readonly TablePattern[];
  readonly exclude?: readonly TablePattern[];
  /** For each table; Infinity means all. */
  readonly rows: number;
}

const options = {
  ...everyCommand,
  ...connectionOptions,
  ...keyOptions,
  tables: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  rows: { type: 'string' },
} as const satisfies OptionsConfig;

/** Reads the words after `compare`. Throws `usage`. */
export function compareArguments(words: readonly string[]): CompareArguments {
  const { values, positionals } = parse(words, options);
  const [first, second] = exactly(positionals, ['<side>', '<side>']);
  const tables = tableList(values.tables);
  const exclude = tableList(values.exclude);
  const { rows = '0' } = values;
  if (rows !== 'all' && !/^\d{1,15}$/.test(rows))
    throw wrong(`--rows must be a number or "all", not "${rows}"`);
  return {
    command: 'compare',
    first: first!,
    second: second!,
    trustSettings: values['trust-settings'] ?? false,
    ...common(values),
    ...keyArguments(values),
    ...(tables ? { tables } : {}),
    ...(exclude ? { exclude } : {}),
    rows: rows === 'all' ? Infinity : Number(rows),
  };
}
