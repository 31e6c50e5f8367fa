import { type ErrorCode, type ErrorDetails, messageOf, RestorePointError } from '../core/errors.ts';

/** An error as data: cloned, one would lose its class and what the class adds. */
export interface PlainError {
  readonly message: string;
  readonly stack?: string;
  /** Only for errors of the project. */
  readonly code?: ErrorCode;
  readonly details?: Omit<ErrorDetails, 'cause' | 'suppressed'>;
  readonly cause?: PlainError;
  readonly suppressed?: PlainError;
}

/** An error can be its own cause, in a circle of any length. */
const deepest = 5;

export function plainOf(error: unknown, depth = 0): PlainError {
  const inner = (other: unknown): PlainError | undefined =>
    other === undefined || depth >= deepest ? undefined : plainOf(other, depth + 1);
  const plain = {
    message: messageOf(error),
    ...(error instanceof Error
      ? { ...defined('stack', error.stack), ...defined('cause', inner(error.cause)) }
      : {}),
  };
  if (!RestorePointError.is(error)) return plain;
  const { cause: _, suppressed, ...details } = error.details;
  return { ...plain, code: error.code, details, ...defined('suppressed', inner(suppressed)) };
}

/** The error that `plainOf` was given, with all that a log and a message tell of it. */
export function errorOf({ message, stack, code, details, cause, suppressed }: PlainError): Error {
  const inner = {
    ...defined('cause', cause && errorOf(cause)),
    ...defined('suppressed', suppressed && errorOf(suppressed)),
  };
  const error = code
    ? new RestorePointError(code, message, { ...details, ...inner })
    : new Error(message, inner.cause ? { cause: inner.cause } : undefined);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function defined<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}
