import { type ErrorPlace, messageOf, RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';

/** The fields that PostgreSQL sends with an error, as the driver passes them on. */
export interface ServerError extends Error {
  /** SQLSTATE. */
  readonly code: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && /^[0-9A-Z]{5}$/.test((error as Partial<ServerError>).code ?? '');
}

/** Whether the server answered with one of these SQLSTATEs. */
export function hasState(error: unknown, ...states: readonly string[]): boolean {
  return isServerError(error) && states.includes(error.code);
}

export const state = {
  cancelled: '57014',
  lockTimeout: '55P03',
  outOfMemory: '53200',
  insufficientPrivilege: '42501',
  foreignKeyViolation: '23503',
  uniqueViolation: '23505',
  exclusionViolation: '23P01',
  checkViolation: '23514',
  /** Unknown names of functions, tables, types, schemas and columns. */
  undefinedNames: ['42883', '42P01', '42704', '3F000', '42703'],
} as const;

/** The session is gone: the socket broke, or the server ended it (shutdown, an administrator, a crash). */
export function isLostConnection(error: unknown): boolean {
  if (isServerError(error)) return /^(08|57P0[1235])/.test(error.code) || error.code === '25P03';
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|ENET|EHOST|ENOTCONN|ERR_STREAM|ERR_SSL)/.test(code)) {
    return true;
  }
  return /^(Connection terminated|Client (has encountered a connection error|was closed))/.test(
    messageOf(error),
  );
}

/**
 * Turns an error of the driver or the server into a RestorePointError, with the place if the server names it. Returns a
 * RestorePointError unchanged.
 */
export function describeFailure(error: unknown, place: ErrorPlace = {}): RestorePointError {
  if (RestorePointError.is(error)) return error.with({ place });
  if (isLostConnection(error)) {
    const reason = isServerError(error) ? `: ${error.message}` : '';
    return new RestorePointError('connection', `The connection to the database was lost${reason}`, {
      place,
      next: 'Try again when the database is reachable.',
      mayPass: true,
      cause: error,
    });
  }
  if (!isServerError(error))
    return new RestorePointError('database', messageOf(error), { place, cause: error });
  return new RestorePointError('database', sentence(error), {
    place: { ...placeOf(error), ...place, ...copyPlace(error) },
    ...(nextStep(error) ? { next: nextStep(error) } : {}),
    ...(passing.includes(error.code) || isOutage(error.code) ? { mayPass: true } : {}),
    cause: error,
  });
}

/** A lock that others hold, a deadlock, a conflict with what others wrote. */
const passing: readonly string[] = [state.lockTimeout, '40P01', '40001'];

/** The server lacks room or memory, was stopped, or cannot read its files. */
function isOutage(code: string): boolean {
  return /^(?:53|57P|58)/.test(code);
}

/** `duplicate key … (Key (id)=(1) already exists)`. A detail that is a whole row stays out: it may be private. */
function sentence(error: ServerError): string {
  const detail = error.detail?.startsWith('Key ') ? ` (${error.detail.replace(/\.$/, '')})` : '';
  return `${error.message}${detail}`;
}

function nextStep(error: ServerError): string | undefined {
  if (error.code === '53100') return 'Free space on the disk of the database server.';
  if (error.code === '25006') return 'This server or role is read-only: use one that can write.';
  if (error.code === state.outOfMemory && error.hint?.includes('max_locks_per_transaction')) {
    return 'Raise max_locks_per_transaction on the server for so many tables in one transaction, or choose fewer tables at a time.';
  }
  if (error.code === state.lockTimeout)
    return 'Others are using the table: try again when they have finished.';
  return error.hint;
}

function placeOf(error: ServerError): ErrorPlace {
  return {
    ...(error.table === undefined
      ? {}
      : { table: formatTableName({ ...(error.schema ? { schema: error.schema } : {}), name: error.table }) }),
    ...(error.column === undefined ? {} : { column: error.column }),
  };
}

/** `COPY orders, line 3, column id: "x"`, whose words are in the server's language. */
function copyPlace(error: ServerError): ErrorPlace {
  const context = /^COPY [^\n]*?, [^\s,:]+ (\d+)(?:, [^\s,:]+ ([^\n]+?))?(?::|$)/m.exec(error.where ?? '');
  if (!context) return {};
  return { row: Number(context[1]), ...(context[2] === undefined ? {} : { column: context[2] }) };
}
