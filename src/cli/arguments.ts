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

export const usage = `restore-point: back up a database to a file, and restore exactly that state

  restore-point backup  <connection> [--out FILE|FOLDER] [--tables a,b.c] [--exclude a,b.c]
                        [--exclude-rows log_*] [--where 'table: condition'] [--with-related] [--schema-only | --data-only]
                        [--name NAME] [--note TEXT] [--compression zstd|gzip|none]
                        [--encrypt | --recipient age1…] [--trust-settings] [--json]
  restore-point restore <file> <connection> [--mode replace|merge|insert-missing] [--tables a,b.c]
                        [--with-related] [--schema-only | --data-only] [--into-schema NAME]
                        [--create-database [NAME]] [--dry-run] [--no-safety-backup] [--identity FILE] [--trust]
                        [--trust-settings] [--yes] [--json]
  restore-point restore <file> <connection> --rows-file FILE | --where 'table: condition'
                        [--on-conflict stop|skip|overwrite] [--delete-added] [--with-related]
                        [--dry-run] [--no-safety-backup] [--identity FILE] [--trust-settings] [--yes] [--json]
  restore-point export  <file|connection> --table NAME [--where CONDITION | --differing-from <file|connection>]
                        --format csv|ndjson|json|sql|django [--out FILE] [--separator ,] [--no-header]
                        [--null TEXT] [--app-label APP] [--model NAME] [--identity FILE]
                        [--trust-settings] [--json]
  restore-point compare <side> <side> [--tables a,b.c] [--exclude a,b.c] [--rows N|all]
                        [--identity FILE] [--trust-settings] [--json]
  restore-point verify  <file> [--identity FILE] [--json]
  restore-point prove   <file> [connection] [--server <connection>] [--identity FILE] [--trust]
                        [--trust-settings] [--json]
  restore-point inspect <file> [--statements] [--identity FILE] [--json]
  restore-point salvage <file> [--out FILE] [--identity FILE] [--json]
  restore-point list    [folder…] [--identity FILE] [--json]
  restore-point pin     <file> [--json]
  restore-point unpin   <file> [--json]
  restore-point prune   <folder> [--keep-last N] [--keep-hourly N] [--keep-daily N] [--keep-weekly N]
                        [--keep-monthly N] [--dry-run] [--identity FILE] [--trust] [--yes] [--json]
  restore-point schedule <connection> [--every '2 hours' | --at 'daily 03:00'] --print cron|systemd|github
                        [--out FOLDER] [--json]

<connection>  sqlite:path/to.db
              postgres://user@host:port/database?sslmode=verify-full
                (password: PGPASSWORD, a pgpass file, or in the URL)
              the id of a connection in this folder's .vscode/settings.json

<side>        a backup file, or a connection

--tables      names, or patterns with *: orders, audit_*, archive.*; in quotes, a * is an ordinary character
--exclude-rows  tables to back up without their rows; a restore leaves their rows in the database alone
--name        what to call the backup: "before migration 42"; --note adds what there is to say about it
--out         a file that ends in .dbbackup (.dbbackup.age if encrypted), or a folder; default: "backups"
--where       only rows that match a condition, in the database's SQL; may be given once for each table;
              in a restore: the rows that match it and differ from the backup are made as they were
--with-related  also back up everything related to the chosen rows by foreign keys: rows that reference
                them, directly or indirectly, and all rows that any of these reference; in a restore:
                also restore the related tables, or with chosen rows the related rows that are gone
--rows-file   restore only these rows: lines of compare BACKUP CONNECTION --rows all --json; - reads them
              from standard input
--delete-added  also delete the chosen rows that only the database has
--on-conflict  rows that were changed since the comparison, or that the database refuses:
              stop       write nothing (the default)
              skip       leave them as they are, and restore the others
              overwrite  restore them too; those that the database refuses still stop it
--schema-only   no rows; a restore creates what is missing
--data-only     rows only; a restore creates nothing
--into-schema   create the tables in another schema, new or existing (PostgreSQL)
--mode        replace         makes each table exactly as it is in the backup (the default)
              merge           adds and updates rows from the backup; keeps all other rows
              insert-missing  adds back deleted rows; leaves existing rows alone
--dry-run     do the whole restore in its transaction, verify it, then roll it back
--encrypt     encrypt the backup (age format), or in a restore the safety backup. The passphrase comes from
              --passphrase-file FILE, RESTORE_POINT_PASSPHRASE or the terminal
--recipient   encrypt it to this public key (age1…); may be repeated; --recipients-file FILE: the keys in a file
--identity    a file of age identities, for backups that are encrypted to recipients
--rows        for compare: print the first N rows of each table that differ, or all of them
--create-database  into a new database (SQLite: a new file) with the connection's name, or with
                a name that follows; it must not exist yet
--yes         do not ask before writing
--trust       run the statements (functions, triggers, tables, …) of a backup that was not made on
                this machine: they run as you
--keep-last   for prune: keep the newest N backups of each database and of each part of it; --keep-hourly,
              --keep-daily, --keep-weekly, --keep-monthly: the newest one of each of the last N hours, days,
              weeks or months that have one
--trust       for prune: backups that were not made on this machine count and go like those that were
--server      for prove: create the scratch database on the server of this connection (default: that of
              [connection]; a SQLite backup needs none)
--statements  print the statements in a backup, each under its kind and name
--out         for salvage: the new file; default: beside the old one
              for export: a new file; default: standard output
--format      for export: csv (RFC 4180), ndjson (one object per line), json (one array), sql (INSERTs),
              django (a fixture for loaddata)
--where       for export: a condition in the database's SQL for a connection, column=text for a backup
--differing-from  for export: only rows that this backup or connection lacks, or has with other values
--separator   for csv: one character instead of a comma; \\t is a tab
--null        for csv: the text for NULL; default: nothing, with empty strings in quotes
--app-label, --model  for django; default: taken from the table name
--trust-settings  use a connection in .vscode/settings.json without asking whether you trust
                these settings
--verbose     log what is done, and show the stack of an error
--json        print one JSON object; with --rows all, one for each row that differs

Exit codes: 0 done, 1 failed (and rolled back), 2 wrong usage, 3 no valid backup,
4 the backup is encrypted and could not be opened, 5 the two sides differ (of prove: what was restored
differs from the backup), 130 cancelled
`;

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
