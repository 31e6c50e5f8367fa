import type { TableName } from '../../core/names.ts';
import { compileQuery, tableModel } from '../tableModel.ts';
import { quoteIdentifier, quoteName } from './identifiers.ts';
import type { Transaction } from './transaction.ts';

/** The rows of one table as a query for COPY: its Objection model says which. */
export async function selectRows(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
  where?: string,
): Promise<string> {
  const model = tableModel(transaction.database.knex, {
    // Rows of tables that inherit from this one are theirs.
    from: `ONLY ${quoteName(table)}`,
    columns: await exactColumns(transaction, table, columns),
  });
  return compileQuery(model.rows(where)).sql;
}

/**
 * Columns as SQL that gives every byte: of an XML value the server would otherwise leave out its declaration. The
 * same expressions have to be read when rows are compared.
 */
export async function exactColumns(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
  alias?: string,
): Promise<string[]> {
  const rows = await transaction.rows<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND atttypid = 'xml'::regtype`,
    [quoteName(table)],
  );
  const xml = new Set(rows.map(({ name }) => name));
  return columns.map((name) => {
    const column = `${alias === undefined ? '' : `${alias}.`}${quoteIdentifier(name)}`;
    return xml.has(name) ? `${column}::text` : column;
  });
}
