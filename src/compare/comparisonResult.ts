import type { DifferenceCounts } from '../core/differences.ts';
import { formatCount, formatQuantity } from '../core/format.ts';
import { formatTableName, type TableName } from '../core/names.ts';
import type { PairedTable, Pairing } from './pairTables.ts';

/** A comparison that is done, without its rows. */
export interface ComparedContent {
  readonly pairing: Pairing;
  /** By the positions of the tables. */
  readonly counts: ReadonlyMap<number, DifferenceCounts>;
}

/** Whether the two sides are equal in everything that was compared. */
export function isEqual({ pairing, counts }: ComparedContent): boolean {
  return (
    [...counts.values()].every((table) => differing(table) === 0) &&
    pairing.tables.every(hasSameColumns) &&
    pairing.onlyInFirst.length + pairing.onlyInSecond.length + pairing.sequences.length === 0
  );
}

/** How many rows of a table differ. */
export function differing({ onlyInFirst, onlyInSecond, changed }: DifferenceCounts): number {
  return onlyInFirst + onlyInSecond + changed;
}

export function hasSameColumns({ columnsOnlyInFirst, columnsOnlyInSecond }: PairedTable): boolean {
  return columnsOnlyInFirst.length + columnsOnlyInSecond.length === 0;
}

/** What a restore of the first side has made of the second, as sentences without a final period; none if it is the same. */
export function restoreDifferences({ pairing, counts }: ComparedContent): string[] {
  const each = (names: readonly TableName[], what: string): string[] =>
    names.map((name) => `the table ${formatTableName(name)} ${what}`);
  return [
    ...each(pairing.onlyInFirst, 'is missing after the restore'),
    ...each(pairing.onlyInSecond, 'is not in the backup'),
    ...pairing.tables.flatMap((table, place) => tableDifferences(table, counts.get(place))),
    ...pairing.sequences.map(
      ({ name, first, second }) =>
        `the counter ${formatTableName(name)} is at ${second?.lastValue ?? 'no number'} after the restore, and at ${first?.lastValue ?? 'no number'} in the backup`,
    ),
  ];
}

function tableDifferences(table: PairedTable, counts: DifferenceCounts | undefined): string[] {
  const name = formatTableName(table.name);
  const columns = [...table.columnsOnlyInFirst, ...table.columnsOnlyInSecond];
  return [
    ...(columns.length > 0 ? [`${name} has other columns after the restore: ${columns.join(', ')}`] : []),
    ...(counts && differing(counts) > 0
      ? [
          `${name} has other rows after the restore: ${formatQuantity(counts.onlyInFirst, 'row')} missing, ${formatCount(counts.onlyInSecond)} added, ${formatCount(counts.changed)} changed`,
        ]
      : []),
  ];
}
