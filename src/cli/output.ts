import { RestorePointError, type ErrorCode, describeError, messageOf } from '../core/errors.ts';
import { silentLogger, type Logger } from '../core/logger.ts';

/** Results go to stdout, everything else to stderr. */
export interface Output {
  /** The result: one JSON object with `--json`, else text. */
  result(text: string, json: unknown): void;
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

export function createOutput(options: { json: boolean; verbose: boolean }): Output {
  return {
    result(text, json) {
      process.stdout.write(options.json ? `${JSON.stringify(json, undefined, 2)}\n` : `${text}\n`);
    },
    failure(error) {
      if (options.json)
        process.stdout.write(`${JSON.stringify({ error: errorAsJson(error) }, undefined, 2)}\n`);
      process.stderr.write(`restore-point: ${describeError(error)}\n`);
      if (options.verbose) process.stderr.write(stackOf(error));
    },
    logger: options.verbose ? stderrLogger : quietLogger,
  };
}

function errorAsJson(error: unknown): unknown {
  if (!RestorePointError.is(error)) return { code: 'internal', message: messageOf(error) };
  const { place, unchanged, next } = error.details;
  return { code: error.code, message: error.message, place, unchanged, next };
}

/** The stack, with those of the causes and of what was met while cleaning up. */
function stackOf(error: unknown): string {
  const parts = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  if (error instanceof Error && error.cause !== undefined) parts.push(`caused by: ${stackOf(error.cause)}`);
  if (RestorePointError.is(error) && error.details.suppressed !== undefined) {
    parts.push(`and meanwhile: ${stackOf(error.details.suppressed)}`);
  }
  return `${parts.join('\n')}\n`;
}

function write(level: string, message: string): void {
  process.stderr.write(`${level}: ${message}\n`);
}

const stderrLogger: Logger = {
  debug: (message) => write('debug', message),
  info: (message) => write('info', message),
  warn: (message) => write('warning', message),
  error: (message) => write('error', message),
};

/** Without `--verbose` only warnings are told: an error is told once, by `failure`. */
const quietLogger: Logger = { ...silentLogger, warn: (message) => write('warning', message) };
