/** Where the core tells what it does. Messages hold no secret and no row's values. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  /** `error` is logged with its stack, its cause and what was suppressed. */
  error(message: string, error?: unknown): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
