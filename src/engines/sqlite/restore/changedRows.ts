import { randomUUID } from 'node:crypto';
import { type CatalogTable, dataColumnNames, hiddenRowid, uniqueKeyOver } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { matchByTargetKey } from '../rows/comparedTables.ts';
import { copiedColumns, quoteList } from '../rows/copyRows.ts';
import { foldName, quote, quoteTable, sameName } from '../connect/identifiers.ts';
import {
  backupAlias,
  backupSchema,
  type RowMatch,
  sameRow,
  targetAlias,
  type TablePair,
} from '../rows/rowComparison.ts';

/**
 * The rows of a table that a merge changes. SQLite checks unique values row by row, and values may move from one row to
 * another: so these rows leave the table together, and come back as the merge makes them. What the backup does not hold
 * (further columns, rowids) stays as it was. The triggers of the table have to be gone, and foreign keys off.
 */
export class ChangedRows {
  readonly #connection: Connection;
  readonly #pair: TablePair;
  /** The temporary table that holds them. */
  readonly #held: string;
  /** The names of the table's columns there, and of the rowid if no column is the rowid. */
  readonly #columns: ReadonlyMap<string, string>;

  private constructor(connection: Connection, pair: TablePair) {
    this.#connection = connection;
    this.#pair = pair;
    this.#held = quote(`restore_point_changed_${randomUUID()}`);
    this.#columns = new Map(dataColumnNames(pair.target).map((name, index) => [name, `c${index}`]));
  }

  /** Undefined where the rows may change in place. Throws SQLite's errors, `cancelled`. */
  static async takeOut(
    connection: Connection,
    pair: TablePair,
    signal?: AbortSignal,
  ): Promise<ChangedRows | undefined> {
    const match = matchByTargetKey(pair, pair.plan.key ?? []);
    if (!match || !hasSeveralKeys(pair.target)) return undefined;
    const rows = new ChangedRows(connection, pair);
    await rows.#takeOut(match.toSecond, signal);
    return rows;
  }

  async #takeOut(match: RowMatch, signal?: AbortSignal): Promise<void> {
    const { target, backup, plan } = this.#pair;
    const to = this.#names();
    const fromBackup = (name: string): boolean => plan.columns.some((column) => sameName(column, name));
    const values = [...this.#columns.keys()].map(
      (name) => `+${fromBackup(name) ? backupAlias : targetAlias}.${quote(name)}`,
    );
    const rowid = hiddenRowid(target);
    if (rowid !== undefined) values.unshift(`${targetAlias}.${quote(rowid)}`);
    await this.#connection.run(`CREATE TEMP TABLE ${this.#held} (${[...this.#columns.values()].join(', ')})`);
    await this.#connection.run(
      // Where two rows of the backup are one row here, the verification says so.
      `INSERT OR IGNORE INTO temp.${this.#held} (${to.join(', ')})
       SELECT ${values.join(', ')} FROM ${quoteTable(backupSchema, backup.name)} AS ${backupAlias}
       JOIN ${quoteTable('main', target.name)} AS ${targetAlias} ON ${match.condition}
       WHERE NOT ${sameRow(this.#pair, targetAlias, backupAlias)}`,
      [],
      signal,
    );
    const key = plan.key ?? [];
    const collations = uniqueKeyOver(target, key);
    const compared = key.map(
      (name) => `${quote(name)} COLLATE ${quote(collations?.get(foldName(name)) ?? '')}`,
    );
    await this.#connection.run(
      `DELETE FROM ${quoteTable('main', target.name)}
       WHERE (${compared.join(', ')}) IN (SELECT ${this.#heldAs(key)} FROM temp.${this.#held})`,
      [],
      signal,
    );
  }

  /** Resolves to how many. Of the rows of the backup that `range` leaves, where it is given. */
  async putBack(signal?: AbortSignal, range?: string): Promise<number> {
    const { target, backup, plan } = this.#pair;
    const into = copiedColumns(target);
    const key = plan.key ?? [];
    const backupKey = key.map((name) => `+${backupAlias}.${quote(name)}`).join(', ');
    const where = range
      ? `WHERE (${this.#heldAs(key)}) IN
           (SELECT ${backupKey} FROM ${quoteTable(backupSchema, backup.name)} AS ${backupAlias} ${range})`
      : '';
    return await this.#connection.run(
      `INSERT OR ABORT INTO ${quoteTable('main', target.name)} (${quoteList(into)})
       SELECT ${this.#names().join(', ')} FROM temp.${this.#held} ${where}`,
      [],
      signal,
    );
  }

  async forget(): Promise<void> {
    await this.#connection.run(`DROP TABLE temp.${this.#held}`);
  }

  #names(): string[] {
    return [...(hiddenRowid(this.#pair.target) === undefined ? [] : ['rowid']), ...this.#columns.values()];
  }

  #heldAs(names: readonly string[]): string {
    const find = (name: string): string =>
      [...this.#columns].find(([column]) => sameName(column, name))?.[1] ?? quote(name);
    return names.map(find).join(', ');
  }
}

/** Whether other values than those of one key must be unique. */
function hasSeveralKeys({ rowidColumn, indexes }: CatalogTable): boolean {
  return indexes.filter(({ unique }) => unique).length + (rowidColumn === undefined ? 0 : 1) > 1;
}
