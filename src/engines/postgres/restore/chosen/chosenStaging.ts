import type { ChosenTable } from '../../../../core/chosenRows.ts';
import { RestorePointError } from '../../../../core/errors.ts';
import { formatTableName } from '../../../../core/names.ts';
import { hasState, state } from '../../connect/errors.ts';
import { quoteIdentifier, quoteName } from '../../connect/identifiers.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { checkCondition, withRowsPath } from '../../rows/condition.ts';
import { alwaysIdentities, type KeyOperator, loadKeyOperators } from '../staging.ts';
import { type ChosenColumn, type ChosenColumns, imageOf, ownValue } from './chosenColumns.ts';
import { type CameRows, copyLines } from './copyLines.ts';

/** SQL: a comparison that no search path changes. */
export const is = 'OPERATOR(pg_catalog.=)';

export type Action = 'i' | 'u' | 'd';

/** The name of the column that numbers rows, beside columns with the names of a table's own. */
export const placeName = '"restore point: place"';

/**
 * The temporary tables in which the chosen rows of one table wait. All end with the transaction. Rows are numbered from 1,
 * and columns named by their places.
 *
 * - `rows`: what was seen and what is wanted, each as a row;
 * - `before`: what the database has in their places, also what it generates, with the place in the table (`id`);
 * - `found`: for each row what is to be done (`action`: i, u, d), and what speaks against it;
 * - `after`: what was written.
 */
export class ChosenStaging {
  readonly chosen: ChosenTable;
  readonly columns: ChosenColumns;
  readonly came: CameRows = { rows: 0, inserts: false, updates: false, deletes: false };
  readonly rows: string;
  readonly before: string;
  readonly found: string;
  readonly after: string;
  readonly probe: string;
  /** The table, quoted, and SQL for its rows without those of tables that inherit from it. */
  readonly target: string;
  readonly only: string;
  readonly #transaction: Transaction;
  #key: readonly KeyOperator[] = [];
  #actions: ReadonlySet<Action> = new Set();
  /** Columns of the key that cannot be set. */
  #fixed: ReadonlySet<string> = new Set();

  constructor(transaction: Transaction, chosen: ChosenTable, number: number, columns: ChosenColumns) {
    const name = (what: string): string => `pg_temp.${quoteIdentifier(`restore_point_${what}_${number}`)}`;
    this.#transaction = transaction;
    this.chosen = chosen;
    this.columns = columns;
    this.rows = name('rows');
    this.before = name('before');
    this.found = name('found');
    this.after = name('after');
    this.probe = name('probe');
    this.target = quoteName(chosen.table.name);
    this.only = `ONLY ${this.target}`;
  }

  /** How many columns rows were chosen with: the first ones of all. */
  get width(): number {
    return this.chosen.columns.length;
  }

  /** All columns, in the order of \`before\`. */
  get all(): readonly ChosenColumn[] {
    return [...this.columns.data, ...this.columns.generated];
  }

  /** The names of the columns of the key. */
  get keyNames(): readonly string[] {
    return (this.chosen.key ?? []).map((place) => this.chosen.columns[place]!);
  }

