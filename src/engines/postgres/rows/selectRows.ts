import { tableKey, type TableName } from '../../../core/names.ts';
import { compileQuery, tableModel } from '../../tableModel.ts';
import { withRowsPath } from './condition.ts';
import { quoteIdentifier, quoteList, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

export interface RowsToCopy {
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly exact: ExactColumns;
  readonly where?: string | undefined;
  /** SQL of what is read after the columns. */
  readonly expressions?: readonly string[];
}

type Take = (piece: Uint8Array) => void | Promise<void>;

/** The statement that reads all rows of a table, without the planner, which would look into functions of its indexes. */
export function copyTable(table: TableName, columns: readonly string[]): string {
  const list = columns.length > 0 ? ` (${quoteList(columns)})` : '';
  return `COPY ${quoteName(table)}${list} TO STDOUT`;
}

/** Reads rows of one table. */
export function copyRowsOut(transaction: Transaction, rows: RowsToCopy, take: Take): Promise<void> {
  const { table, columns, exact, where, expressions = [] } = rows;
  if (where === undefined && expressions.length === 0 && !exact.differ(table)) {
    return transaction.copyOut(copyTable(table, columns), take);
  }
  return copyQueryOut(transaction, table, selectRows(transaction, rows), take);
}

/** Reads rows of a query over one table. */
export function copyQueryOut(
  transaction: Transaction,
  table: TableName,
  query: string,
  take: Take,
): Promise<void> {
  return withRowsPath(transaction, table, () => transaction.copyOut(`COPY (${query}) TO STDOUT`, take));
}

/** The rows of one table as a query for COPY: its Objection model says which. */
export function selectRows(
  transaction: Transaction,
  { table, columns, exact, where, expressions = [] }: RowsToCopy,
): string {
  const model = tableModel(transaction.database.knex, {
    // Rows of tables that inherit from this one are theirs.
    from: `ONLY ${quoteName(table)}`,
    columns: [...exact.of(table, columns), ...expressions],
  });
  return compileQuery(model.rows(where)).sql;
}

/**
 * Columns as SQL that gives every byte: of an XML value the server would otherwise leave out its declaration. The
 * same expressions have to be read when rows are compared.
 */
export class ExactColumns {
  /** By the table's key. */
  readonly #xml: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(xml: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#xml = xml;
  }

  /** Finds the columns for which this is true, in existing tables that no longer change. */
  static async load(transaction: Transaction, tables: readonly TableName[]): Promise<ExactColumns> {
    const keys = new Map(tables.map((table) => [quoteName(table), tableKey(table)]));
    const rows = await transaction.rows<{ table: string; columns: string[] }>(
      `SELECT x.name AS table, json_agg(a.attname) AS columns
         FROM json_array_elements_text($1::json) x (name)
         JOIN pg_attribute a ON a.attrelid = to_regclass(x.name) AND a.atttypid = 'xml'::regtype
        GROUP BY x.name`,
      [JSON.stringify([...keys.keys()])],
    );
    return new ExactColumns(new Map(rows.map(({ table, columns }) => [keys.get(table)!, new Set(columns)])));
  }

  /** Whether they are read as expressions. */
  differ(table: TableName): boolean {
    return this.#xml.has(tableKey(table));
  }

  of(table: TableName, columns: readonly string[], alias?: string): string[] {
    const xml = this.#xml.get(tableKey(table));
    return columns.map((name) => {
      const column = `${alias === undefined ? '' : `${alias}.`}${quoteIdentifier(name)}`;
      return xml?.has(name) ? `${column}::pg_catalog.text` : column;
    });
  }
}
