import { type BackupLabel, checkedLabel } from '../core/backupLabel.ts';
import type { BackupPart, Compression } from '../core/manifest.ts';
import type { TablePattern } from '../core/names.ts';
import { restoreModes, type RestoreMode } from '../core/plan.ts';
import { compareArguments, type CompareArguments } from './compareArguments.ts';
import { proveArguments, type ProveArguments } from './proveArguments.ts';
import { exportArguments, type ExportArguments } from './exportArguments.ts';
import {
  listArguments,
  pinArguments,
  pruneArguments,
  type ListArguments,
  type PinArguments,
  type PruneArguments,
} from './folderArguments.ts';
import {
  parseCondition,
  rowsArguments,
  rowsOptions,
  type RowsArguments,
  type TableCondition,
} from './rowsArguments.ts';
import { scheduleArguments, type ScheduleArguments } from './scheduleArguments.ts';
import {
  choice,
  common,
  connectionOptions,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  quoted,
  tableList,
  wrong,
  type Common,
  type ConnectionArguments,
  type KeyArguments,
  type OptionsConfig,
} from './words.ts';

export type { KeyArguments } from './words.ts';
export type { CompareArguments } from './compareArguments.ts';
export type { ExportArguments } from './exportArguments.ts';
export type { ProveArguments } from './proveArguments.ts';

/** The encryption of a new file. */
export interface LockArguments {
  readonly encrypt: boolean;
  readonly recipients?: readonly string[];
  readonly recipientFiles?: readonly string[];
  readonly passphraseFile?: string;
}

export interface BackupArguments extends Common, ConnectionArguments, LockArguments {
  readonly command: 'backup';
  readonly out?: string;
  readonly tables?: readonly TablePattern[];
  readonly exclude?: readonly TablePattern[];
  readonly excludeRows?: readonly TablePattern[];
  readonly where?: readonly TableCondition[];
  readonly withRelated: boolean;
  readonly only?: BackupPart;
  readonly compression?: Compression;
  readonly label: BackupLabel;
}

export interface RestoreArguments
  extends Common, ConnectionArguments, KeyArguments, LockArguments, RowsArguments {
  readonly command: 'restore';
  readonly file: string;
  readonly mode: RestoreMode;
  readonly tables?: readonly TablePattern[];
  readonly withRelated: boolean;
  readonly only?: BackupPart;
  readonly intoSchema?: string;
  readonly dryRun: boolean;
  /** A new database is made for it, with this name; an empty one is that of the connection. */
  readonly createDatabase?: string;
  readonly safetyBackup: boolean;
  /** Statements of a backup from elsewhere may run. */
  readonly trust: boolean;
  readonly yes: boolean;
}

export interface VerifyArguments extends Common, KeyArguments {
  readonly command: 'verify';
  readonly file: string;
}

export interface InspectArguments extends Common, KeyArguments {
  readonly command: 'inspect';
  readonly file: string;
  /** Print the text of every statement. */
  readonly statements: boolean;
}

export interface SalvageArguments extends Common, KeyArguments {
  readonly command: 'salvage';
  readonly file: string;
  readonly out?: string;
}

export interface InformationArguments extends Common {
  readonly command: 'help' | 'version';
}

export type CliArguments =
  | BackupArguments
  | RestoreArguments
  | CompareArguments
  | VerifyArguments
  | ProveArguments
  | InspectArguments
  | SalvageArguments
  | ExportArguments
  | ListArguments
  | PinArguments
  | PruneArguments
  | ScheduleArguments
  | InformationArguments;

const compressions: readonly Compression[] = ['zstd', 'gzip', 'none'];

const partOptions = {
  'with-related': { type: 'boolean' },
  'schema-only': { type: 'boolean' },
  'data-only': { type: 'boolean' },
} as const satisfies OptionsConfig;

const lockOptions = {
  encrypt: { type: 'boolean' },
  recipient: { type: 'string', short: 'r', multiple: true },
  'recipients-file': { type: 'string', multiple: true },
  'passphrase-file': { type: 'string' },
} as const satisfies OptionsConfig;

const commandOptions = {
  backup: {
    ...everyCommand,
    ...connectionOptions,
    ...partOptions,
    ...lockOptions,
    out: { type: 'string', short: 'o' },
    tables: { type: 'string', multiple: true },
    exclude: { type: 'string', multiple: true },
    'exclude-rows': { type: 'string', multiple: true },
    where: { type: 'string', multiple: true },
    compression: { type: 'string' },
    name: { type: 'string' },
    note: { type: 'string' },
  },
  restore: {
    ...everyCommand,
    ...connectionOptions,
    ...partOptions,
    ...keyOptions,
    ...lockOptions,
    'into-schema': { type: 'string' },
    mode: { type: 'string' },
    tables: { type: 'string', multiple: true },
    'dry-run': { type: 'boolean' },
    'create-database': { type: 'string' },
    'no-safety-backup': { type: 'boolean' },
    ...rowsOptions,
    trust: { type: 'boolean' },
    yes: { type: 'boolean', short: 'y' },
  },
  verify: { ...everyCommand, ...keyOptions },
  inspect: { ...everyCommand, ...keyOptions, statements: { type: 'boolean' } },
  salvage: { ...everyCommand, ...keyOptions, out: { type: 'string', short: 'o' } },
} as const satisfies Record<string, OptionsConfig>;

