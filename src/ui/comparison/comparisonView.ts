import type { CheckedCounts, StoredComparison } from '../../compare/differenceStore.ts';
import type { PairedTable, SequencePosition } from '../../compare/pairTables.ts';
import type { DifferenceCounts } from '../../core/differences.ts';
import { formatTableName, tableKey } from '../../core/names.ts';
import { isCounted, isNumeric } from '../viewer/viewModel.ts';

/** How many rows the page shows at a time. */
export const rowsPerPage = 100;

/** A comparison as the page shows it. */
export interface ComparisonView {
  readonly first: SideView;
  readonly second: SideView;
  readonly tables: readonly ComparedTableView[];
  readonly notes: ComparisonNotes;
  readonly rowsPerPage: number;
  /** Rows can be checked and restored: a backup is compared with a database. */
  readonly restorable: boolean;
  /** The sides can change, so they can be compared again. */
  readonly repeatable: boolean;
  /** By the place of the table in the comparison. */
  readonly checked: readonly CheckedCounts[];
}

export interface SideView {
  readonly kind: 'backup' | 'database';
  readonly name: string;
  /** Where it is, and when a backup was taken. */
  readonly detail: string;
}

/** A table that both sides have. */
export interface ComparedTableView {
  /** Identifies the table, also in another comparison. */
  readonly key: string;
  readonly label: string;
  /** Its place in the comparison. */
  readonly index: number;
  /** Absent where no rows were compared. */
  readonly counts?: DifferenceCounts;
  readonly columns: readonly DifferingColumn[];
  /** It has no key: its rows are compared as wholes. */
  readonly withoutKey: boolean;
}

export interface DifferingColumn {
  readonly name: string;
  readonly type: string;
  readonly numeric: boolean;
  readonly counted: boolean;
  readonly isKey: boolean;
  /** It differs in at least one row. */
  readonly changed: boolean;
}

/** What differs besides rows, and what was not compared. */
export interface ComparisonNotes {
  readonly tablesOnlyInFirst: readonly string[];
  readonly tablesOnlyInSecond: readonly string[];
  /** A table, and the columns. */
  readonly columnsOnlyInFirst: readonly (readonly [table: string, columns: string])[];
  readonly columnsOnlyInSecond: readonly (readonly [table: string, columns: string])[];
  /** Absent where a side has no such counter. */
  readonly counters: readonly CounterDifference[];
  readonly notCompared: readonly string[];
}

export interface CounterDifference {
  readonly name: string;
  readonly first?: CounterPosition;
  readonly second?: CounterPosition;
}

export interface CounterPosition {
  readonly value: string;
  /** It was not used yet: the value is the first one that it will give. */
  readonly unused: boolean;
}

/** Tables that differ come first. */
export function comparisonView(
  { pairing, results }: StoredComparison,
  {
    first,
    second,
    compareAgain,
  }: { readonly first: SideView; readonly second: SideView; readonly compareAgain?: unknown },
  checked: readonly CheckedCounts[],
): ComparisonView {
  const tables = pairing.tables.map((table, index) => tableView(table, index, results[index]));
  const differ = tables.filter(({ counts }) => counts && differenceCount(counts) > 0);
  const columns = (side: 'columnsOnlyInFirst' | 'columnsOnlyInSecond'): (readonly [string, string])[] =>
    pairing.tables.flatMap((table) =>
      table[side].length === 0 ? [] : [[formatTableName(table.name), table[side].join(', ')] as const],
    );
  return {
    first,
    second,
    tables: [...differ, ...tables.filter((table) => !differ.includes(table))],
    notes: {
      tablesOnlyInFirst: pairing.onlyInFirst.map(formatTableName),
      tablesOnlyInSecond: pairing.onlyInSecond.map(formatTableName),
      columnsOnlyInFirst: columns('columnsOnlyInFirst'),
      columnsOnlyInSecond: columns('columnsOnlyInSecond'),
      counters: pairing.sequences.map((sequence) => ({
        name: formatTableName(sequence.name),
        ...(sequence.first ? { first: positionOf(sequence.first) } : {}),
        ...(sequence.second ? { second: positionOf(sequence.second) } : {}),
      })),
      notCompared: pairing.notes,
    },
    rowsPerPage,
    restorable: first.kind === 'backup' && second.kind === 'database',
    repeatable: compareAgain !== undefined,
    checked,
  };
}

export function differenceCount({ onlyInFirst, onlyInSecond, changed }: DifferenceCounts): number {
  return onlyInFirst + onlyInSecond + changed;
}

function tableView(
  { name, compared }: PairedTable,
  index: number,
  result: StoredComparison['results'][number],
): ComparedTableView {
  const types = new Map(compared?.first.columns.map((column) => [column.name, column.type]));
  return {
    key: tableKey(name),
    label: formatTableName(name),
    index,
    ...(result ? { counts: result.counts } : {}),
    columns: (compared?.columns ?? []).map(({ first }, place) => {
      const type = types.get(first) ?? '';
      return {
        ...{ name: first, type, numeric: isNumeric(type), counted: isCounted(type) },
        isKey: compared?.key?.includes(place) ?? false,
        changed: result?.changedColumns.includes(place) ?? false,
      };
    }),
    withoutKey: compared !== undefined && compared.key === undefined,
  };
}

function positionOf({ lastValue, isCalled }: SequencePosition): CounterPosition {
  return { value: lastValue, unused: isCalled === false };
}
