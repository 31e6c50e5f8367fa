import type { ComparedTable, ComparisonPage, DifferenceCounts } from '../../../core/differences.ts';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { ComparedSide, CompareOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { describeFailure } from '../connect/errors.ts';
import { matchByKey, type SideTable } from '../rows/comparedTables.ts';
import { countStoredRows } from '../rows/counts.ts';
import { type FoundDifferences, noteKeyed, noteWhole, type RowCounts } from '../rows/noteDifferences.ts';
import { kinds, type NotedCounts, type NotedRows } from '../rows/notedRows.ts';
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

/** Some rows of a table that were compared, and those of them that differ. */
interface Part {
  readonly noted: NotedRows;
  readonly counts: NotedCounts;
}

class TableComparison {
  readonly #connection: Connection;
  readonly #compared: ComparedTable;
  readonly #first: SideTable;
  readonly #second: SideTable;
  readonly #sides: ComparedSides;
  readonly #options: TableOptions;

  constructor(sides: ComparedSides, compared: ComparedTable, options: TableOptions) {
    this.#connection = sides.connection;
    this.#compared = compared;
    this.#sides = sides;
    this.#options = options;
    this.#first = this.#side('first');
    this.#second = this.#side('second');
  }

  async *pages(): AsyncGenerator<Page> {
    const { rows: most, longest, signal, done } = this.#options;
    const rows = await this.#countRows();
    done(0, rows.first);
    const parts = await this.#parts(rows);
    try {
      done(rows.first, rows.first);
      let left = most;
      for (const { noted } of parts) {
        if (left <= 0) break;
        for await (const page of noted.read(this.#reportedKinds, longest, signal)) {
          yield { rows: page.slice(0, left) };
          left -= page.length;
          if (left <= 0) break;
        }
      }
    } finally {
      for (const { noted } of parts) await noted.forget();
    }
    yield { rows: [], counts: this.#reported(parts, rows) };
  }

  /** A partial side may have had the rows that only the other one has: nobody knows. */
  get #reportedKinds(): number[] {
    const { partial = [] } = this.#compared;
    const { changed, onlyInFirst, onlyInSecond } = kinds;
    return [
      changed,
      ...(partial.includes('second') ? [] : [onlyInFirst]),
      ...(partial.includes('first') ? [] : [onlyInSecond]),
    ];
  }

  #reported(parts: readonly Part[], rows: RowCounts): DifferenceCounts {
    const sum = (kind: keyof NotedCounts): number =>
      parts.reduce((total, { counts }) => total + counts[kind], 0);
    const reported = (kind: keyof NotedCounts): number =>
      this.#reportedKinds.includes(kinds[kind]) ? sum(kind) : 0;
    return {
      onlyInFirst: reported('onlyInFirst'),
      onlyInSecond: reported('onlyInSecond'),
      changed: sum('changed'),
      same: rows.first - sum('onlyInFirst') - sum('changed'),
    };
  }

  /** By their key; those that it does not tell apart, as whole rows. */
  async #parts(rows: RowCounts): Promise<readonly Part[]> {
    const { key } = this.#compared;
    const sides = { first: this.#first, second: this.#second };
    const whole = (withNullIn?: readonly number[]): Promise<Part> =>
      noteWhole(this.#connection, sides, withNullIn, this.#options.signal);
    const keyed = await this.#keyed(rows);
    if (!keyed) return [await whole()];
    return keyed.keyless ? [keyed, await whole(key)] : [keyed];
  }

  async #keyed(rows: RowCounts): Promise<FoundDifferences | undefined> {
    const { signal, logger, done } = this.#options;
    const { first, key } = this.#compared;
    const pair = key && matchByKey(this.#first, this.#second, key);
    if (!pair) return undefined;
    const whole = (reason: string): void =>
      logger.debug(`${formatTableName(first.name)}: ${reason}, so whole rows are compared`);
    try {
      const report = (compared: number): void => done(compared, rows.first);
      const found = await noteKeyed(this.#connection, pair, rows, { signal, done: report });
      if (found.complete) return found;
      await found.noted.forget();
      whole('its key does not identify rows');
      return undefined;
    } catch (error) {
      // A collation of the key that only the application has.
      if (missingIn(error) === undefined) throw error;
      whole(`its key cannot be compared (${messageOf(error)})`);
      return undefined;
    }
  }

  /** A backup with fewer rows than its manifest says cannot be compared. */
  async #countRows(): Promise<RowCounts> {
    const count = async (side: 'first' | 'second'): Promise<number> => {
      const { schema, table, backup } = this.#sides.find(side, this.#compared);
      const rows = await countStoredRows(this.#connection, schema, table.name, this.#options.signal);
      if (!backup || backup.rows === rows) return rows;
      throw new RestorePointError(
        'damaged-backup',
        `The backup contains ${rows} rows, but its manifest says ${backup.rows}`,
      );
    };
    return { first: await count('first'), second: await count('second') };
  }

  #side(side: 'first' | 'second'): SideTable {
    const { schema, table } = this.#sides.find(side, this.#compared);
    const columns = this.#compared.columns.map((column) => column[side]);
    const gone = columns.find(
      (name) => !table.columns.some((column) => column.name === name && !column.generated),
    );
    if (gone === undefined) return { schema, table, columns };
    throw new RestorePointError('database', `Its column ${gone} was dropped after the comparison started`, {
      next: 'Compare again.',
    });
  }
}