/** Reads the words after the program's name. Throws `usage`. */
export function parseArguments(words: readonly string[]): CliArguments {
  const [command, ...rest] = words;
  if (words.includes('--help') || words.includes('-h') || command === 'help') return information('help');
  if (command === '--version' || command === 'version') return information('version');
  switch (command) {
    case 'backup':
      return backupArguments(rest);
    case 'restore':
      return restoreArguments(rest);
    case 'compare':
      return compareArguments(rest);
    case 'verify': {
      const { values, positionals } = parse(rest, commandOptions.verify);
      const [file] = exactly(positionals, ['<file>']);
      return { command, file: file!, ...common(values), ...keyArguments(values) };
    }
    case 'prove':
      return proveArguments(rest);
    case 'inspect': {
      const { values, positionals } = parse(rest, commandOptions.inspect);
      const [file] = exactly(positionals, ['<file>']);
      const statements = values.statements ?? false;
      return { command, file: file!, ...common(values), ...keyArguments(values), statements };
    }
    case 'salvage': {
      const { values, positionals } = parse(rest, commandOptions.salvage);
      const [file] = exactly(positionals, ['<file>']);
      const out = values.out === undefined ? {} : { out: values.out };
      return { command, file: file!, ...common(values), ...keyArguments(values), ...out };
    }
    case 'export':
      return exportArguments(rest);
    case 'list':
      return listArguments(rest);
    case 'pin':
    case 'unpin':
      return pinArguments(command, rest);
    case 'schedule':
      return scheduleArguments(rest);
    case 'prune':
      return pruneArguments(rest);
    case undefined:
      throw wrong('The command is missing');
    default:
      throw wrong(`Unknown command${quoted(command) && ` ${quoted(command)}`}`);
  }
}

function information(command: InformationArguments['command']): InformationArguments {
  return { command, json: false, verbose: false };
}

function backupArguments(words: readonly string[]): BackupArguments {
  const { values, positionals } = parse(words, commandOptions.backup);
  const [connection] = exactly(positionals, ['<connection>']);
  const tables = tableList(values.tables);
  const exclude = tableList(values.exclude);
  const excludeRows = tableList(values['exclude-rows']);
  const part = partArguments(values);
  if (part.withRelated && !tables && !values.where) throw wrong('--with-related needs --tables or --where');
  return {
    command: 'backup',
    connection: connection!,
    trustSettings: values['trust-settings'] ?? false,
    ...common(values),
    ...(values.out === undefined ? {} : { out: values.out }),
    ...(tables ? { tables } : {}),
    ...(exclude ? { exclude } : {}),
    ...(excludeRows ? { excludeRows } : {}),
    ...(values.where ? { where: values.where.map(parseCondition) } : {}),
    ...part,
    ...lockArguments(values),
    label: checkedLabel({
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.note === undefined ? {} : { note: values.note }),
    }),
    ...(values.compression === undefined
      ? {}
      : { compression: choice('--compression', values.compression, compressions) }),
  };
}

function restoreArguments(words: readonly string[]): RestoreArguments {
  const { values, positionals } = parse(withOptionalName(words), commandOptions.restore);
  const [file, connection] = exactly(positionals, ['<file>', '<connection>']);
  const tables = tableList(values.tables);
  const part = partArguments(values);
  const rows = rowsArguments(values);
  if (part.withRelated && !tables && !rows.rowsFile && !rows.where)
    throw wrong('--with-related needs --tables, --rows-file or --where');
  const intoSchema = values['into-schema'];
  if (intoSchema === '') throw wrong('--into-schema needs a name');
  const createDatabase = values['create-database'];
  if (createDatabase !== undefined && values['dry-run'])
    throw wrong('--create-database and --dry-run cannot be used together');
  return {
    command: 'restore',
    file: file!,
    connection: connection!,
    trustSettings: values['trust-settings'] ?? false,
    ...common(values),
    mode: values.mode === undefined ? 'replace' : choice('--mode', values.mode, restoreModes),
    ...(tables ? { tables } : {}),
    ...part,
    ...keyArguments(values),
    ...lockArguments(values),
    ...(intoSchema === undefined ? {} : { intoSchema }),
    ...(createDatabase === undefined ? {} : { createDatabase }),
    dryRun: values['dry-run'] ?? false,
    safetyBackup: !(values['no-safety-backup'] ?? false),
    trust: values.trust ?? false,
    yes: values.yes ?? false,
    ...rows,
  };
}

/** `--create-database` may come without a name. */
function withOptionalName(words: readonly string[]): string[] {
  return words.map((word, index) => {
    const next = words[index + 1];
    const isAlone = word === '--create-database' && (next === undefined || next.startsWith('-'));
    return isAlone ? `${word}=` : word;
  });
}

function lockArguments(values: {
  encrypt?: boolean | undefined;
  recipient?: string[] | undefined;
  'recipients-file'?: string[] | undefined;
  'passphrase-file'?: string | undefined;
}): LockArguments {
  const { recipient, 'recipients-file': files, 'passphrase-file': file } = values;
  return {
    encrypt: (values.encrypt ?? false) || recipient !== undefined || files !== undefined,
    ...(recipient ? { recipients: recipient } : {}),
    ...(files ? { recipientFiles: files } : {}),
    ...(file === undefined ? {} : { passphraseFile: file }),
  };
}

function partArguments(values: {
  'with-related'?: boolean | undefined;
  'schema-only'?: boolean | undefined;
  'data-only'?: boolean | undefined;
}): { withRelated: boolean; only?: BackupPart } {
  if (values['schema-only'] && values['data-only'])
    throw wrong('--schema-only and --data-only cannot be used together');
  const only = values['schema-only'] ? 'schema' : values['data-only'] ? 'data' : undefined;
  return { withRelated: values['with-related'] ?? false, ...(only ? { only } : {}) };
}
