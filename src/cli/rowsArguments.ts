import type { ConflictAnswer } from '../core/chosenRows.ts';
import { parseTableName, splitOutsideQuotes, type TablePattern } from '../core/names.ts';
import { choice, type OptionsConfig, wrong } from './words.ts';

/** Which rows a restore brings back, and what happens where they cannot be as they were. */
export interface RowsArguments {
  /** A file with lines of a comparison; `-` is the standard input. */
  readonly rowsFile?: string;
  readonly where?: readonly TableCondition[];
  readonly onConflict?: ConflictAnswer;
  readonly deleteAdded: boolean;
}

export interface TableCondition {
  readonly table: TablePattern;
  readonly condition: string;
}

export const rowsOptions = {
  'rows-file': { type: 'string' },
  where: { type: 'string', multiple: true },
  'on-conflict': { type: 'string' },
  'delete-added': { type: 'boolean' },
} as const satisfies OptionsConfig;

const conflictAnswers: readonly ConflictAnswer[] = ['stop', 'skip', 'overwrite'];

interface RestoreValues extends Readonly<
  Partial<Record<(typeof notWithRows)[number], string | boolean | string[] | undefined>>
> {
  'rows-file'?: string | undefined;
  where?: string[] | undefined;
  'on-conflict'?: string | undefined;
  'delete-added'?: boolean | undefined;
  'dry-run'?: boolean | undefined;
  yes?: boolean | undefined;
}

/** Options of a restore that make no sense where rows are chosen. */
const notWithRows = ['mode', 'tables', 'schema-only', 'data-only', 'into-schema', 'create-database'] as const;

/** Reads the options of chosen rows among those of a restore. Throws `usage`. */
export function rowsArguments(values: RestoreValues): RowsArguments {
  const { 'rows-file': rowsFile, where, 'on-conflict': answer, 'delete-added': deleteAdded = false } = values;
  if (rowsFile !== undefined && where) throw wrong('--rows-file and --where exclude each other');
  if (rowsFile === '') throw wrong('--rows-file needs a file');
  if (rowsFile === '-' && !values.yes && !values['dry-run'])
    throw wrong('--rows-file - reads the standard input, so nobody can be asked: add --yes or --dry-run');
  const [chosen] = [
    ...(rowsFile === undefined ? [] : ['--rows-file']),
    ...(where ? ['--where'] : []),
    ...(answer === undefined ? [] : ['--on-conflict']),
    ...(deleteAdded ? ['--delete-added'] : []),
  ];
  const other = notWithRows.find((name) => values[name] !== undefined);
  if (chosen !== undefined && other !== undefined) throw wrong(`${chosen} and --${other} exclude each other`);
  if (deleteAdded && rowsFile === undefined && !where)
    throw wrong('--delete-added needs --rows-file or --where');
  return {
    ...(rowsFile === undefined ? {} : { rowsFile }),
    ...(where ? { where: where.map(parseCondition) } : {}),
    ...(answer === undefined ? {} : { onConflict: choice('--on-conflict', answer, conflictAnswers) }),
    deleteAdded,
  };
}

/** Reads `table: condition`. Throws `usage`. */
export function parseCondition(text: string): TableCondition {
  const [table, ...rest] = splitOutsideQuotes(text, ':');
  const condition = rest.join(':').trim();
  if (!table || !condition) throw wrong(`--where "${text}" does not have the form 'table: condition'`);
  return { table: parseTableName(table), condition };
}