  /** The chosen columns that an UPDATE sets, by their places. */
  get settable(): readonly number[] {
    return this.chosen.columns.flatMap((name, index) => (this.#fixed.has(name) ? [] : [index]));
  }

  /** What is to be done to any of the rows. */
  get actions(): ReadonlySet<Action> {
    return this.#actions;
  }

  async countActions(): Promise<void> {
    const rows = await this.#transaction.rows<{ action: Action }>(
      `SELECT DISTINCT action FROM ${this.found} WHERE action IS NOT NULL`,
    );
    this.#actions = new Set(rows.map(({ action }) => action));
  }

  /** Takes the rows in. Locks nothing that others use: the rows may be read from the same database. */
  async take(anyBytes: boolean): Promise<void> {
    const chosen = this.columns.data.slice(0, this.width);
    const list = chosen.map(({ type, collate }, index) => `, c${index} ${type}${collate}`);
    const transaction = this.#transaction;
    await transaction.run(
      `CREATE TEMPORARY TABLE ${this.rows} (place int8 NOT NULL, wanted bool NOT NULL, base bool NOT NULL${list.join('')})
         ON COMMIT DROP`,
    );
    try {
      await transaction.copyIn(`COPY ${this.rows} FROM STDIN`, copyLines(this.chosen, this.came, anyBytes));
    } catch (error) {
      throw this.#inColumn(error);
    }
  }

  /** Finds out what is there in the places of the rows, which others cannot change any more. */
  async match(): Promise<void> {
    const { chosen } = this;
    if (chosen.key) await this.#loadKey();
    if (chosen.where !== undefined) await this.#choose(chosen.where);
    await this.#index();
    const transaction = this.#transaction;
    await transaction.underOwnPath(async () => {
      await transaction.run(`CREATE TEMPORARY TABLE ${this.before} ON COMMIT DROP AS ${this.#beforeQuery()}`);
      await transaction.run(`CREATE TEMPORARY TABLE ${this.found} ON COMMIT DROP AS ${this.#foundQuery()}`);
      const after = this.columns.data.map((_, index) => `, c${index}`);
      await transaction.run(
        `CREATE TEMPORARY TABLE ${this.after} ON COMMIT DROP AS
           SELECT place, id${after.join('')} FROM ${this.before} WITH NO DATA`,
      );
    });
    for (const table of [this.before, this.found]) {
      await transaction.run(
        `CREATE INDEX ON ${table} (place); CREATE INDEX ON ${table} (id); ANALYZE ${table}`,
      );
    }
  }

  /** SQL: the key of the row `target` of the table is that of the staged row. */
  keyMatches(staged: string): string {
    return this.#key
      .map(({ column, operator, base }) => {
        const place = this.chosen.columns.indexOf(column);
        return `target.${quoteIdentifier(column)}${base} OPERATOR(${operator}) ${staged}.c${place}`;
      })
      .join(' AND ');
  }

  /** SQL: a staged row's chosen values as one text. */
  image(alias: string): string {
    return imageOf(this.columns.data.slice(0, this.width), (index) => `${alias}.c${index}`);
  }

  /** SQL: the same of a row of the table. */
  ownImage(alias: string): string {
    const columns = this.columns.data.slice(0, this.width);
    return imageOf(columns, (index) => ownValue(columns[index]!, alias));
  }

  /** SQL: the table's values, as they are staged. */
  ownValues(alias: string): string[] {
    return this.all.map((column, index) => `${ownValue(column, alias)} AS c${index}`);
  }

  /**
   * SQL: the rows as they will be, under the names of the table's columns: those to be inserted and updated. What columns
   * get by default is NULL.
   */
  final(): string {
    const values = this.columns.data.map(({ name }, index) => {
      return `${index < this.width ? 'w' : 'b'}.c${index} AS ${quoteIdentifier(name)}`;
    });
    return this.#withGenerated(
      `SELECT ${[`f.place AS ${placeName}`, ...values].join(', ')}
         FROM ${this.found} f
         JOIN ${this.rows} w ON w.place ${is} f.place AND w.wanted
         LEFT JOIN ${this.before} b ON b.place ${is} f.place
        WHERE f.action ${is} ANY ('{i,u}')`,
    );
  }

