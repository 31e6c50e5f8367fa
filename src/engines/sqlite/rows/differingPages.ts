import { randomUUID } from 'node:crypto';
import type { RowDifference } from '../../../core/differences.ts';
import type { Row } from '../../../core/values.ts';
import type { Connection } from '../connect/connection.ts';
import { quote } from '../connect/identifiers.ts';
import {
  firstAlias,
  fromTable,
  type RowPlace,
  secondAlias,
  type SidePair,
  type SideTable,
} from './comparedTables.ts';
import { balanced, sameColumns } from './rowComparison.ts';
import { selectTypedRows } from './typedRows.ts';

/** A side, and how its rows are found again. */
export interface PlacedSide extends SideTable {
  /** In the order of the comparison, as this side calls them. */
  readonly columns: readonly string[];
  readonly place: RowPlace;
}

/** What a remembered row is. */
export const kinds = { onlyInFirst: 0, changed: 1, onlyInSecond: 2 } as const;

/** About how many bytes of rows a page has at most, and how many rows. */
const pageBytes = 1 << 20;
const pageRows = 300;

/** Where rows that differ are remembered, in a temporary table, and read from page by page. */
export class DifferingPages {
  readonly #connection: Connection;
  readonly #pair: SidePair;
  readonly #first: PlacedSide;
  readonly #second: PlacedSide;
  readonly #name = quote(`restore_point_differing_${randomUUID()}`);
  #noted = 0;

  private constructor(connection: Connection, pair: SidePair, first: PlacedSide, second: PlacedSide) {
    this.#connection = connection;
    this.#pair = pair;
    this.#first = first;
    this.#second = second;
  }

  static async begin(
    connection: Connection,
    pair: SidePair,
    first: PlacedSide,
    second: PlacedSide,
  ): Promise<DifferingPages> {
    const pages = new DifferingPages(connection, pair, first, second);
    const columns = ['kind', 'times', ...pages.#refs(first, 'a'), ...pages.#refs(second, 'b')];
    await connection.run(
      `CREATE TEMP TABLE ${pages.#name} (place INTEGER PRIMARY KEY, ${columns.join(', ')})`,
    );
    return pages;
  }

  /** `select`: the kind, how often, and the places of both sides. */
  async note(select: string, most: number, signal?: AbortSignal): Promise<void> {
    const columns = ['kind', 'times', ...this.#refs(this.#first, 'a'), ...this.#refs(this.#second, 'b')];
    this.#noted += await this.#connection.run(
      `INSERT INTO temp.${this.#name} (${columns.join(', ')}) ${select} LIMIT ${Number.isFinite(most) ? most : -1}`,
      [],
      signal,
    );
  }

  get noted(): number {
    return this.#noted;
  }

  async *read(longest: number | undefined, signal?: AbortSignal): AsyncGenerator<readonly RowDifference[]> {
    for (let after = 0; after < this.#noted;) {
      const { last, times, kind } = await this.#nextPage(after, longest, signal);
      const from = { after, last, longest };
      const firsts = await this.#rows(this.#first, firstAlias, 'a', from, signal);
      const seconds = await this.#rows(this.#second, secondAlias, 'b', from, signal);
      const changed = kind.includes(kinds.changed) ? await this.#changedColumns(from, signal) : [];
      let page: RowDifference[] = [];
      for (const [index, row] of kind.entries()) {
        const difference = describe(row, firsts[index]!, seconds[index]!, changed[index] ?? '');
        for (let time = 0; time < times[index]!; time++) {
          page.push(difference);
          if (page.length < pageRows) continue;
          yield page;
          page = [];
        }
      }
      if (page.length > 0) yield page;
      after = last;
    }
  }

  async forget(): Promise<void> {
    await this.#connection.run(`DROP TABLE temp.${this.#name}`);
  }

  #refs({ place }: PlacedSide, letter: string): string[] {
    return place.values('x').map((_, index) => `${letter}${index}`);
  }

  #found(side: PlacedSide, alias: string, letter: string): string {
    const remembered = this.#refs(side, letter).map((name) => `noted.${name}`);
    return `LEFT JOIN ${fromTable(side, alias)} ON ${side.place.condition(alias, remembered)}`;
  }

  /** As many rows as fit. */
  async #nextPage(
    after: number,
    longest: number | undefined,
    signal?: AbortSignal,
  ): Promise<{ last: number; kind: number[]; times: number[] }> {
    const size = (alias: string, columns: readonly string[]): string =>
      balanced(
        [...columns.map((column) => `coalesce(octet_length(${alias}.${quote(column)}), 0)`), '8'],
        '+',
      );
    const bytes = `${size(firstAlias, this.#first.columns)} + ${size(secondAlias, this.#second.columns)}`;
    const found = await this.#connection.all<{ kind: number; times: number; bytes: number }>(
      `SELECT kind AS kind, times AS times, ${bytes} AS bytes FROM temp.${this.#name} AS noted
       ${this.#found(this.#first, firstAlias, 'a')} ${this.#found(this.#second, secondAlias, 'b')}
       WHERE place > ? ORDER BY place LIMIT ${pageRows}`,
      [after],
      signal,
    );
    const most = longest === undefined ? Infinity : longest * 4 * (this.#first.columns.length + 1);
    let sum = 0;
    const end = found.findIndex((row) => (sum += Math.min(row.bytes ?? 16, most)) > pageBytes);
    const page = end < 0 ? found : found.slice(0, Math.max(1, end));
    return {
      last: after + page.length,
      kind: page.map(({ kind }) => kind),
      times: page.map(({ times }) => times),
    };
  }

  async #rows(
    side: PlacedSide,
    alias: string,
    letter: string,
    { after, last, longest }: Range,
    signal?: AbortSignal,
  ): Promise<readonly Row[]> {
    const select = {
      schema: side.schema,
      values: side.columns.map((column) => `${alias}.${quote(column)}`),
      from: `temp.${this.#name} AS noted ${this.#found(side, alias, letter)}
        WHERE place > ? AND place <= ? ORDER BY place`,
      bindings: [after, last],
      ...(longest === undefined ? {} : { longest }),
    };
    return (await selectTypedRows(this.#connection, select, signal)).rows;
  }

  /** Of each row a text with a 1 for each column that differs. */
  async #changedColumns({ after, last }: Range, signal?: AbortSignal): Promise<readonly string[]> {
    const rows = {
      plan: { columns: this.#pair.compared.columns.map((column) => column.first) },
      target: this.#second.table,
      backup: this.#first.table,
    };
    const flags = sameColumns(rows, secondAlias, firstAlias).map((same) => `iif(${same}, '0', '1')`);
    const found = await this.#connection.all<{ flags: string }>(
      `SELECT ${balanced(flags, '||')} AS flags FROM temp.${this.#name} AS noted
       ${this.#found(this.#first, firstAlias, 'a')} ${this.#found(this.#second, secondAlias, 'b')}
       WHERE place > ? AND place <= ? ORDER BY place`,
      [after, last],
      signal,
    );
    return found.map((row) => row.flags);
  }
}

interface Range {
  readonly after: number;
  readonly last: number;
  readonly longest: number | undefined;
}

function describe(kind: number, first: Row, second: Row, flags: string): RowDifference {
  if (kind === kinds.onlyInFirst) return { kind: 'onlyInFirst', first };
  if (kind === kinds.onlyInSecond) return { kind: 'onlyInSecond', second };
  const columns = [...flags].flatMap((flag, index) => (flag === '1' ? [index] : []));
  return { kind: 'changed', first, second, columns };
}
