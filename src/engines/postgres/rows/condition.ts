import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import { hasState } from '../connect/errors.ts';
import { quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** A user's condition on the rows of a table. */
export interface Condition {
  readonly table: TableName;
  readonly where: string;
}

/**
 * Throws `usage` when the condition is not one boolean expression. It is tried between brackets and between
 * parentheses: what leaves one of them is no SQL in the other. Nothing of it is run, and the protocol refuses a second
 * statement.
 */
export async function checkCondition(transaction: Transaction, condition: Condition): Promise<void> {
  const { table, where } = condition;
  const from = `FROM ONLY ${quoteName(table)}`;
  await refuseHidden(transaction, table);
  try {
    await withRowsPath(transaction, table, async () => {
      await transaction.parse(`SELECT ARRAY[${where}\n] ${from}`);
      await transaction.parse(`SELECT 1 ${from} WHERE (${where}\n)`);
    });
  } catch (error) {
    if (!RestorePointError.is(error, 'database')) throw error;
    throw new RestorePointError('usage', `The condition cannot be used: ${error.message}`, {
      place: { table: formatTableName(table) },
      next: hasState(error.cause, '42P01', '42883', '42704', '3F000')
        ? 'You can qualify the names of functions, tables and types with their schema.'
        : 'Write a condition as it would follow WHERE.',
      cause: error.cause,
    });
  }
}

/** Where row-level security is active, the server refuses any condition: it is not the condition's fault. */
async function refuseHidden(transaction: Transaction, table: TableName): Promise<void> {
  const [row] = await transaction.rows<{ hidden: boolean | null }>(
    'SELECT row_security_active(to_regclass($1)) AS hidden',
    [quoteName(table)],
  );
  if (row?.hidden !== true) return;
  throw new RestorePointError('refused', 'Row-level security may hide some of its rows from this user', {
    place: { table: formatTableName(table) },
    next: 'Use its owner or a role with BYPASSRLS.',
  });
}

/**
 * Runs `work` under the path under which a query reads a table's rows: the user's own, so that a condition may name
 * things as the user does; but an empty one for a table whose values would be written otherwise with another path
 * (`regclass` and its like).
 */
export async function withRowsPath<Result>(
  transaction: Transaction,
  table: TableName,
  work: () => Promise<Result>,
): Promise<Result> {
  if (await valuesDependOnPath(transaction, table)) return work();
  return transaction.underOwnPath(work);
}

/** Whether a column's type writes names of objects: with the search path set, they would have no schema. */
async function valuesDependOnPath(transaction: Transaction, table: TableName): Promise<boolean> {
  const [row] = await transaction.rows<{ found: boolean }>(
    `WITH RECURSIVE used AS (
       SELECT a.atttypid AS oid FROM pg_attribute a
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
       UNION
       SELECT x.oid
         FROM used u
         JOIN pg_type t ON t.oid = u.oid
         LEFT JOIN pg_range r ON r.rngtypid = t.oid OR r.rngmultitypid = t.oid
         LEFT JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
        CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype), (r.rngsubtype), (a.atttypid)) x (oid)
        WHERE x.oid <> 0)
     SELECT EXISTS (SELECT FROM used u JOIN pg_type t ON t.oid = u.oid
                     WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typname ~ '^reg') AS found`,
    [quoteName(table)],
  );
  return row!.found;
}
