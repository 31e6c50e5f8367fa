import { NotificationType, RequestType } from 'vscode-jsonrpc/node';
import type { KnownKeys, Lock } from '../archive/encryption/keys.ts';
import type { ArrangedCells } from '../backup/arrangedBackup.ts';
import type { SalvageReport } from '../backup/salvageBackup.ts';
import type { BackupReport, BackupSelection } from '../backup/takeBackup.ts';
import type { VerifyReport } from '../backup/verifyBackup.ts';
import type { CountedTable } from '../compare/countDifferences.ts';
import type {
  CheckedCounts,
  DifferenceChoice,
  DifferenceKind,
  DifferenceQuery,
  DifferenceRows,
  StoredComparison,
} from '../compare/differenceStore.ts';
import type { Arrangement, FoundRow, TextSearch } from '../core/arrangement.ts';
import type { Cell } from '../core/cells.ts';
import type { BackupLabel } from '../core/backupLabel.ts';
import type { ConflictAnswer } from '../core/chosenRows.ts';
import type { DatabaseAddress } from '../core/connections.ts';
import type { Compression, Manifest } from '../core/manifest.ts';
import type { TableName } from '../core/names.ts';
import type { RestoreMode, RestorePlan } from '../core/plan.ts';
import type { ProgressEvent } from '../core/progress.ts';
import type { FormatOptions } from '../export/exportRows.ts';
import type { ExportReport } from '../export/exportTable.ts';
import type { ExportFormat } from '../export/rowFormat.ts';
import type { RelatedCounts } from '../restore/chosenRows/restoreRows.ts';
import type { RowsReport } from '../restore/chosenRows/rowsReport.ts';
import type { CodeToRun } from '../restore/codeToRun.ts';
import type { ProofReport } from '../restore/proveBackup.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';
import type { RetentionPolicy } from '../schedule/retention.ts';
import type { ScheduledBackupReport } from '../schedule/takeScheduledBackup.ts';
import type { PlainError } from './plainErrors.ts';

/** The messages between the host and a worker. All of them are data that can be cloned. */

export interface DatabaseAccess {
  readonly address: DatabaseAddress;
  readonly password?: string;
}

export interface BackupTask {
  readonly database: DatabaseAccess;
  readonly selection: BackupSelection;
  /** The final path, or the folder in which the backup gets a name of its own. */
  readonly place: { readonly file: string } | { readonly folder: string };
  readonly compression: Compression;
  readonly lock?: Lock;
  readonly label?: BackupLabel;
  /** The id of the connection in the settings. */
  readonly connection: string;
}

/** All of a database, if it has changed since the last backup; see `takeScheduledBackup`. */
export interface ScheduledBackupTask extends Omit<BackupTask, 'place' | 'selection' | 'label'> {
  /** In which the backup gets a name of its own. */
  readonly folder: string;
  readonly lastSign?: string;
  readonly keys?: KnownKeys;
  /** Which backups of the connection stay; all of them if left out. */
  readonly keep?: RetentionPolicy;
}

export interface RestoreTask {
  readonly database: DatabaseAccess;
  readonly file: string;
  readonly keys?: KnownKeys;
  /** All of the backup when left out. */
  readonly tables?: readonly TableName[];
  readonly mode: RestoreMode;
  /** See `RestoreOptions`. */
  readonly dryRun?: boolean;
  readonly countChanges?: { readonly milliseconds?: number };
  readonly safetyFolder?: string;
  readonly safetyLock?: Lock;
  readonly connection: string;
}

/** A backup is compared with a database, which ends after so many milliseconds. */
export interface CountTask {
  readonly database: DatabaseAccess;
  readonly file: string;
  readonly keys?: KnownKeys;
  /** All that both have when left out. */
  readonly tables?: readonly TableName[];
  readonly milliseconds: number;
}

/** A restore of all of a backup into a new database beside an existing one, or into a new file. */
export interface NewDatabaseTask {
  readonly database: DatabaseAccess;
  /** The name of the new database; a file is named by its address. */
  readonly name?: string;
  readonly file: string;
  readonly keys?: KnownKeys;
}

export interface NewDatabaseReport {
  readonly report: RestoreReport;
  readonly address: DatabaseAddress;
  /** For people. */
  readonly target: string;
}

/** The rows of one table of a backup or of a database. */
export interface ExportTask extends FormatOptions {
  readonly source:
    | { readonly kind: 'backup'; readonly file: string; readonly keys?: KnownKeys }
    | { readonly kind: 'database'; readonly database: DatabaseAccess };
  readonly table: TableName;
  readonly format: ExportFormat;
  /** The new file. */
  readonly out: string;
}

export interface ExportedFile extends ExportReport {
  readonly file: string;
  readonly bytes: number;
}

export interface VerifyTask {
  readonly file: string;
  readonly keys?: KnownKeys;
}

/** A backup is restored into a scratch database, and compared. */
export interface ProveTask {
  readonly file: string;
  readonly keys?: KnownKeys;
  /** Whose server gets the scratch database, for engines that have servers. */
  readonly server?: DatabaseAccess;
  /** See `ProveOptions`. */
  readonly otherServer: string;
}

export interface SalvageTask {
  readonly file: string;
  /** The final path of the new backup. */
  readonly out: string;
  readonly keys?: KnownKeys;
}

export type ComparedSideTask =
  | { readonly kind: 'backup'; readonly file: string; readonly keys?: KnownKeys }
  | { readonly kind: 'database'; readonly database: DatabaseAccess };

