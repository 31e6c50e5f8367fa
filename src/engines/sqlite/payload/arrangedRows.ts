import type {
  ArrangedPage,
  ArrangedQuery,
  ArrangedRows,
  Arrangement,
  FoundRow,
  FoundRows,
  ArrangeOptions,
  TextSearch,
} from '../../../core/arrangement.ts';
import { RestorePointError } from '../../../core/errors.ts';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import { containsPattern, someMatch } from '../rows/searchSql.ts';
import { selectTypedRows } from '../rows/typedRows.ts';

/** The table of a payload whose rows are arranged. */
export interface TableToArrange {
  readonly table: CatalogTable;
  readonly columns: readonly string[];
  /** The backup was encrypted: nothing of it goes to a disk that can be avoided. */
  readonly secret: boolean;
}

/** Tables of the connection's temporary database: SQLite puts it in a file of its own when it is large. */
const arranged = 'temp.arranged';
const found = 'temp.found';

/** SQLite arranges the rows: it keeps where each of them is, in order, in a temporary table. */
export class SqliteArrangedRows implements ArrangedRows {
  readonly #connection: Connection;
  readonly #source: TableToArrange;
  /** What tells rows apart: the rowid, or the primary key of a table without one. */
  readonly #keys: readonly string[];
  #count = 0;

  private constructor(connection: Connection, source: TableToArrange) {
    this.#connection = connection;
    this.#source = source;
    const { rowidName, primaryKey, name } = source.table;
    this.#keys = (rowidName === undefined ? primaryKey : [rowidName]).map(quote);
    if (this.#keys.length > 0) return;
    throw new RestorePointError('usage', 'The rows of this table cannot be sorted or searched', {
      place: { table: name },
      next: 'Its columns hide the number that SQLite gives each row. Export the table and search the file.',
    });
  }

  /** Throws the driver's errors, `usage` and `cancelled`. */
  static async arrange(
    connection: Connection,
    source: TableToArrange,
    arrangement: Arrangement,
    options: ArrangeOptions,
  ): Promise<SqliteArrangedRows> {
    const rows = new SqliteArrangedRows(connection, source);
    // What a sort puts aside would lie on the disk as it is.
    await connection.all(`PRAGMA temp_store = ${source.secret ? 'MEMORY' : 'DEFAULT'}`);
    await rows.close();
    await rows.#arrange(arrangement, options);
    return rows;
  }

  get count(): number {
    return this.#count;
  }

  async page({ after, limit, longest }: ArrangedQuery, { signal }: ArrangeOptions): Promise<ArrangedPage> {
    const select = {
      schema: 'main',
      values: this.#source.columns.map((column) => `t.${quote(column)}`),
      from: `${this.#joined()} WHERE a.place > ?1 AND a.place <= ?1 + ?2 ORDER BY a.place`,
      bindings: [after, limit],
      longest,
      also: 'a.number',
    };
    const { rows, also } = await selectTypedRows(this.#connection, select, signal);
    return { rows, numbers: also.map(Number) };
  }

  async find(search: TextSearch, { signal }: ArrangeOptions): Promise<FoundRows> {
    const connection = this.#connection;
    await connection.run(`DROP TABLE IF EXISTS ${found}`);
    await connection.run(`CREATE TABLE ${found} (number INTEGER PRIMARY KEY, place INTEGER NOT NULL)`);
    const condition = someMatch(this.#searched(search, 't.'), '?1');
    const count = await connection.run(
      `INSERT INTO ${found} (place) SELECT a.place FROM ${this.#joined()} WHERE ${condition} ORDER BY a.place`,
      [containsPattern(search.text)],
      signal,
    );
    await connection.run(`CREATE UNIQUE INDEX temp.found_places ON found (place)`, [], signal);
    return { count, near: (place, backwards) => nearest(connection, place, backwards) };
  }

  async close(): Promise<void> {
    this.#count = 0;
    for (const table of [arranged, found]) await this.#connection.run(`DROP TABLE IF EXISTS ${table}`);
  }

  async #arrange({ filter, sort }: Arrangement, { signal }: ArrangeOptions): Promise<void> {
    const connection = this.#connection;
    const keys = this.#keys.map((_, index) => `k${index}`);
    await connection.run(
      `CREATE TABLE ${arranged} (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, ${keys.join(', ')})`,
    );
    const { table } = this.#source;
    const selected = [
      `row_number() OVER (ORDER BY ${this.#keys.join(', ')}) - 1 AS number`,
      ...this.#keys.map((key, index) => `${key} AS k${index}`),
      ...(filter ? [`${someMatch(this.#searched(filter, ''), '?1')} AS hit`] : []),
      ...(sort ? [`${this.#column(sort.column)} AS sorted`] : []),
    ];
    const order = sort
      ? [`sorted COLLATE ${await collation(connection)} ${sort.descending ? 'DESC' : 'ASC'} NULLS LAST`]
      : [];
    this.#count = await connection.run(
      `INSERT INTO ${arranged} (number, ${keys.join(', ')}) SELECT number, ${keys.join(', ')} ` +
        `FROM (SELECT ${selected.join(', ')} FROM ${this.#table(table)}) ` +
        `${filter ? 'WHERE hit' : ''} ORDER BY ${[...order, 'number'].join(', ')}`,
      filter ? [containsPattern(filter.text)] : [],
      signal,
    );
  }

  /** Each row of the arrangement with its values. */
  #joined(): string {
    const { table } = this.#source;
    const same = this.#keys.map((key, index) => `t.${key} = a.k${index}`).join(' AND ');
    return `${arranged} AS a CROSS JOIN ${this.#table(table, 't')} ON ${same}`;
  }

  /** An index may be out of step with its table, but where it is the table. */
  #table({ name, rowidName }: CatalogTable, alias?: string): string {
    const as = alias === undefined ? '' : ` AS ${alias}`;
    return `${quoteTable('main', name)}${as}${rowidName === undefined ? '' : ' NOT INDEXED'}`;
  }

  #searched({ column }: TextSearch, prefix: string): string[] {
    const columns = column === undefined ? this.#source.columns.map(quote) : [this.#column(column)];
    return columns.map((one) => `${prefix}${one}`);
  }

  #column(name: string): string {
    if (this.#source.columns.includes(name)) return quote(name);
    throw new RestorePointError('usage', `There is no column ${name}`);
  }
}

async function nearest(
  connection: Connection,
  place: number,
  backwards: boolean,
): Promise<FoundRow | undefined> {
  const row = await connection.get<FoundRow>(
    `SELECT number - 1 AS "index", place - 1 AS place FROM ${found} ` +
      (backwards ? 'WHERE place <= ?1 ORDER BY place DESC' : 'WHERE place >= ?1 ORDER BY place') +
      ' LIMIT 1',
    [place + 1],
  );
  return row && { index: row.index, place: row.place };
}

/** The one that orders texts by code points. BINARY compares the bytes of UTF-16, RTRIM those of UTF-8. */
async function collation(connection: Connection): Promise<string> {
  const stored = await connection.get<{ encoding: string }>('PRAGMA main.encoding');
  return stored?.encoding === 'UTF-8' ? 'BINARY' : 'RTRIM';
}
