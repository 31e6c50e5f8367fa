import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { Database } from './connection.ts';
import { describeFailure } from './errors.ts';

/** How long to ask for the outcome of a transaction whose connection broke. */
const outcomeMilliseconds = 10_000;
/** The same for a user who has cancelled and is waiting. */
const cancelledOutcomeMilliseconds = 300;

/** Finds out the outcome of a COMMIT without an answer. Resolves to an error too, unless it was certainly committed. */
export async function outcomeOfCommit(
  database: Database,
  id: string | undefined,
  cause: unknown,
): Promise<{ readonly outcome: RestoreOutcome; readonly error?: RestorePointError }> {
  const outcome = await outcomeOf(database, id, outcomeMilliseconds);
  if (outcome === 'committed') {
    database.logger.warn(
      'The connection was lost during COMMIT; the server confirms that the transaction was committed',
    );
    return { outcome: committed };
  }
  if (outcome === 'aborted') return { outcome: unchanged, error: describeFailure(cause) };
  const error = new RestorePointError('connection', 'The connection was lost during COMMIT', {
    unchanged: 'It is not known whether the changes were committed: either all were, or none.',
    next: `Ask the database: SELECT pg_xact_status('${id}').`,
    cause,
  });
  return { outcome: { state: 'unknown', cause: error }, error };
}

/** A server that loses its client rolls back by itself. Another connection can see when that is done. */
export async function confirmRollback(
  database: Database,
  id: string | undefined,
  cause: unknown,
  isCancelled: boolean,
): Promise<RestoreOutcome> {
  const patience = isCancelled ? cancelledOutcomeMilliseconds : outcomeMilliseconds;
  if (id === undefined || (await outcomeOf(database, id, patience)) === 'aborted') return unchanged;
  const error = new RestorePointError('connection', 'the connection was lost before the rollback', {
    unchanged: 'The server rolls back the transaction when it notices.',
    cause,
  });
  return { state: 'unknown', cause: error };
}

/**
 * The outcome of a transaction whose connection broke, as the server reports it on another connection: `committed`,
 * `aborted`, or whatever it says when the patience (milliseconds) is over.
 */
async function outcomeOf(
  database: Database,
  id: string | undefined,
  patience: number,
): Promise<string | undefined> {
  const until = performance.now() + patience;
  for (;;) {
    const left = Math.max(0, until - performance.now());
    // Where the network is gone, nothing answers for long.
    const outcome = await Promise.race([ask(database, id), delay(left, undefined)]);
    if (outcome === 'committed' || outcome === 'aborted' || performance.now() >= until) return outcome;
    await delay(Math.min(200, left));
  }
}

async function ask(database: Database, id: string | undefined): Promise<string | undefined> {
  try {
    const sql = 'SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8) AS outcome';
    const [row] = await database.once<{ outcome: string }>(sql, [id]);
    return row?.outcome;
  } catch (error) {
    database.logger.debug(`Could not ask for the outcome of a transaction: ${messageOf(error)}`);
    return undefined;
  }
}
