import type { DifferenceCounts } from '../core/differences.ts';
import { RestorePointError } from '../core/errors.ts';
import type { TableName } from '../core/names.ts';
import { compareSides, type CompareSidesOptions, type Side } from './compareSides.ts';
import type { PairedTable } from './pairTables.ts';

/** How the rows of a table differ, as the first side names it. */
export interface CountedTable {
  readonly table: TableName;
  readonly counts: DifferenceCounts;
}

export interface CountDifferencesOptions extends Omit<CompareSidesOptions, 'rows' | 'longest'> {
  /** The comparison ends after so many milliseconds, with the tables that it has counted by then. */
  readonly milliseconds: number;
}

/**
 * Counts the rows that differ between two sides, table by table; of tables that have the same columns on both, and of which
 * both hold all rows. Throws as `compareSides`.
 */
export async function countDifferences(
  first: Side,
  second: Side,
  { milliseconds, signal, ...options }: CountDifferencesOptions,
): Promise<CountedTable[]> {
  const limit = AbortSignal.timeout(milliseconds);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  const counted: CountedTable[] = [];
  let tables: readonly PairedTable[] = [];
  try {
    for await (const part of compareSides(first, second, { ...options, signal: either, rows: 0 })) {
      if (part.part === 'overview') tables = part.tables;
      else if (part.part === 'counts' && isWhole(tables[part.table]!))
        counted.push({ table: tables[part.table]!.name, counts: part.counts });
    }
  } catch (error) {
    const tookLong = limit.aborted && signal?.aborted !== true && RestorePointError.is(error, 'cancelled');
    if (!tookLong) throw error;
  }
  return counted;
}

function isWhole({ columnsOnlyInFirst, columnsOnlyInSecond, compared }: PairedTable): boolean {
  return columnsOnlyInFirst.length + columnsOnlyInSecond.length === 0 && compared?.partial === undefined;
}
