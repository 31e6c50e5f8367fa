import { tableKey, type TableName } from '../../../core/names.ts';
import type { Transaction } from '../connect/transaction.ts';
import { copyQueryOut, copyRowsOut, ExactColumns, selectRows } from '../rows/selectRows.ts';
import { loadUsersRows } from '../schema/extensionTables.ts';

export interface TableSize {
  /** About; below 0 when the server has no idea. */
  readonly rows: number;
  readonly bytes: number;
}

/** The values that are read of each row. */
export interface RowParts {
  readonly columns: readonly string[];
  /** SQL of what follows. */
  readonly expressions: readonly string[];
}

/** Reads rows of tables as a backup does, byte for byte. */
export class TableReading {
  readonly transaction: Transaction;
  readonly #exact: ExactColumns;
  readonly #usersRows: ReadonlyMap<string, string>;
  readonly #sizes: ReadonlyMap<string, TableSize>;

  private constructor(
    transaction: Transaction,
    exact: ExactColumns,
    usersRows: ReadonlyMap<string, string>,
    sizes: ReadonlyMap<string, TableSize>,
  ) {
    this.transaction = transaction;
    this.#exact = exact;
    this.#usersRows = usersRows;
    this.#sizes = sizes;
  }

  /** `sizes`: those of these tables, in their order. */
  static async begin(
    transaction: Transaction,
    names: readonly TableName[],
    sizes: readonly TableSize[],
  ): Promise<TableReading> {
    const exact = await ExactColumns.load(transaction, names);
    const byName = new Map(names.map((name, index) => [tableKey(name), sizes[index]!]));
    return new TableReading(transaction, exact, await loadUsersRows(transaction), byName);
  }

  size(table: TableName): TableSize {
    return this.#sizes.get(tableKey(table)) ?? { rows: -1, bytes: 0 };
  }

  /** Gives all rows that a backup would have. When `take` throws, the transaction goes on. */
  copy(
    table: TableName,
    { columns, expressions }: RowParts,
    take: (piece: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const where = this.#usersRows.get(tableKey(table));
    const rows = { table, columns, expressions, exact: this.#exact, where };
    return this.transaction.attempt(() =>
      // COPY of a table without a list of columns reads them all.
      columns.length === 0
        ? copyQueryOut(this.transaction, table, selectRows(this.transaction, rows), take)
        : copyRowsOut(this.transaction, rows, take),
    );
  }
}