  #withGenerated(query: string): string {
    const names = this.columns.data.map(({ name }) => `x.${quoteIdentifier(name)}`);
    const generated = this.columns.generated.map(
      ({ name, type, expression }) => `(${expression!})::${type} AS ${quoteIdentifier(name)}`,
    );
    const list = [`x.${placeName}`, ...names, ...generated];
    return `SELECT ${list.join(', ')} FROM (${query}) x`;
  }

  async #loadKey(): Promise<void> {
    const { table } = this.chosen;
    const key = this.keyNames;
    const operators = await loadKeyOperators(this.#transaction, table.name, key);
    if (!operators) {
      throw new RestorePointError('usage', `It has no unique index on its key (${key.join(', ')})`, {
        place: { table: formatTableName(table.name) },
      });
    }
    this.#key = operators;
    this.#fixed = await alwaysIdentities(this.#transaction, { target: table.name, key });
  }

  /** Drops the rows for which a condition of the user's does not hold. */
  async #choose(where: string): Promise<void> {
    const { table } = this.chosen;
    await checkCondition(this.#transaction, { table: table.name, where });
    const values = this.chosen.columns.map((name, index) => `r.c${index} AS ${quoteIdentifier(name)}`);
    const rows = `SELECT ${[`r.place AS ${placeName}`, ...values].join(', ')} FROM ${this.rows} r WHERE r.base`;
    // Without the other columns, what is generated from them is not known.
    const known = this.chosen.otherColumns.length === 0 ? this.#withGenerated(rows) : rows;
    const alias = quoteIdentifier(table.name.name);
    try {
      await withRowsPath(this.#transaction, table.name, () =>
        this.#transaction.run(
          `DELETE FROM ${this.rows} d WHERE NOT EXISTS (
             SELECT FROM (SELECT ${placeName} AS place FROM (${known}) ${alias} WHERE (${where}\n)) k
              WHERE k.place ${is} d.place)`,
        ),
      );
    } catch (error) {
      if (!RestorePointError.is(error, 'database')) throw error;
      throw new RestorePointError('usage', `The condition cannot be used: ${error.message}`, {
        place: { table: formatTableName(table.name) },
        next: 'Write a condition on the columns of the chosen rows, without the name of a schema before them.',
        cause: error.details.cause,
      });
    }
  }

  async #index(): Promise<void> {
    const transaction = this.#transaction;
    const place = { table: formatTableName(this.chosen.table.name) };
    await transaction.run(`CREATE INDEX ON ${this.rows} (place)`);
    if (this.#key.length > 0) {
      const key = this.#key.map(({ column, operatorClass }) => {
        return `c${this.chosen.columns.indexOf(column)} ${operatorClass}`;
      });
      try {
        await transaction.run(`CREATE UNIQUE INDEX ON ${this.rows} (${key.join(', ')}) WHERE base`);
      } catch (error) {
        if (!RestorePointError.is(error) || !hasState(error.details.cause, state.uniqueViolation))
          throw error;
        throw new RestorePointError('usage', 'Two of the chosen rows have the same key', { place });
      }
      const same = this.#key.map(({ column, operator }) => {
        const index = this.chosen.columns.indexOf(column);
        return `s.c${index} OPERATOR(${operator}) w.c${index}`;
      });
      const [other] = await transaction.rows<{ place: number }>(
        `SELECT s.place FROM ${this.rows} s JOIN ${this.rows} w ON w.place = s.place AND w.wanted AND NOT s.wanted
          WHERE (${same.join(' AND ')}) IS NOT TRUE LIMIT 1`,
      );
      if (other) {
        throw new RestorePointError('usage', 'The key of the chosen row is not the one that was seen', {
          place: { ...place, row: other.place },
        });
      }
    }
    await transaction.run(`ANALYZE ${this.rows}`);
  }

  #beforeQuery(): string {
    const values = this.ownValues('target').map((value) => `, ${value}`);
    const own = `target.ctid AS id${values.join('')}`;
    if (this.chosen.key) {
      return `SELECT s.place, ${own} FROM ${this.rows} s JOIN ${this.only} target ON ${this.keyMatches('s')}
               WHERE s.base`;
    }
    // Of rows that are the same, as many as were seen.
    const staged = this.all.map((_, index) => `, t.c${index}`);
    return `WITH seen AS MATERIALIZED (
              SELECT x.place, x.image,
                     pg_catalog.row_number() OVER (PARTITION BY x.image ORDER BY x.place) AS turn
                FROM (SELECT r.place, ${this.image('r')} AS image FROM ${this.rows} r WHERE NOT r.wanted) x),
            own AS (
              SELECT x.*, pg_catalog.row_number() OVER (PARTITION BY x.image ORDER BY x.id) AS turn
                FROM (SELECT ${own}, ${this.ownImage('target')} AS image FROM ${this.only} target) x
               WHERE x.image ${is} ANY (SELECT image FROM seen))
            SELECT s.place, t.id${staged.join('')}
              FROM seen s JOIN own t ON t.image ${is} s.image AND t.turn ${is} s.turn`;
  }

  #foundQuery(): string {
    const [before, seen, wanted] = ['b', 's', 'w'].map((alias) => this.image(alias)) as [
      string,
      string,
      string,
    ];
    return `
      SELECT x.place, x.id,
             CASE WHEN x.same THEN NULL WHEN x.id IS NULL THEN 'i' WHEN NOT x.wanted THEN 'd' ELSE 'u' END AS action,
             CASE WHEN x.same THEN NULL
                  WHEN x.id IS NULL THEN CASE WHEN x.seen THEN 'gone' END
                  WHEN NOT x.seen THEN 'there'
                  WHEN NOT x.as_seen THEN 'changed' END AS conflict,
             NULL::pg_catalog.text AS refused, NULL::pg_catalog.int4 AS cause, false AS late
        FROM (SELECT r.place, b.id, s.place IS NOT NULL AS seen, w.place IS NOT NULL AS wanted,
                     CASE WHEN b.id IS NULL THEN w.place IS NULL
                          ELSE w.place IS NOT NULL AND ${before} ${is} ${wanted} END AS same,
                     ${before} ${is} ${seen} AS as_seen
                FROM ${this.rows} r
                LEFT JOIN ${this.rows} s ON s.place ${is} r.place AND NOT s.wanted
                LEFT JOIN ${this.rows} w ON w.place ${is} r.place AND w.wanted
                LEFT JOIN ${this.before} b ON b.place ${is} r.place
               WHERE r.base) x`;
  }

  /** The staging table's names mean nothing to anybody. */
  #inColumn(error: unknown): unknown {
    if (!RestorePointError.is(error, 'database')) return error;
    const { column } = error.details.place ?? {};
    const staged = /^c(\d+)\b/.exec(column ?? '')?.[1];
    const name = staged === undefined ? undefined : this.chosen.columns[Number(staged)];
    return new RestorePointError(error.code, error.message, {
      ...error.details,
      place: {
        table: formatTableName(this.chosen.table.name),
        ...(name === undefined ? {} : { column: name }),
      },
    });
  }
}
