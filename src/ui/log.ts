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
    // What a use case logs where it happens reaches the error boundary too.
    const known = error === undefined || (stack !== undefined && stack === this.#lastStack);
    this.#lastStack = stack;
    this.#channel.error(known ? message : `${message}\n${traceOf(error)}`);
  }

  show(): void {
    this.#channel.show();
  }

  dispose(): void {
    this.#channel.dispose();
  }
}

/** Everything that an error knows: its line, its stack, what caused it, and what else failed while cleaning up. */
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