export interface CompareTask {
  readonly first: ComparedSideTask;
  readonly second: ComparedSideTask;
  /** All of them when left out. */
  readonly tables?: readonly TableName[];
}

/** A row of a backup, and the database that may have it. See `compareRow`. */
export interface CompareRowTask {
  readonly file: string;
  readonly keys?: KnownKeys;
  readonly database: DatabaseAccess;
  readonly table: number;
  readonly row: number;
}

/** Where one value of a comparison is; see `DifferenceStore`. */
export interface DifferingValue {
  readonly table: number;
  readonly kind: DifferenceKind;
  readonly number: number;
  readonly side: 'first' | 'second';
  readonly column: number;
  /** In characters. */
  readonly longest: number;
}

/** The checked rows of a comparison; or, without `checked`, those that the file says a restore has written. */
export interface RestoreRowsTask {
  readonly database: DatabaseAccess;
  readonly file: string;
  readonly keys?: KnownKeys;
  readonly checked: boolean;
  readonly onConflict: ConflictAnswer;
  readonly dryRun: boolean;
  readonly safetyFolder?: string;
  readonly safetyLock?: Lock;
  readonly connection: string;
}

/** Which database the checked rows of a comparison would come back into. */
export type RelatedTask = Pick<RestoreRowsTask, 'database' | 'file' | 'keys'>;

export interface OpenRowsTask {
  readonly file: string;
  readonly keys?: KnownKeys;
  /** In bytes; see `ArrangedBackupOptions`. */
  readonly size: number;
}

export interface ArrangeRowsTask extends Arrangement {
  /** Its place in the manifest. */
  readonly table: number;
}

export interface ArrangedPageTask {
  readonly after: number;
  readonly limit: number;
}

/** See `FoundRows`. */
export interface NearFoundTask {
  readonly place: number;
  readonly backwards: boolean;
}

/** The questions of a restore to its host; see `RestoreOptions`. */
export interface RestoreQuestions {
  readonly mayRun: (code: CodeToRun, fingerprint: string) => Promise<boolean>;
  readonly confirm: (plan: RestorePlan, manifest: Pick<Manifest, 'createdAt'>) => Promise<boolean>;
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly error?: PlainError;
}

export const backUp = new RequestType<BackupTask, BackupReport, PlainError>('backUp');
export const scheduledBackUp = new RequestType<ScheduledBackupTask, ScheduledBackupReport, PlainError>(
  'scheduledBackUp',
);
export const countDifferences = new RequestType<CountTask, readonly CountedTable[], PlainError>(
  'countDifferences',
);
export const restore = new RequestType<RestoreTask, RestoreReport, PlainError>('restore');
export const restoreIntoNew = new RequestType<NewDatabaseTask, NewDatabaseReport, PlainError>(
  'restoreIntoNew',
);
export const exportTable = new RequestType<ExportTask, ExportedFile, PlainError>('exportTable');
export const prove = new RequestType<ProveTask, ProofReport, PlainError>('prove');
export const salvage = new RequestType<SalvageTask, SalvageReport, PlainError>('salvage');
export const verify = new RequestType<VerifyTask, VerifyReport, PlainError>('verify');

/** The worker keeps the differences of one of these for the requests below, until the host ends it. */
export const compare = new RequestType<CompareTask, StoredComparison, PlainError>('compare');
export const compareRow = new RequestType<CompareRowTask, StoredComparison, PlainError>('compareRow');
/** See `compareWritten`. */
export const compareWritten = new RequestType<VerifyTask, StoredComparison, PlainError>('compareWritten');
export const readDifferences = new RequestType<DifferenceQuery, DifferenceRows, PlainError>(
  'readDifferences',
);
/** Answers null if there is no such value; NULL is in the object. */
export const readDifferingValue = new RequestType<DifferingValue, { readonly cell: Cell } | null, PlainError>(
  'readDifferingValue',
);

/** Answers how many rows are checked then. */
export const checkDifferences = new RequestType<DifferenceChoice, readonly CheckedCounts[], PlainError>(
  'checkDifferences',
);
export const restoreRows = new RequestType<RestoreRowsTask, RowsReport, PlainError>('restoreRows');
export const countRelated = new RequestType<RelatedTask, RelatedCounts, PlainError>('countRelated');

/** The worker keeps the backup open for the requests below, until the host ends it. */
export const openRows = new RequestType<OpenRowsTask, null, PlainError>('openRows');
/** Answers how many rows there are. */
export const arrangeRows = new RequestType<ArrangeRowsTask, number, PlainError>('arrangeRows');
export const readArranged = new RequestType<ArrangedPageTask, ArrangedCells, PlainError>('readArranged');
/** Answers how many rows were found. */
export const findRows = new RequestType<TextSearch, number, PlainError>('findRows');
/** Answers null if there is none. */
export const nearFound = new RequestType<NearFoundTask, FoundRow | null, PlainError>('nearFound');

export const mayRun = questionType<'mayRun'>('mayRun');
export const confirm = questionType<'confirm'>('confirm');

export const progress = new NotificationType<ProgressEvent>('progress');
export const log = new NotificationType<LogLine>('log');

function questionType<Name extends keyof RestoreQuestions>(
  name: Name,
): RequestType<{ readonly asked: Parameters<RestoreQuestions[Name]> }, boolean, PlainError> {
  return new RequestType(name);
}
