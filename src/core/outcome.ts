import { messageOf, RestorePointError } from './errors.ts';

/** The state of a database after a restore ended without a commit. */
export type RestoreOutcome =
  /** It is as it was before the restore. */
  | { readonly state: 'unchanged' }
  /** The rollback could not be confirmed; `cause` is the error that occurred. */
  | { readonly state: 'unknown'; readonly cause: unknown }
  /** `what` says what has changed, as a sentence. */
  | { readonly state: 'changed'; readonly what: string; readonly cause?: unknown };

export const unchanged: RestoreOutcome = { state: 'unchanged' };

/** The outcome of a rollback that comes too late. */
export const committed: RestoreOutcome = { state: 'changed', what: 'The restore is committed.' };

export const nothingChanged = 'Nothing was changed.';

const undone = 'The database rolls back unfinished transactions automatically.';

/**
 * The error that ended a restore, with the state of the database. Says that nothing was changed only if that is certain.
 * A second error is kept with the first.
 */
export function withOutcome(error: unknown, outcome: RestoreOutcome): unknown {
  switch (outcome.state) {
    case 'unchanged':
      return RestorePointError.is(error) ? error.with({ unchanged: nothingChanged }) : error;
    case 'unknown':
      // The error of an unanswered COMMIT already says so itself.
      return outcome.cause === error ? error : saying(error, unknownText(outcome.cause), outcome.cause);
    case 'changed':
      return saying(error, outcome.what, outcome.cause);
  }
}

function unknownText(cause: unknown): string {
  const { unchanged: then = undone, next = '' } = RestorePointError.is(cause) ? cause.details : {};
  const text = `It is not known whether the database was changed: the rollback could not be confirmed (${messageOf(cause)}).`;
  return [text, then, next].join(' ').trimEnd();
}

/** Replaces what the error said about the state before, which it could not know. */
function saying(error: unknown, text: string, second: unknown): RestorePointError {
  const { code, message, details } = RestorePointError.is(error)
    ? error
    : new RestorePointError('database', messageOf(error), { cause: error });
  const suppressed = second === undefined ? {} : { suppressed: second };
  return new RestorePointError(code, message, { ...details, ...suppressed, unchanged: text });
}
