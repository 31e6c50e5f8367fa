import type {
  ComparedTable,
  ComparisonPage,
  DifferenceCounts,
  RowDifference,
} from '../../../core/differences.ts';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { ComparedSide, CompareOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { describeFailure } from '../connect/errors.ts';
import {
  keyPlace,
  type KeyedPair,
  matchPair,
  rowidPlace,
  type SidePair,
  tellsOnly,
} from '../rows/comparedTables.ts';
import { countStoredRows } from '../rows/counts.ts';
import { DifferingPages } from '../rows/differingPages.ts';
import { countKeyed, noteKeyed, type RowCounts } from '../rows/keyedDifferences.ts';
import { countWhole, noteWhole, placeWhole, type WholePair } from '../rows/wholeDifferences.ts';
import { missingIn } from '../schema/unproven.ts';
import { type ComparedSides, openSides } from './comparedSides.ts';

/** See `Engine.compare`. */
export async function* compare(
  first: ComparedSide,
  second: ComparedSide,
  tables: readonly ComparedTable[],
  options: CompareOptions,
): AsyncGenerator<ComparisonPage> {
  const sides = await openSides(first, second, tables, options);
  const code = first.kind === 'backup' && second.kind === 'backup' ? 'damaged-backup' : 'database';
  try {
    for (const [index, compared] of tables.entries()) {
      const place = { table: formatTableName(compared.first.name) };
      try {
        const table = new TableComparison(sides, compared, progressOf(index, tables, options));
        for await (const page of table.pages()) yield { table: index, ...page };
      } catch (error) {
        throw describeFailure(error, code, place);
      }
    }
  } finally {
    await sides.close();
  }
}

type TableOptions = CompareOptions & {
  readonly done: (rows: number, of: number) => void;
};

function progressOf(index: number, tables: readonly ComparedTable[], options: CompareOptions): TableOptions {
  const place = {
    table: tables[index]!.first.name,
    tableNumber: index + 1,
    tableCount: tables.length,
  };
  const done = (rows: number, totalRows: number): void =>
    options.report?.({ phase: 'compare', ...place, rows, totalRows });
  return { ...options, done };
}

type Page = Omit<ComparisonPage, 'table'>;

/** What was counted, and how rows that differ are read. */
interface Counted {
  readonly counts: DifferenceCounts;
  pages(most: number): AsyncGenerator<readonly RowDifference[]>;
}

class TableComparison {
  readonly #connection: Connection;
  readonly #pair: SidePair;
  readonly #sides: ComparedSides;
  readonly #options: TableOptions;

  constructor(sides: ComparedSides, compared: ComparedTable, options: TableOptions) {
    this.#connection = sides.connection;
    this.#sides = sides;
    this.#options = options;
    const [first, second] = [sides.find('first', compared), sides.find('second', compared)];
    this.#pair = { compared, first, second };
    for (const side of ['first', 'second'] as const) this.#checkColumns(side);
  }

  async *pages(): AsyncGenerator<Page> {
    const rows = await this.#countRows();
    this.#options.done(0, rows.first);
    const counted = await this.#counted(rows);
    this.#options.done(rows.first, rows.first);
    let left = this.#options.rows;
    for (const part of counted) {
      if (left <= 0) break;
      for await (const page of part.pages(left)) {
        const taken = page.slice(0, left);
        if (taken.length > 0) yield { rows: taken };
        left -= taken.length;
      }
    }
    yield { rows: [], counts: this.#reported(counted.map(({ counts }) => counts)) };
  }

  /** What a partial side leaves open is not counted. */
  #reported(parts: readonly DifferenceCounts[]): DifferenceCounts {
    const sum = (of: (counts: DifferenceCounts) => number): number =>
      parts.reduce((total, counts) => total + of(counts), 0);
    return {
      onlyInFirst: tellsOnly(this.#pair, 'first') ? sum(({ onlyInFirst }) => onlyInFirst) : 0,
      onlyInSecond: tellsOnly(this.#pair, 'second') ? sum(({ onlyInSecond }) => onlyInSecond) : 0,
      changed: sum(({ changed }) => changed),
      same: sum(({ same }) => same),
    };
  }

  /** By their key; those that it does not tell apart, as whole rows. */
  async #counted(rows: RowCounts): Promise<readonly Counted[]> {
    const pair = matchPair(this.#pair);
    const keyed = pair && (await this.#keyed(pair, rows));
    if (!pair || !keyed) return [await this.#whole()];
    return keyed.keyless ? [keyed, await this.#whole(pair.compared.key)] : [keyed];
  }

  async #keyed(pair: KeyedPair, rows: RowCounts): Promise<(Counted & { keyless: boolean }) | undefined> {
    const { signal, logger, done } = this.#options;
    const name = formatTableName(pair.compared.first.name);
    try {
      const report = (compared: number): void => done(compared, rows.first);
      const counts = await countKeyed(this.#connection, pair, rows, report, signal);
      if (!counts) {
        logger.debug(`${name}: its key does not identify rows, so whole rows are compared`);
        return undefined;
      }
      const pages = (most: number): AsyncGenerator<readonly RowDifference[]> => {
        const place = { first: rowidPlace(pair.first), second: rowidPlace(pair.second) };
        const first = {
          ...pair.first,
          columns: this.#columns('first'),
          place: place.first ?? keyPlace(pair),
        };
        const second = {
          ...pair.second,
          columns: this.#columns('second'),
          place: place.second ?? keyPlace(pair),
        };
        return this.#pages(first, second, (found) =>
          noteKeyed(found, pair, { first, second }, counts, most, signal),
        );
      };
      return { counts, keyless: counts.keyless, pages };
    } catch (error) {
      // A collation of the key that only the application has.
      if (missingIn(error) === undefined) throw error;
      logger.debug(`${name}: its key cannot be compared (${messageOf(error)}), so whole rows are compared`);
      return undefined;
    }
  }

  /** Of all rows, or of those that have NULL in one of these columns. */
  async #whole(withNullIn?: readonly number[]): Promise<Counted> {
    const { signal } = this.#options;
    const pair: WholePair = {
      first: await placeWhole(this.#connection, this.#pair.first, this.#columns('first'), signal),
      second: await placeWhole(this.#connection, this.#pair.second, this.#columns('second'), signal),
      ...(withNullIn ? { withNullIn } : {}),
    };
    const counts = await countWhole(this.#connection, pair, signal);
    const pages = (most: number): AsyncGenerator<readonly RowDifference[]> =>
      this.#pages(pair.first, pair.second, (found) => noteWhole(found, pair, this.#pair, most, signal));
    return { counts, pages };
  }

  async *#pages(
    first: WholePair['first'],
    second: WholePair['second'],
    note: (pages: DifferingPages) => Promise<void>,
  ): AsyncGenerator<readonly RowDifference[]> {
    const pages = await DifferingPages.begin(this.#connection, this.#pair, first, second);
    try {
      await note(pages);
      yield* pages.read(this.#options.longest, this.#options.signal);
    } finally {
      await pages.forget();
    }
  }

  #columns(side: 'first' | 'second'): string[] {
    return this.#pair.compared.columns.map((column) => column[side]);
  }

  /** A backup with fewer rows than its manifest says cannot be compared. */
  async #countRows(): Promise<RowCounts> {
    const count = async (side: 'first' | 'second'): Promise<number> => {
      const { schema, table } = this.#pair[side];
      const rows = await countStoredRows(this.#connection, schema, table.name, this.#options.signal);
      const { backup } = this.#sides.find(side, this.#pair.compared);
      if (!backup || backup.rows === rows) return rows;
      throw new RestorePointError(
        'damaged-backup',
        `The backup contains ${rows} rows, but its manifest says ${backup.rows}`,
      );
    };
    return { first: await count('first'), second: await count('second') };
  }

  #checkColumns(side: 'first' | 'second'): void {
    const { columns } = this.#pair[side].table;
    const gone = this.#columns(side).find(
      (name) => !columns.some((column) => column.name === name && !column.generated),
    );
    if (gone === undefined) return;
    throw new RestorePointError('database', `Its column ${gone} was dropped after the comparison started`, {
      next: 'Compare again.',
    });
  }
}
