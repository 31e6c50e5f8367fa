/** The core reports its steps to it. Messages contain no secrets and no values of rows. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  /** `error` is logged with its stack, its cause and what was suppressed. */
  error(message: string, error?: unknown): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
