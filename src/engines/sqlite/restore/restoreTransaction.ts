import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { WorkOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { describeFailure, inWords } from '../connect/errors.ts';

/** How a restore on a connection of its own ends. Without a transaction that has begun, nothing is changed. */
export class RestoreTransaction {
  readonly #connection: Connection;
  readonly #options: WorkOptions;
  readonly #ended: () => Promise<void>;
  #outcome: RestoreOutcome = unchanged;
  #closed = false;

  /** `ended` removes what only the restore needed; it never throws. */
  constructor(connection: Connection, options: WorkOptions, ended = (): Promise<void> => Promise.resolve()) {
    this.#connection = connection;
    this.#options = options;
    this.#ended = ended;
  }

  /** A COMMIT that fails leaves the connection inside its transaction, for `rollback`. */
  async commit(): Promise<void> {
    await inWords('database', {}, () => this.#connection.run('COMMIT'));
    this.#outcome = committed;
    await this.#end();
  }

  async rollback(): Promise<RestoreOutcome> {
    if (this.#closed) return this.#outcome;
    try {
      await this.#connection.rollBack();
    } catch (error) {
      this.#outcome = { state: 'unknown', cause: describeFailure(error, 'database') };
    }
    await this.#end();
    return this.#outcome;
  }

  /** Ends what is open. Never throws. */
  async close(): Promise<void> {
    const outcome = await this.rollback();
    if (outcome.state !== 'unknown') return;
    const { logger } = this.#options;
    logger.error('A restore could not be rolled back when its connection was closed', outcome.cause);
  }

  async #end(): Promise<void> {
    this.#closed = true;
    await this.#connection.closeQuietly(this.#options.logger);
    await this.#ended();
  }
}
