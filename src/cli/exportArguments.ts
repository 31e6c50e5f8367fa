import { parseTableName, type TablePattern } from '../core/names.ts';
import { exportFormats, type ExportFormat } from '../export/rowFormat.ts';
import {
  choice,
  common,
  connectionOptions,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  wrong,
  type Common,
  type KeyArguments,
  type OptionsConfig,
} from './words.ts';

export interface ExportArguments extends Common, KeyArguments {
  readonly command: 'export';
  /** A backup file, or a connection. */
  readonly source: string;
  readonly trustSettings: boolean;
  readonly table: TablePattern;
  readonly where: readonly string[];
  /** A backup file or a connection: only rows that it does not have as they are. */
  readonly differingFrom?: string;
  readonly format: ExportFormat;
  readonly out?: string;
  readonly separator?: string;
  readonly header: boolean;
  readonly nullText?: string;
  readonly appLabel?: string;
  readonly model?: string;
}

const options = {
  ...everyCommand,
  ...connectionOptions,
  ...keyOptions,
  table: { type: 'string', short: 't' },
  where: { type: 'string', multiple: true },
  'differing-from': { type: 'string' },
  format: { type: 'string' },
  out: { type: 'string', short: 'o' },
  separator: { type: 'string' },
  'no-header': { type: 'boolean' },
  null: { type: 'string' },
  'app-label': { type: 'string' },
  model: { type: 'string' },
} as const satisfies OptionsConfig;

/** Options that belong to one format, and do nothing in another. */
const ofFormat: Readonly<Partial<Record<ExportFormat, readonly (keyof typeof options)[]>>> = {
  csv: ['separator', 'no-header', 'null'],
  django: ['app-label', 'model'],
};

/** Reads the words after `export`. Throws `usage`. */
export function exportArguments(words: readonly string[]): ExportArguments {
  const { values, positionals } = parse(words, options, ['differing-from']);
  const [source] = exactly(positionals, ['<file|connection>']);
  const { out, separator, null: nullText, 'app-label': appLabel, model } = values;
  if (values.table === undefined) throw wrong('--table is missing');
  if (values.format === undefined) throw wrong('--format is missing');
  const format = choice('--format', values.format, exportFormats);
  for (const [owner, names] of Object.entries(ofFormat)) {
    const name = names.find((one) => owner !== format && values[one] !== undefined);
    if (name !== undefined) throw wrong(`--${name} only works with --format ${owner}`);
  }
  if (values.json && out === undefined)
    throw wrong('--json needs --out, because otherwise the rows go to standard output');
  const { table, 'differing-from': differingFrom } = values;
  if (differingFrom !== undefined && values.where)
    throw wrong('--where and --differing-from cannot be used together');
  return {
    command: 'export',
    source: source!,
    trustSettings: values['trust-settings'] ?? false,
    ...common(values),
    ...keyArguments(values),
    table: parseTableName(table),
    where: (values.where ?? []).map((condition) => withoutTable(condition, table)),
    format,
    ...(differingFrom === undefined ? {} : { differingFrom }),
    ...(out === undefined ? {} : { out }),
    ...(separator === undefined ? {} : { separator: separator === '\\t' ? '\t' : separator }),
    header: !(values['no-header'] ?? false),
    ...(nullText === undefined ? {} : { nullText }),
    ...(appLabel === undefined ? {} : { appLabel }),
    ...(model === undefined ? {} : { model }),
  };
}

/** `backup --where` names the table before a colon. */
function withoutTable(condition: string, table: string): string {
  const prefix = `${table}:`;
  if (!condition.startsWith(prefix) || condition.startsWith(`${prefix}:`)) return condition;
  return condition.slice(prefix.length).trim();
}
