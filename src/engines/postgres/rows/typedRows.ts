import { rowKey, type Table } from '../../../core/schema.ts';
import type { Row, RowQuery } from '../../../core/values.ts';
import { withRowsPath } from './condition.ts';
import { quoteIdentifier, quoteList, quoteLiteral } from '../connect/identifiers.ts';
import { ExactColumns, selectRows } from './selectRows.ts';
import type { Transaction } from '../connect/transaction.ts';
import type { ReadValue, ValueTypes } from './typedValues.ts';

export interface TableToRead {
  readonly table: Table;
  /** Columns in the order of the values. */
  readonly columns: readonly string[];
  /** A user's condition, which was checked. */
  readonly where: string | undefined;
  readonly types: ValueTypes;
}

/** About how many bytes a page of rows takes, and how many rows it has at most. */
const pageBytes = 4 << 20;
const pageRows = 1_000;
const firstPageRows = 100;

const cursor = 'restore_point_rows';

/** Reads rows through a cursor, in the order of the key where the table has one. */
export async function* readTypedRows(
  transaction: Transaction,
  source: TableToRead,
  query: RowQuery,
): AsyncGenerator<readonly Row[]> {
  const { name } = source.table;
  const sql = await selectSql(transaction, source, query);
  const readers = source.types.readers(source.columns.map((column) => typeOf(source.table, column)));
  // Functions of a condition, or of a type, run when rows are fetched: both have the same path.
  await withRowsPath(transaction, name, () =>
    transaction.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`),
  );
  let size = firstPageRows;
  let failed = false;
  try {
    for (;;) {
      const found = await withRowsPath(transaction, name, () =>
        transaction.fetch<Record<string, string | null>>(cursor, size),
      );
      if (found.length > 0) yield found.map((row) => readValues(row, readers, query.longest));
      if (found.length < size) break;
      size = Math.max(1, Math.min(pageRows, 2 * size, Math.floor((pageBytes * size) / bytesOf(found))));
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    // After an error the transaction takes no statement, and nothing is left of the cursor.
    if (!failed) await transaction.run(`CLOSE ${cursor}`);
  }
}

async function selectSql(
  transaction: Transaction,
  { table, columns, where }: TableToRead,
  query: RowQuery,
): Promise<string> {
  const exact = await ExactColumns.load(transaction, [table.name]);
  const terms = [
    ...(where === undefined ? [] : [`(${where}\n)`]),
    ...(query.where ?? []).map(
      ({ column, text }) => `${quoteIdentifier(column)} = ${literalOf(typeOf(table, column), text)}`,
    ),
  ];
  const condition = terms.length === 0 ? undefined : terms.join(' AND ');
  const key = rowKey(table) ?? [];
  return [
    selectRows(transaction, { table: table.name, columns, exact, where: condition }),
    ...(key.length === 0 ? [] : [`ORDER BY ${quoteList(key)}`]),
    ...(query.limit === undefined ? [] : [`LIMIT ${query.limit}`]),
    ...(query.after === undefined ? [] : [`OFFSET ${query.after}`]),
  ].join(' ');
}

/** See `valueText`: bytes are the one kind whose text the server would read otherwise. */
function literalOf(type: string, text: string): string {
  const bytes = type === 'bytea' ? /^x'([0-9A-F]*)'$/i.exec(text)?.[1] : undefined;
  return quoteLiteral(bytes === undefined ? text : `\\x${bytes}`);
}

function typeOf({ columns }: Table, column: string): string {
  return columns.find(({ name }) => name === column)?.type ?? '';
}

function readValues(
  row: Record<string, string | null>,
  readers: readonly ReadValue[],
  longest = Infinity,
): Row {
  return readers.map((read, index) => {
    const text = row[`c${index}`] ?? null;
    if (text === null) return null;
    if (text.length <= longest) return read(text);
    return { kind: 'other', text: text.slice(0, longest), cutFrom: text.length };
  });
}

function bytesOf(rows: readonly Record<string, string | null>[]): number {
  return rows.reduce(
    (sum, row) => sum + Object.values(row).reduce((length, text) => length + (text?.length ?? 4), 8),
    0,
  );
}
