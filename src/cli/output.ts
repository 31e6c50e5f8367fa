import { once } from 'node:events';
import { RestorePointError, type ErrorCode, describeError, messageOf } from '../core/errors.ts';
import type { Terminal } from './terminal.ts';
import { escapeHidden, visible, visibleLines } from '../core/visible.ts';
import { silentLogger, type Logger } from '../core/logger.ts';

/** Results go to stdout, everything else to stderr. */
export interface Output {
  /** The result: one JSON object with `--json`, else text. */
  result(text: string, json: unknown): void;
  /** For people, beside a result that is no text. */
  message(text: string): void;
  /** A part of the result, on a line of its own: with `--json` a JSON object. Resolves when there is room for more. */
  line(text: string, json: unknown): Promise<void>;
  failure(error: unknown): void;
  readonly logger: Logger;
}

const exitCodes: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  connection: 1,
  'damaged-backup': 3,
  locked: 4,
  refused: 1,
  database: 1,
  verification: 1,
  file: 1,
  cancelled: 130,
};

export function exitCodeOf(error: unknown): number {
  return RestorePointError.is(error) ? exitCodes[error.code] : 1;
}

export function createOutput(
  { stdout, stderr }: Terminal,
  options: { readonly json: boolean; readonly verbose: boolean },
): Output {
  // Without anybody to hear that a line cannot be written, the event would end the program.
  let heard = false;
  let broken: NodeJS.ErrnoException | undefined;
  const write = (level: string, message: string): void =>
    void stderr.write(`${level}: ${visibleLines(message)}\n`);
  return {
    result(text, json) {
      stdout.write(`${options.json ? jsonText(json) : lines(text)}\n`);
    },
    message(text) {
      stderr.write(`${lines(text)}\n`);
    },
    async line(text, json) {
      const line = options.json ? jsonText(json, 0) : visible(text);
      if (!heard) stdout.on('error', (error: NodeJS.ErrnoException) => (broken ??= error));
      heard = true;
      const hasRoom = stdout.write(`${line}\n`);
      if (!hasRoom && !broken) await once(stdout, 'drain').catch(() => 'reported below');
      if (broken) throw notWritten(broken);
    },
    failure(error) {
      if (options.json) stdout.write(`${jsonText({ error: errorAsJson(error) })}\n`);
      stderr.write(`restore-point: ${visible(describeError(error))}\n`);
      if (options.verbose) stderr.write(`${stackOf(error)}\n`);
    },
    logger: loggerFor(write, options.verbose),
  };
}

/** Escapes what a terminal would obey, or nobody would see, though JSON allows most of it. */
function jsonText(value: unknown, indent = 2): string {
  const escaped = (character: string): string =>
    // Each half of a pair has an escape of its own.
    Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join('');
  // A line feed in a text is an escape already.
  return JSON.stringify(value, undefined, indent)
    .split('\n')
    .map((line) => escapeHidden(line, escaped))
    .join('\n');
}

/** Text of several lines, with what could not be seen in it named. */
export function lines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** The error when the standard output cannot be written. */
export function notWritten(cause: NodeJS.ErrnoException): RestorePointError {
  const reason = cause.code === 'EPIPE' ? 'the program that reads it has ended' : cause.message;
  return new RestorePointError('file', `The rows could not be written to the standard output: ${reason}`, {
    cause,
  });
}

function errorAsJson(error: unknown): unknown {
  if (!RestorePointError.is(error)) return { code: 'internal', message: messageOf(error) };
  const { place, unchanged, next, conflicts } = error.details;
  return { code: error.code, message: error.message, place, unchanged, next, conflicts };
}

/** The stack, with those of the causes and of what was met while cleaning up. */
function stackOf(error: unknown): string {
  const parts = [error instanceof Error ? oneStack(error) : visible(String(error))];
  if (error instanceof Error && error.cause !== undefined) parts.push(`caused by: ${stackOf(error.cause)}`);
  if (RestorePointError.is(error) && error.details.suppressed !== undefined) {
    parts.push(`and meanwhile: ${stackOf(error.details.suppressed)}`);
  }
  return parts.join('\n');
}

/** A message has one line, whatever it names: what follows it in the stack are places in the code. */
function oneStack({ name, message, stack = '' }: Error): string {
  const at = stack.indexOf(message);
  const places =
    at < 0
      ? []
      : stack
          .slice(at + message.length)
          .split('\n')
          .slice(1);
  return [visible(`${name}: ${message}`), ...places.map(visible)].join('\n');
}

/** Without `--verbose`, only warnings are logged: `failure` reports an error once. */
function loggerFor(write: (level: string, message: string) => void, verbose: boolean): Logger {
  const warn = (message: string): void => write('warning', message);
  if (!verbose) return { ...silentLogger, warn };
  return {
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warn,
    error: (message) => write('error', message),
  };
}
