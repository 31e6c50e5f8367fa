import { RestorePointError } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import type { Sequence } from '../../../core/schema.ts';
import { quoteLiteral, quoteName } from '../connect/identifiers.ts';
import { sayingWhoBlocks } from '../connect/locks.ts';
import { loadRights } from '../schema/rights.ts';
import type { Transaction } from '../connect/transaction.ts';

interface LiveSequence {
  readonly wanted: Sequence;
  readonly increment: string;
}

/** Throws `refused` when this user may not alter one of these sequences. */
export async function refuseSequences(
  transaction: Transaction,
  sequences: readonly Sequence[],
): Promise<void> {
  const rights = await loadRights(
    transaction,
    sequences.map(({ name }) => name),
  );
  const closed = new Set(rights.filter(({ owned }) => !owned).map(({ name }) => tableKey(name)));
  for (const { name, table } of sequences) {
    if (!closed.has(tableKey(name))) continue;
    throw new RestorePointError(
      'refused',
      `Only the owner of the sequence ${formatTableName(name)} may set it`,
      {
        ...(table ? { place: { table: formatTableName(table) } } : {}),
        next: 'Restore as its owner.',
      },
    );
  }
}

/**
 * Locks the sequences that will be set, so that nobody takes numbers meanwhile. Those that are not there any more are
 * reported and skipped. Throws `refused` when this user may not alter one.
 */
export async function lockSequences(
  transaction: Transaction,
  sequences: readonly Sequence[],
  logger: Logger,
): Promise<LiveSequence[]> {
  const unique = new Map(sequences.map((sequence) => [tableKey(sequence.name), sequence]));
  await refuseSequences(transaction, [...unique.values()]);
  const live: LiveSequence[] = [];
  const increments = await loadIncrements(transaction, [...unique.values()]);
  for (const wanted of unique.values()) {
    const increment = increments.get(quoteName(wanted.name));
    if (increment === undefined) {
      const name = formatTableName(wanted.name);
      logger.warn(`The sequence ${name} is not in the database, so it is not set`);
      continue;
    }
    // Changes nothing, and locks: a session that took a number and has not ended would otherwise be met at the end.
    await sayingWhoBlocks(transaction, wanted.name, () =>
      transaction.run(`ALTER SEQUENCE ${quoteName(wanted.name)} INCREMENT BY ${increment}`),
    );
    live.push({ wanted, increment });
  }
  return live;
}

/** Sets sequences to where they stood; with `onlyForwards`, never to a number that was given out already. */
export async function setSequences(
  transaction: Transaction,
  sequences: readonly LiveSequence[],
  onlyForwards: boolean,
): Promise<void> {
  for (const { wanted, increment } of sequences) {
    const name = quoteName(wanted.name);
    if (onlyForwards && !(await isBehind(transaction, wanted, increment))) continue;
    // `setval` alone is never rolled back. RESTART gives the sequence a new file, which a rollback throws away.
    const last = integer(wanted.lastValue);
    await transaction.run(
      `ALTER SEQUENCE ${name} RESTART WITH ${last};
       SELECT setval(${quoteLiteral(name)}::regclass, '${last}'::bigint, ${String(wanted.isCalled)})`,
    );
  }
}

/** By quoted name; of those that are there. */
async function loadIncrements(
  transaction: Transaction,
  sequences: readonly Sequence[],
): Promise<Map<string, string>> {
  const rows = await transaction.rows<{ name: string; increment: string }>(
    `SELECT x.name, s.seqincrement::text AS increment
       FROM json_array_elements_text($1::json) x (name) JOIN pg_sequence s ON s.seqrelid = to_regclass(x.name)`,
    [JSON.stringify(sequences.map(({ name }) => quoteName(name)))],
  );
  return new Map(rows.map(({ name, increment }) => [name, increment]));
}

async function isBehind(transaction: Transaction, wanted: Sequence, increment: string): Promise<boolean> {
  const [now] = await transaction.rows<{ last: string; called: boolean }>(
    `SELECT last_value::text AS last, is_called AS called FROM ${quoteName(wanted.name)}`,
  );
  const ahead = BigInt(wanted.lastValue) - BigInt(now!.last);
  if (ahead === 0n) return wanted.isCalled && !now!.called;
  return increment.startsWith('-') ? ahead < 0n : ahead > 0n;
}

/** A number from a backup, for use in SQL text. */
function integer(text: string): string {
  return BigInt(text).toString();
}
