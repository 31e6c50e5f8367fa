import { RestorePointError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { formatTableName, tableKey } from '../../core/names.ts';
import type { Sequence } from '../../core/schema.ts';
import { quoteName } from './identifiers.ts';
import { sayingWhoBlocks } from './locks.ts';
import { loadRights } from './rights.ts';
import type { Transaction } from './transaction.ts';

interface LiveSequence {
  readonly wanted: Sequence;
  readonly increment: string;
}

/** Throws `refused` when this user may not alter one of these sequences. */
export async function refuseSequences(
  transaction: Transaction,
  sequences: readonly Sequence[],
): Promise<void> {
  for (const { name, table } of sequences) {
    const [row] = await loadRights(transaction, [name]);
    if (!row || row.owned) continue;
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
 * told and passed over. Throws `refused` when this user may not alter one.
 */
export async function lockSequences(
  transaction: Transaction,
  sequences: readonly Sequence[],
  logger: Logger,
): Promise<LiveSequence[]> {
  const unique = new Map(sequences.map((sequence) => [tableKey(sequence.name), sequence]));
  await refuseSequences(transaction, [...unique.values()]);
  const live: LiveSequence[] = [];
  for (const wanted of unique.values()) {
    const [row] = await transaction.rows<{ increment: string }>(
      'SELECT seqincrement::text AS increment FROM pg_sequence WHERE seqrelid = to_regclass($1)',
      [quoteName(wanted.name)],
    );
    if (!row) {
      const name = formatTableName(wanted.name);
      logger.warn(`The sequence ${name} of the backup is not in the database; it is not set`);
      continue;
    }
    // Changes nothing, and locks: a session that took a number and has not ended would otherwise be met at the end.
    await sayingWhoBlocks(transaction, wanted.name, () =>
      transaction.run(`ALTER SEQUENCE ${quoteName(wanted.name)} INCREMENT BY ${row.increment}`),
    );
    live.push({ wanted, increment: row.increment });
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
    await transaction.run(`ALTER SEQUENCE ${name} RESTART WITH ${integer(wanted.lastValue)}`);
    await transaction.rows('SELECT setval(to_regclass($1), $2::text::bigint, $3::text::boolean)', [
      name,
      wanted.lastValue,
      wanted.isCalled,
    ]);
  }
}

async function isBehind(transaction: Transaction, wanted: Sequence, increment: string): Promise<boolean> {
  const [now] = await transaction.rows<{ last: string; called: boolean }>(
    `SELECT last_value::text AS last, is_called AS called FROM ${quoteName(wanted.name)}`,
  );
  const ahead = BigInt(wanted.lastValue) - BigInt(now!.last);
  if (ahead === 0n) return wanted.isCalled && !now!.called;
  return increment.startsWith('-') ? ahead < 0n : ahead > 0n;
}

/** A number of a backup, to stand in SQL text. */
function integer(text: string): string {
  return BigInt(text).toString();
}
