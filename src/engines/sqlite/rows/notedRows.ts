import { randomUUID } from 'node:crypto';
import type { DifferenceCounts, RowDifference } from '../../../core/differences.ts';
import type { Row } from '../../../core/values.ts';
import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';
import { fromTable, type PlacedSide, rowsOf } from './comparedTables.ts';
import {
  backupAlias as firstAlias,
  balanced,
  sameColumns,
  targetAlias as secondAlias,
} from './rowComparison.ts';
import { selectTypedRows } from './typedRows.ts';

/** What a noted row is. */
export const kinds = { onlyInFirst: 0, changed: 1, onlyInSecond: 2 } as const;

/** How many rows of each kind were noted. */
export type NotedCounts = Omit<DifferenceCounts, 'same'>;

/** About how many bytes of rows a page has at most, and how many rows. */
const pageBytes = 1 << 20;
const pageRows = 300;

/** Rows that differ between two sides: where they are is noted in a temporary table, and they are read page by page. */
export class NotedRows {
  readonly connection: Connection;
  /** In SQL. It has the kind, how often the row is there (`times`), and the places `a0`… of the first side and `b0`… of the second. */
  readonly table = `temp.${quote(`restore_point_differing_${randomUUID()}`)}`;
  readonly #first: PlacedSide;
  readonly #second: PlacedSide;

  private constructor(connection: Connection, first: PlacedSide, second: PlacedSide) {
    this.connection = connection;
    this.#first = first;
    this.#second = second;
  }

  static async begin(connection: Connection, first: PlacedSide, second: PlacedSide): Promise<NotedRows> {
    const noted = new NotedRows(connection, first, second);
    await connection.run(`CREATE TABLE ${noted.table} (place INTEGER PRIMARY KEY, ${noted.#columns})`);
    return noted;
  }

  /**
   * `select`: the kind, how often, and the places of both sides. Notes no more than `most` rows. Resolves to how many it
   * noted.
   */
  note(select: string, most: number, signal?: AbortSignal): Promise<number> {
    const limit = Number.isFinite(most) ? most : -1;
    const sql = `INSERT INTO ${this.table} (${this.#columns}) ${select} LIMIT ${limit}`;
    return this.connection.run(sql, [], signal);
  }

  /** The place of the last one. */
  async last(): Promise<number> {
    const sql = `SELECT max(place) AS place FROM ${this.table}`;
    return (await this.connection.get<{ place: number | null }>(sql))?.place ?? 0;
  }

  async counts(signal?: AbortSignal): Promise<NotedCounts> {
    const sql = `SELECT kind AS kind, sum(times) AS n FROM ${this.table} GROUP BY kind`;
    const found = await this.connection.all<{ kind: number; n: number }>(sql, [], signal);
    const of = (kind: number): number => found.find((row) => row.kind === kind)?.n ?? 0;
    const { onlyInFirst, changed, onlyInSecond } = kinds;
    return { onlyInFirst: of(onlyInFirst), changed: of(changed), onlyInSecond: of(onlyInSecond) };
  }

  /** What the first row is, of these kinds, and its rowid on the first side, where it has one. */
  first(
    wanted: readonly number[] = Object.values(kinds),
  ): Promise<{ readonly row: string | null; readonly kind: number } | undefined> {
    const row = this.#first.table.rowidName === undefined ? 'NULL' : 'CAST(a0 AS TEXT)';
    const where = `WHERE kind IN (${wanted.join(', ')})`;
    return this.connection.get(
      `SELECT ${row} AS row, kind AS kind FROM ${this.table} ${where} ORDER BY place LIMIT 1`,
    );
  }

