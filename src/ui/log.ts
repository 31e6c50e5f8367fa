import * as vscode from 'vscode';
import { describeError, RestorePointError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** The output channel "Restore Point". */
export class Log implements Logger, vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel('Restore Point', { log: true });
  #lastStack: string | undefined;

  debug(message: string): void {
    this.#channel.debug(message);
  }

  info(message: string): void {
    this.#channel.info(message);
  }

  warn(message: string): void {
    this.#channel.warn(message);
  }

  error(message: string, error?: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    // An error that was logged where it happened reaches the error boundary too.
    const known = error === undefined || (stack !== undefined && stack === this.#lastStack);
    this.#lastStack = stack;
    if (known) return this.#channel.error(message);
    if (!isExpected(error)) return this.#channel.error(`${message}\n${traceOf(error)}`);
    this.#channel.error(message);
    this.#channel.debug(traceOf(error));
  }

  show(): void {
    this.#channel.show();
  }

  dispose(): void {
    this.#channel.dispose();
  }
}

/** Whether an error is meant for users: one of ours, not caused by a bug in the program. */
export function isExpected(error: unknown, depth = 0): boolean {
  if (depth > 0 && !RestorePointError.is(error)) return !isFault(error);
  if (!RestorePointError.is(error)) return false;
  const { suppressed, cause = error.cause } = error.details;
  return (
    depth > 5 || [cause, suppressed].every((inner) => inner === undefined || isExpected(inner, depth + 1))
  );
}

/** An error that JavaScript itself throws. One from another process has lost its class, but its stack starts with the name. */
function isFault(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Type|Range|Reference|Syntax|Eval|URI|Assertion)Error\b/.test(error.stack ?? '')
  );
}

/** Everything about an error: message, stack, cause, and what else failed during cleanup. */
export function traceOf(error: unknown, depth = 0): string {
  const own = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const parts = RestorePointError.is(error) ? [describeError(error), own] : [own];
  // An error can be its own cause, in a circle of any length.
  if (error instanceof Error && depth < 5) {
    if (error.cause !== undefined) parts.push(`Caused by: ${traceOf(error.cause, depth + 1)}`);
    if (RestorePointError.is(error) && error.details.suppressed !== undefined) {
      parts.push(`Meanwhile: ${traceOf(error.details.suppressed, depth + 1)}`);
    }
  }
  return parts.join('\n');
}
