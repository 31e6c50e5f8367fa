import type { DescribedConflict } from './rowConflicts.ts';

/** Every way in which the work can end other than well. `docs`: the command line maps them to exit codes. */
export type ErrorCode =
  /** Wrong arguments or settings: nothing was begun. */
  | 'usage'
  /** The database cannot be reached or opened: host, port, password, file, lock. */
  | 'connection'
  /** The file is no backup, is of an unknown version, or its bytes are not what was written. */
  | 'damaged-backup'
  /** The backup is encrypted, and what was given does not open it. */
  | 'locked'
  /** The plan refuses: what is asked cannot be done without losing something. */
  | 'refused'
  /** The database answered with an error; the transaction was rolled back. */
  | 'database'
  /** The rows that were read back differ from the backup; the transaction was rolled back. */
  | 'verification'
  /** A file could not be read or written. */
  | 'file'
  /** The user stopped it. */
  | 'cancelled';

/** The place of the error, as far as it is known. Rows and lines count from 1. */
export interface ErrorPlace {
  readonly file?: string;
  readonly entry?: string;
  readonly table?: string;
  readonly column?: string;
  readonly row?: number;
  readonly setting?: string;
}

export interface ErrorDetails {
  readonly place?: ErrorPlace;
  /** The part that is unchanged, as a sentence: "Nothing was changed." */
  readonly unchanged?: string;
  /** The thing that is needed and that the user can be asked for. */
  readonly needs?: 'password' | 'passphrase';
  /** The next step for the user, as a sentence. */
  readonly next?: string;
  /** The tables that are refused, as `formatTableName` writes them, where the others could be taken without them. */
  readonly tables?: readonly string[];
  /** The rows that cannot be written as they were chosen. */
  readonly conflicts?: readonly DescribedConflict[];
  /** The obstacle may pass soon: a lock, a server that does not answer. */
  readonly mayPass?: boolean;
  /** For a damaged file: its manifest is intact, so the rest of it can be salvaged. */
  readonly salvageable?: boolean;
  readonly cause?: unknown;
  /** A second error, met while cleaning up after the first: both are kept, the first is shown. */
  readonly suppressed?: unknown;
}

/** The one error class of the project: what, where, why (cause), what was left unchanged, what to do next. */
export class RestorePointError extends Error {
  override readonly name = 'RestorePointError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  /** Whether `error` is a RestorePointError, with this code if one is given. */
  static is(error: unknown, code?: ErrorCode): error is RestorePointError {
    return error instanceof RestorePointError && (code === undefined || error.code === code);
  }

  /** A copy with more details; those already there win, so that the innermost place is kept. */
  with(details: ErrorDetails): RestorePointError {
    const place = { ...details.place, ...this.details.place };
    const copy = new RestorePointError(this.code, this.message, { ...details, ...this.details, place });
    copy.stack = this.stack;
    return copy;
  }
}

export function cancelled(unchanged?: string): RestorePointError {
  return new RestorePointError('cancelled', 'Cancelled.', unchanged === undefined ? {} : { unchanged });
}

/** Throws `cancelled()` when the signal has been aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled();
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Why the system did not do something with a file, in words. */
export function fileReason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return 'the disk is full';
    case 'EDQUOT':
      return 'the disk quota is used up';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOENT':
      return 'there is no such file or folder';
    case 'EISDIR':
      return 'it is a folder';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a part of the path is not a folder';
    default:
      return messageOf(error);
  }
}

/** The tables that a refusal is about, as `formatTableName` writes them; none for what is no refusal of tables. */
export function refusedTables(error: unknown): readonly string[] {
  if (!RestorePointError.is(error, 'refused')) return [];
  const { tables, place } = error.details;
  return tables ?? (place?.table === undefined ? [] : [place.table]);
}

function describePlace(place: ErrorPlace | undefined): string {
  if (!place) return '';
  const parts: string[] = [];
  if (place.table) parts.push(place.table);
  if (place.row !== undefined) parts.push(`row ${place.row}`);
  if (place.column) parts.push(`column ${place.column}`);
  if (place.entry) parts.push(place.entry);
  if (place.file) parts.push(place.file);
  if (place.setting) parts.push(place.setting);
  return parts.join(', ');
}

/**
 * One line for a person: what, where, why, what was left unchanged, what to do next.
 * Line breaks inside a server's message are folded, so that it stays one line.
 */
export function describeError(error: unknown): string {
  if (!RestorePointError.is(error)) return fold(messageOf(error));
  const { place, unchanged, next } = error.details;
  const where = describePlace(place);
  const what = where ? `${where}: ${error.message}` : error.message;
  return [what, unchanged, next]
    .filter((part): part is string => Boolean(part))
    .map(fold)
    .map((part) => (/[.!?…]$/.test(part) ? part : `${part}.`))
    .join(' ');
}

function fold(text: string): string {
  const parts = text.split('\n').map((part) => part.trim());
  return parts.filter((part) => part !== '').join(' ');
}
