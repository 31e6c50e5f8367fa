import { RestorePointError } from '../../../../core/errors.ts';
import { tableKey } from '../../../../core/names.ts';
import { hasState, state } from '../../connect/errors.ts';
import { quoteIdentifier, quoteList } from '../../connect/identifiers.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { addForeignKeys, dropForeignKeys, foreignKeysToDrop, refuseForeignKeys } from '../foreignKeys.ts';
import { buildIndexes, dropIndexes, findUnique, type LiveIndex } from '../indexes.ts';
import { ownValue } from './chosenColumns.ts';
import { type ChosenStaging, is } from './chosenStaging.ts';

/**
 * Writes what is to be done, all tables in one statement: foreign keys, also those in circles, are looked at when it is
 * over. Deletes come first, so that the values of rows that go are free, then updates, then inserts.
 */
export async function writeRows(transaction: Transaction, stagings: readonly ChosenStaging[]): Promise<void> {
  for (const staging of stagings) await staging.countActions();
  const sql = statementOf(stagings);
  const write = (): Promise<void> =>
    transaction.underOwnPath(async () => {
      for (const { after } of stagings) await transaction.run(`DELETE FROM ${after}`);
      await transaction.run(sql);
    });
  await transaction.attempt(write);
}

/**
 * The same where rows only exchange values that are unique: the final state decides, and not the order in which the server
 * looks at rows. What keeps them apart makes room and is put back, if need be together with the foreign keys that depend
 * on it. Throws the error where that does not help.
 */
export async function writeExchanged(
  transaction: Transaction,
  stagings: readonly ChosenStaging[],
  error: unknown,
): Promise<void> {
  const changing = stagings.filter(({ actions }) => actions.has('u') || actions.has('i'));
  try {
    if (!isClash(error)) throw error;
    return await transaction.attempt(() => writeWithoutIndexes(transaction, stagings, changing, error));
  } catch (second) {
    if (!isClash(second)) throw second;
  }
  const names = changing.map(({ chosen }) => chosen.table.name);
  const targets = new Set(names.map(tableKey));
  const touching = await foreignKeysToDrop(
    transaction,
    names.map((target) => ({ target, key: undefined })),
    'replace',
  );
  const foreignKeys = touching.filter(({ references }) => targets.has(tableKey(references)));
  await refuseForeignKeys(transaction, foreignKeys).catch(() => {
    throw error;
  });
  await transaction.attempt(async () => {
    await dropForeignKeys(transaction, foreignKeys);
    await writeWithoutIndexes(transaction, stagings, changing, error);
    await addForeignKeys(transaction, foreignKeys, targets, new Set());
  });
}

function isClash(error: unknown): boolean {
  return (
    RestorePointError.is(error) &&
    hasState(error.details.cause, state.uniqueViolation, state.exclusionViolation)
  );
}

async function writeWithoutIndexes(
  transaction: Transaction,
  stagings: readonly ChosenStaging[],
  changing: readonly ChosenStaging[],
  error: unknown,
): Promise<void> {
  const indexes: LiveIndex[] = [];
  for (const { chosen } of changing) indexes.push(...(await findUnique(transaction, chosen.table.name)));
  if (indexes.length === 0) throw error;
  await dropIndexes(transaction, indexes);
  await writeRows(transaction, stagings);
  await buildIndexes(transaction, indexes);
}

function statementOf(stagings: readonly ChosenStaging[]): string {
  const parts: string[] = [];
  const [deleted, updated]: [string[], string[]] = [[], []];
  const numbered = [...stagings.entries()];
  for (const [number, staging] of numbered.toReversed()) {
    if (!staging.actions.has('d')) continue;
    parts.push(
      `d${number} AS (DELETE FROM ${staging.only} target USING ${staging.found} f
         WHERE target.ctid ${is} f.id AND f.action ${is} 'd' RETURNING 1)`,
    );
    deleted.push(`(SELECT pg_catalog.count(*) FROM d${number})`);
  }
  parts.push(`deleted AS (SELECT ${sum(deleted)} AS n)`);
  for (const [number, staging] of numbered) {
    const sql = staging.actions.has('u') ? updateOf(staging) : undefined;
    if (sql === undefined) continue;
    parts.push(
      `u${number} AS (${sql})`,
      `ua${number} AS (INSERT INTO ${staging.after} SELECT * FROM u${number})`,
    );
    updated.push(`(SELECT pg_catalog.count(*) FROM u${number})`);
  }
  parts.push(`updated AS (SELECT ${sum(updated)} AS n)`);
  for (const [number, staging] of numbered) {
    if (!staging.actions.has('i')) continue;
    parts.push(
      `i${number} AS (${insertOf(staging)})`,
      `ia${number} AS (INSERT INTO ${staging.after} SELECT * FROM i${number})`,
    );
  }
  return `WITH ${parts.join(',\n')} SELECT n FROM deleted`;
}

function sum(counts: readonly string[]): string {
  return counts.length === 0 ? '0' : counts.join(' OPERATOR(pg_catalog.+) ');
}

function updateOf(staging: ChosenStaging): string | undefined {
  const { settable, chosen, only, found, rows } = staging;
  if (settable.length === 0) return undefined;
  const assignments = settable.map((place) => `${quoteIdentifier(chosen.columns[place]!)} = w.c${place}`);
  return `UPDATE ${only} target SET ${assignments.join(', ')}
            FROM ${found} f JOIN ${rows} w ON w.place ${is} f.place AND w.wanted
           WHERE target.ctid ${is} f.id AND f.action ${is} 'u' AND (SELECT n FROM deleted) IS NOT NULL
          RETURNING ${['f.place', 'target.ctid AS id', ...returned(staging)].join(', ')}`;
}

function insertOf(staging: ChosenStaging): string {
  const { chosen, target, found, rows } = staging;
  const values = chosen.columns.map((_, place) => `w.c${place}`);
  const into = values.length === 0 ? '' : ` (${quoteList(chosen.columns)}) OVERRIDING SYSTEM VALUE`;
  return `INSERT INTO ${target} AS target${into}
          SELECT ${values.join(', ')}
            FROM ${found} f JOIN ${rows} w ON w.place ${is} f.place AND w.wanted
           WHERE f.action ${is} 'i' AND (SELECT n FROM updated) IS NOT NULL
           ORDER BY f.place
          RETURNING ${['NULL::pg_catalog.int8 AS place', 'target.ctid AS id', ...returned(staging)].join(', ')}`;
}

function returned({ columns }: ChosenStaging): string[] {
  return columns.data.map((column, index) => `${ownValue(column, 'target')} AS c${index}`);
}
