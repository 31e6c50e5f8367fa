import { tmpdir } from 'node:os';
import { type ErrorCode, type ErrorPlace, messageOf, RestorePointError } from '../../../core/errors.ts';

/** The driver's error: `code` is `SQLITE_BUSY` or the like, and the message begins with it. */
export interface SqliteError extends Error {
  readonly code: string;
}

export function isSqliteError(error: unknown, ...codes: readonly string[]): error is SqliteError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return error.code.startsWith('SQLITE_') && (codes.length === 0 || codes.includes(error.code));
}

/** A row that the table does not take. */
export function isRowError(error: unknown): boolean {
  return isSqliteError(error, 'SQLITE_CONSTRAINT', 'SQLITE_MISMATCH');
}

/** SQLite was stopped at a database that came from anywhere. */
export function tooMuchWork(milliseconds: number): RestorePointError {
  const seconds = Math.round(milliseconds / 1000);
  return new RestorePointError(
    'damaged-backup',
    `SQLite worked on the database in the backup for ${seconds} seconds, far longer than an intact database of its size takes`,
    { next: 'Do not use this backup unless you know who made it.' },
  );
}

interface Words {
  readonly message: string;
  readonly next?: string;
  readonly mayPass?: boolean;
}

const words: ReadonlyMap<string, Words> = new Map(
  Object.entries({
    SQLITE_BUSY: {
      message: 'The database is locked: another process holds a lock on it',
      next: 'Wait until that program has finished its work, or close it; then try again.',
      mayPass: true,
    },
    SQLITE_NOTADB: {
      message: 'This file is not a SQLite database, or it is encrypted',
      next: 'Choose another file.',
    },
    SQLITE_READONLY: {
      message: 'The database cannot be written: the file or its folder is read-only',
      next: 'Change the permissions, or restore into another file.',
    },
    SQLITE_CANTOPEN: {
      message: 'The database cannot be opened',
      next: 'Check the permissions of the file and of its folder.',
    },
    SQLITE_PERM: {
      message: 'No permission to open the database',
      next: 'Check the permissions of the file and of its folder.',
    },
    SQLITE_FULL: {
      message: 'The disk is full',
      next: `Free some space beside the database and in ${tmpdir()}, or set TMPDIR to another folder.`,
      mayPass: true,
    },
    SQLITE_CORRUPT: {
      message: 'The database file is damaged: its pages are inconsistent',
      next: 'Restore the last good backup into a new file. PRAGMA integrity_check tells what is damaged in this one.',
    },
  }),
);

/** What is said of a database whose pages do not fit together. */
export function damagedFile(): RestorePointError {
  const { message, ...details } = words.get('SQLITE_CORRUPT')!;
  return new RestorePointError('database', message, details);
}

/** Extensions that a program can register in SQLite for its own databases. */
const ofPrograms =
  /no such (collation sequence|function|module|tokenizer)|unknown (function|tokenizer)|no query solution/;

function wordsFor(error: SqliteError): Words {
  const message = sentence(error);
  if (!ofPrograms.test(message)) return words.get(error.code) ?? { message };
  return { message, next: 'The database needs something that only the program that uses it provides.' };
}

/** SQLite's own sentence, without the driver's prefix. */
function sentence(error: SqliteError): string {
  return error.message.replace(/^SQLITE_\w+: /, '');
}

/**
 * An error of SQLite or of the file system as one of ours. `code` is what it counts as where it happened; what is one
 * of ours already only gets the place.
 */
export function describeFailure(error: unknown, code: ErrorCode, place: ErrorPlace = {}): RestorePointError {
  if (RestorePointError.is(error)) return error.with({ place });
  if (isSqliteError(error)) {
    const { message, ...details } = wordsFor(error);
    return new RestorePointError(code, message, { place, cause: error, ...details });
  }
  const { code: systemCode } = error as NodeJS.ErrnoException;
  if (typeof systemCode === 'string' && /^E[A-Z0-9]+$/.test(systemCode)) {
    const { message, next }: Words =
      systemCode === 'ENOSPC' ? words.get('SQLITE_FULL')! : { message: messageOf(error) };
    return new RestorePointError('file', message, { place, cause: error, ...(next ? { next } : {}) });
  }
  return new RestorePointError(code, messageOf(error), { place, cause: error });
}

/** Runs `work`; what it throws comes out as one of our errors. */
export async function inWords<Result>(
  code: ErrorCode,
  place: ErrorPlace,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw describeFailure(error, code, place);
  }
}
