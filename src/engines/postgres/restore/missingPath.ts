import { RestorePointError } from '../../../core/errors.ts';
import type { Manifest } from '../../../core/manifest.ts';
import { hasState, state } from '../connect/errors.ts';
import { quoteIdentifier } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

const setting = 'search_path=';

/**
 * Where a name was not found although the backup has it: the backed-up database set a search path for itself, and this one
 * has another. Returns the error with the statement that sets it as the next step, or the error as it is.
 */
export function withMissingPath(
  error: unknown,
  { leftOut, source }: Pick<Manifest, 'leftOut' | 'source'>,
  transaction: Transaction,
): unknown {
  if (!RestorePointError.is(error, 'database') || !hasState(error.details.cause, ...state.undefinedNames)) {
    return error;
  }
  const settings = leftOut.find(({ kind }) => kind === 'setting')?.names ?? [];
  const path = settings.find((name) => name.startsWith(setting))?.slice(setting.length);
  if (path === undefined || path === transaction.searchPath) return error;
  return new RestorePointError(error.code, error.message, {
    ...error.details,
    next: `Functions of the backup use names that the search path of ${source.database} finds. Set the same path here, then restore again: ALTER DATABASE ${quoteIdentifier(transaction.database.server.database)} SET search_path = ${path}`,
  });
}
