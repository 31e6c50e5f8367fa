import { isBackupName } from '../backup/backupFiles.ts';
import { RestorePointError } from '../core/errors.ts';
import { isEmptyPolicy, type RetentionPolicy } from '../schedule/retention.ts';
import {
  common,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  quoted,
  wrong,
  type Common,
  type KeyArguments,
  type OptionsConfig,
} from './words.ts';

/** The backups of folders. */
export interface ListArguments extends Common, KeyArguments {
  readonly command: 'list';
  readonly folders: readonly string[];
  /** The user named the folders. The usual one need not exist. */
  readonly named: boolean;
}

export interface PinArguments extends Common {
  readonly command: 'pin' | 'unpin';
  readonly file: string;
}

export interface PruneArguments extends Common, KeyArguments {
  readonly command: 'prune';
  readonly folder: string;
  readonly policy: RetentionPolicy;
  readonly dryRun: boolean;
  /** Backups that this machine did not make count too. */
  readonly trust: boolean;
  readonly yes: boolean;
}

/** Reads the words after `list`. Throws `usage`. */
export function listArguments(words: readonly string[]): ListArguments {
  const { values, positionals } = parse(words, { ...everyCommand, ...keyOptions });
  const named = positionals.length > 0;
  const folders = named ? positionals : ['backups'];
  return { command: 'list', folders, named, ...common(values), ...keyArguments(values) };
}

/** Reads the words after `pin` or `unpin`. Throws `usage`. */
export function pinArguments(command: PinArguments['command'], words: readonly string[]): PinArguments {
  const { values, positionals } = parse(words, everyCommand);
  const [file] = exactly(positionals, ['<file>']);
  if (!isBackupName(file!)) throw wrong('The name of a backup ends in .dbbackup or .dbbackup.age');
  return { command, file: file!, ...common(values) };
}

const pruneOptions = {
  ...everyCommand,
  ...keyOptions,
  'keep-last': { type: 'string' },
  'keep-hourly': { type: 'string' },
  'keep-daily': { type: 'string' },
  'keep-weekly': { type: 'string' },
  'keep-monthly': { type: 'string' },
  'dry-run': { type: 'boolean' },
  trust: { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
} as const satisfies OptionsConfig;

/** Reads the words after `prune`. Throws `usage`, also where no rule says what to keep. */
export function pruneArguments(words: readonly string[]): PruneArguments {
  const { values, positionals } = parse(words, pruneOptions);
  const [folder] = exactly(positionals, ['<folder>']);
  const policy: RetentionPolicy = {
    keepLast: keepNumber('--keep-last', values['keep-last']),
    keepHourly: keepNumber('--keep-hourly', values['keep-hourly']),
    keepDaily: keepNumber('--keep-daily', values['keep-daily']),
    keepWeekly: keepNumber('--keep-weekly', values['keep-weekly']),
    keepMonthly: keepNumber('--keep-monthly', values['keep-monthly']),
  };
  if (isEmptyPolicy(policy)) {
    throw new RestorePointError('usage', 'No rule says which backups to keep', {
      unchanged: 'Nothing was deleted.',
      next: 'Add --keep-last, --keep-hourly, --keep-daily, --keep-weekly or --keep-monthly, with a number above 0.',
    });
  }
  return {
    command: 'prune',
    folder: folder!,
    policy,
    dryRun: values['dry-run'] ?? false,
    trust: values.trust ?? false,
    yes: values.yes ?? false,
    ...common(values),
    ...keyArguments(values),
  };
}

function keepNumber(option: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw wrong(`${option} needs a whole number, not ${quoted(text) || 'this'}`);
}
