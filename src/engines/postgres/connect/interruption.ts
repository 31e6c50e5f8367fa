import { messageOf } from '../../../core/errors.ts';
import type { Database } from './connection.ts';

/** How long a statement may take to end after the server was asked to give it up. */
const cancelMilliseconds = 1300;

/** The end of a statement before it is done: the server is asked for it, and `breakOff` comes where that does not help. */
export class Interruption {
  readonly #timer: NodeJS.Timeout;
  readonly #settled: Promise<void>;

  constructor(database: Database, processId: number, breakOff: (reason: string) => void) {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    this.#timer = setTimeout(() => {
      breakOff('The server did not stop in time');
      resolve();
    }, cancelMilliseconds);
    const request = database
      .cancel(processId)
      .catch((error: unknown) => breakOff(`The server could not be asked to stop: ${messageOf(error)}`));
    this.#settled = Promise.race([request, late]);
  }

  /** After the statement's end: waits until the request is answered, if that is wanted. */
  async end(wait: boolean): Promise<void> {
    if (wait) await this.#settled;
    clearTimeout(this.#timer);
  }
}
