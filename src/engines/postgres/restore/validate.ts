import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import { hasState, isServerError, state } from '../connect/errors.ts';
import { quoteIdentifier, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** A constraint that all rows have to fulfil. */
export interface Validation {
  /** The statement that looks at them. */
  readonly sql: string;
  /** The check constraint of a table or a domain, to find the row that violates it. */
  readonly definition: string;
}

const cursor = 'restore_point_row';

/** Looks at all rows under the user's own search path. Throws `database` with the first one that breaks the constraint. */
export async function validateRows(transaction: Transaction, { sql, definition }: Validation): Promise<void> {
  try {
    await transaction.attempt(() => transaction.underOwnPath(() => transaction.run(sql)));
  } catch (error) {
    if (!RestorePointError.is(error) || !isServerError(error.cause)) throw error;
    const { schema, table: name, column } = error.cause;
    if (!hasState(error.cause, state.checkViolation) || !schema || !name) throw error;
    const table = { schema, name };
    // The server names a column for the constraint of a domain alone.
    const ofTable = column === undefined ? definition : withColumn(definition, column);
    const row = await breakingRow(transaction, table, ofTable);
    if (row === undefined) throw error;
    throw new RestorePointError('database', `${error.message}: ${row}`, {
      ...error.details,
      place: { ...error.details.place, table: formatTableName(table) },
      next: 'Also restore the table that it references, or make the constraint NOT VALID first.',
    });
  }
}

/** The check of a domain, as the server writes it, of the values of a column. */
function withColumn(definition: string, column: string): string {
  return definition.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\bVALUE\b/g, (token) =>
    token === 'VALUE' ? quoteIdentifier(column) : token,
  );
}

/** The cursor is read under the empty path, as the text was written, and its rows are found under the user's own. */
async function breakingRow(
  transaction: Transaction,
  table: TableName,
  definition: string,
): Promise<string | undefined> {
  const condition = /^CHECK \(([^]*)\)(?: NO INHERIT)?(?: NOT VALID)?$/.exec(definition)?.[1];
  const key = await transaction.rows<{ name: string }>(keyQuery, [quoteName(table)]);
  if (condition === undefined || key.length === 0) return undefined;
  const names = key.map(({ name }) => quoteIdentifier(name)).join(', ');
  const find = async (): Promise<{ key: string }[]> => {
    await transaction.run(
      `DECLARE ${cursor} NO SCROLL CURSOR FOR SELECT ROW(${names})::pg_catalog.text AS key
         FROM ONLY ${quoteName(table)} WHERE NOT (${condition})`,
    );
    return transaction.underOwnPath(() => transaction.fetch<{ key: string }>(cursor, 1));
  };
  const rows = await transaction.attempt(find, { undo: true }).catch((error: unknown) => {
    if (!RestorePointError.is(error, 'database')) throw error;
    return [];
  });
  return rows[0] && `the row with (${key.map(({ name }) => name).join(', ')}) = ${rows[0].key}`;
}

const keyQuery = `
  SELECT a.attname AS name
    FROM pg_index i
   CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = to_regclass($1) AND i.indisprimary
   ORDER BY k.place`;
