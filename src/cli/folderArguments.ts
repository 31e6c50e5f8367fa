import { isBackupName } from '../backup/backupFiles.ts';
import {
  common,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  wrong,
  type Common,
  type KeyArguments,
} from './words.ts';

/** The backups of folders. */
export interface ListArguments extends Common, KeyArguments {
  readonly command: 'list';
  readonly folders: readonly string[];
}

export interface PinArguments extends Common {
  readonly command: 'pin' | 'unpin';
  readonly file: string;
}

/** Reads the words after `list`. Throws `usage`. */
export function listArguments(words: readonly string[]): ListArguments {
  const { values, positionals } = parse(words, { ...everyCommand, ...keyOptions });
  const folders = positionals.length > 0 ? positionals : ['backups'];
  return { command: 'list', folders, ...common(values), ...keyArguments(values) };
}

/** Reads the words after `pin` or `unpin`. Throws `usage`. */
export function pinArguments(command: PinArguments['command'], words: readonly string[]): PinArguments {
  const { values, positionals } = parse(words, everyCommand);
  const [file] = exactly(positionals, ['<file>']);
  if (!isBackupName(file!)) throw wrong('The name of a backup ends in .dbbackup or .dbbackup.age');
  return { command, file: file!, ...common(values) };
}