  /** Rows of these kinds alone. */
  async *read(
    wanted: readonly number[],
    longest: number | undefined,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly RowDifference[]> {
    for (let after = 0; ;) {
      const noted = await this.#nextPage({ wanted, after, longest }, signal);
      if (noted.length === 0) return;
      const places = noted.map(({ place }) => place);
      const firsts = await this.#rows(this.#first, firstAlias, places, longest, signal);
      const seconds = await this.#rows(this.#second, secondAlias, places, longest, signal);
      const changed = noted.some(({ kind }) => kind === kinds.changed)
        ? await this.#changedColumns(places, signal)
        : [];
      let page: RowDifference[] = [];
      for (const [index, { kind, times }] of noted.entries()) {
        const difference = describe(kind, firsts[index]!, seconds[index]!, changed[index] ?? '');
        for (let time = 0; time < times; time++) {
          page.push(difference);
          if (page.length < pageRows) continue;
          yield page;
          page = [];
        }
      }
      if (page.length > 0) yield page;
      after = places.at(-1)!;
    }
  }

  async forget(): Promise<void> {
    await this.connection.run(`DROP TABLE ${this.table}`);
  }

  get #columns(): string {
    return ['kind', 'times', ...refs(this.#first, 'a'), ...refs(this.#second, 'b')].join(', ');
  }

  /** The noted rows, with those of both sides that there are. */
  get #noted(): string {
    const found = (side: PlacedSide, alias: string, letter: string): string => {
      const remembered = refs(side, letter).map((name) => `noted.${name}`);
      return `LEFT JOIN ${fromTable(side, alias)} ON ${side.place.condition(alias, remembered)}`;
    };
    return `${this.table} AS noted ${found(this.#first, firstAlias, 'a')} ${found(this.#second, secondAlias, 'b')}`;
  }

  /** As many rows as fit. */
  async #nextPage(
    { wanted, after, longest }: { wanted: readonly number[]; after: number; longest: number | undefined },
    signal?: AbortSignal,
  ): Promise<{ place: number; kind: number; times: number }[]> {
    const size = (alias: string, columns: readonly string[]): string =>
      balanced(
        [...columns.map((column) => `coalesce(octet_length(${alias}.${quote(column)}), 0)`), '8'],
        '+',
      );
    const bytes = `${size(firstAlias, this.#first.columns)} + ${size(secondAlias, this.#second.columns)}`;
    const found = await this.connection.all<{ place: number; kind: number; times: number; bytes: number }>(
      `SELECT place AS place, kind AS kind, times AS times, ${bytes} AS bytes FROM ${this.#noted}
       WHERE place > ? AND kind IN (${wanted.join(', ')}) ORDER BY place LIMIT ${pageRows}`,
      [after],
      signal,
    );
    const most = longest === undefined ? Infinity : longest * 4 * (this.#first.columns.length + 1);
    let sum = 0;
    const end = found.findIndex((row) => (sum += Math.min(row.bytes ?? 16, most)) > pageBytes);
    return end < 0 ? found : found.slice(0, Math.max(1, end));
  }

  async #rows(
    { schema, columns }: PlacedSide,
    alias: string,
    places: readonly number[],
    longest: number | undefined,
    signal?: AbortSignal,
  ): Promise<readonly Row[]> {
    const values = columns.map((column) => `${alias}.${quote(column)}`);
    const select = { schema, values, from: `${this.#noted} ${atPlaces(places)}`, bindings: [] };
    const cut = longest === undefined ? {} : { longest };
    return (await selectTypedRows(this.connection, { ...select, ...cut }, signal)).rows;
  }

  /** A text for each row, with a 1 for each column that differs. */
  async #changedColumns(places: readonly number[], signal?: AbortSignal): Promise<readonly string[]> {
    const rows = rowsOf(this.#first, this.#second);
    const flags = sameColumns(rows, secondAlias, firstAlias).map((same) => `iif(${same}, '0', '1')`);
    const sql = `SELECT ${balanced(flags, '||')} AS flags FROM ${this.#noted} ${atPlaces(places)}`;
    const found = await this.connection.all<{ flags: string }>(sql, [], signal);
    return found.map((row) => row.flags);
  }
}

function refs({ place }: PlacedSide, letter: string): string[] {
  return place.values('x').map((_, index) => `${letter}${index}`);
}

function atPlaces(places: readonly number[]): string {
  return `WHERE place IN (${places.join(', ')}) ORDER BY place`;
}

function describe(kind: number, first: Row, second: Row, flags: string): RowDifference {
  if (kind === kinds.onlyInFirst) return { kind: 'onlyInFirst', first };
  if (kind === kinds.onlyInSecond) return { kind: 'onlyInSecond', second };
  const columns = [...flags].flatMap((flag, index) => (flag === '1' ? [index] : []));
  return { kind: 'changed', first, second, columns };
}
