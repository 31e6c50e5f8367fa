import type { RowConflict } from '../../core/chosenRows.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatQuantity } from '../../core/format.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import type { JsonRow } from '../../core/jsonValue.ts';
import type { DescribedConflict } from '../../core/rowConflicts.ts';
import { namedRow, valueAsJson } from '../../core/rowLines.ts';
import type { Row } from '../../core/values.ts';
import type { FoundConflicts } from '../../engines/rowRestore.ts';
import { keyOf } from './rowsReport.ts';
import type { RowsOfTable } from './chosenRows.ts';

/** Conflicts as data. `tables` are those that the engine was given. */
export function describeConflicts(
  { listed }: FoundConflicts,
  tables: readonly RowsOfTable[],
  done?: DescribedConflict['done'],
): DescribedConflict[] {
  return listed.map((conflict) => ({
    ...describe(conflict, tables[conflict.table]!),
    ...(done ? { done } : {}),
  }));
}

function describe(
  { kind, row: { seen, wanted }, now, reason, needs }: RowConflict,
  { target, columns, key }: RowsOfTable,
): DescribedConflict {
  const names = columns.map(({ second }) => second);
  const of = (row: Row): JsonRow => namedRow(names, row);
  const one = (wanted ?? seen)!;
  return {
    ...nameOf(target),
    kind,
    key: keyOf({ columns, ...(key ? { key } : {}) }, one),
    ...(wanted ? { wanted: of(wanted) } : {}),
    ...(seen ? { seen: of(seen) } : {}),
    ...(now ? { now: of(now) } : {}),
    ...(now && (kind === 'changed' || kind === 'there')
      ? { columns: differing(names, seen ?? wanted, now) }
      : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(needs ? { needs: { ...nameOf(needs.table), key: namedRow(needs.columns, needs.values) } } : {}),
  };
}

function nameOf({ schema, name }: TableName): Pick<DescribedConflict, 'schema' | 'table'> {
  return { ...(schema === undefined ? {} : { schema }), table: name };
}

function differing(names: readonly string[], row: Row | undefined, now: Row): string[] {
  const text = (values: Row, place: number): string => JSON.stringify(valueAsJson(values[place]!));
  return names.filter((_, place) => row && text(row, place) !== text(now, place));
}

/** How many rows are in conflict. */
export function countConflicts({ counts }: FoundConflicts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** What an error about conflicts can advise. */
export interface ConflictAdvice {
  /** Rows were to be overwritten. */
  readonly overwrite: boolean;
  /** Related rows can still be asked for. */
  readonly related: boolean;
  /** Since when rows were to be as they were seen: `the comparison`. */
  readonly since: string;
}

/** The error for rows that cannot be written as they were chosen. */
export function conflictError(
  found: FoundConflicts,
  tables: readonly RowsOfTable[],
  { overwrite, related, since }: ConflictAdvice,
): RestorePointError {
  const conflicts = describeConflicts(found, tables);
  const { changed = 0, gone = 0, there = 0, constraint = 0, 'foreign-key': foreign = 0 } = found.counts;
  const others = changed + gone + there;
  const refused = constraint + foreign;
  const rows = (count: number): string => formatQuantity(count, 'row');
  const parts = [
    ...(others > 0 ? [`${rows(others)} changed in the database since ${since}`] : []),
    ...(refused > 0 ? [`the database refuses ${rows(refused)}`] : []),
  ];
  const parents = new Set(
    found.listed.flatMap(({ needs }) => (needs && related ? [formatTableName(needs.table)] : [])),
  );
  const next = [
    ...(parents.size > 0
      ? [`To bring back the missing rows of ${[...parents].join(', ')} too, add --with-related.`]
      : []),
    'To write all other rows, add --on-conflict skip.',
    ...(others > 0 && !overwrite ? ['To write these rows too, add --on-conflict overwrite.'] : []),
  ];
  const message = parts.join(', and ');
  return new RestorePointError('refused', message.charAt(0).toUpperCase() + message.slice(1), {
    conflicts,
    next: next.join(' '),
  });
}
