import { type ComparedContent, differing, hasSameColumns, isEqual } from '../compare/comparisonResult.ts';
import type { Pairing, PairedTable, SequencePosition } from '../compare/pairTables.ts';
import type { RowLine } from '../core/rowLines.ts';
import type { DifferenceCounts, RowDifference } from '../core/differences.ts';
import { formatCount, formatQuantity as count } from '../core/format.ts';
import { formatTableName, type TableName } from '../core/names.ts';
import { type Value, valueText } from '../core/values.ts';
import { visible } from '../core/visible.ts';
import { aligned } from './summary.ts';

/** The result of a comparison. */
export interface ComparisonResult extends ComparedContent {
  /** Rows as JSON, by the positions of the tables, if they are part of one object. */
  readonly rows: ReadonlyMap<number, readonly object[]>;
}

/** The result as text: first the differences, then the equal tables in one line; without a final line break. */
export function comparisonText(result: ComparisonResult): string {
  const { pairing, counts } = result;
  const changed: string[][] = [];
  let [equalTables, equalRows] = [0, 0];
  for (const [place, table] of pairing.tables.entries()) {
    const found = counts.get(place);
    if (found && differing(found) > 0) changed.push([formatTableName(table.name), ...countTexts(found)]);
    else if (hasSameColumns(table)) {
      equalTables += 1;
      equalRows += found?.same ?? 0;
    }
  }
  const rows = counts.size > 0 ? ` (${count(equalRows, 'row')})` : '';
  return [
    isEqual(result) ? 'The two sides are equal.' : 'The two sides differ:',
    ...aligned(changed),
    ...besideRowsText(pairing).map((line) => `  ${line}`),
    ...(equalTables > 0 ? [`${count(equalTables, 'table is', 'tables are')} equal${rows}.`] : []),
    ...pairing.notes.map((note) => visible(`note: ${note}`)),
  ].join('\n');
}

function countTexts({ onlyInFirst, onlyInSecond, changed, same }: DifferenceCounts): string[] {
  return [
    `${formatCount(onlyInFirst)} only in the first`,
    `${formatCount(onlyInSecond)} only in the second`,
    `${formatCount(changed)} changed`,
    `${formatCount(same)} the same`,
  ];
}

/** The differences besides rows, on a line each. */
export function besideRowsText(pairing: Pairing): string[] {
  const only = (names: readonly TableName[], which: string): string[] =>
    names.length === 0 ? [] : [`tables only in the ${which}: ${names.map(formatTableName).join(', ')}`];
  const columns = (table: PairedTable, names: readonly string[], which: string): string[] =>
    names.length === 0
      ? []
      : [
          `${formatTableName(table.name)}: columns only in the ${which}: ${names.map((name) => formatTableName({ name })).join(', ')}`,
        ];
  return [
    ...only(pairing.onlyInFirst, 'first'),
    ...only(pairing.onlyInSecond, 'second'),
    ...pairing.tables.flatMap((table) => [
      ...columns(table, table.columnsOnlyInFirst, 'first'),
      ...columns(table, table.columnsOnlyInSecond, 'second'),
    ]),
    ...pairing.sequences.map(
      ({ name, first, second }) =>
        `counter ${formatTableName(name)}: ${positionText(first)} in the first, ${positionText(second)} in the second`,
    ),
  ].map(visible);
}

function positionText(position: SequencePosition | undefined): string {
  if (!position) return 'none';
  return position.isCalled ? position.lastValue : `${position.lastValue} (not used yet)`;
}

/** The result as one JSON object. */
export function comparisonAsJson(result: ComparisonResult): object {
  const { pairing, counts, rows } = result;
  return {
    equal: isEqual(result),
    tables: pairing.tables.map(({ name, columnsOnlyInFirst, columnsOnlyInSecond, compared }, place) => ({
      ...name,
      ...counts.get(place),
      ...(compared?.key ? { key: compared.key.map((index) => compared.columns[index]!.first) } : {}),
      ...(columnsOnlyInFirst.length > 0 ? { columnsOnlyInFirst } : {}),
      ...(columnsOnlyInSecond.length > 0 ? { columnsOnlyInSecond } : {}),
      ...(rows.has(place) ? { rows: rows.get(place) } : {}),
    })),
    tablesOnlyInFirst: pairing.onlyInFirst,
    tablesOnlyInSecond: pairing.onlyInSecond,
    sequences: pairing.sequences.map(({ name, first, second }) => ({
      ...name,
      ...(first ? { first } : {}),
      ...(second ? { second } : {}),
    })),
    notes: pairing.notes,
  };
}

/** A row that differs, for people: a line. */
export function differenceText(line: RowLine, difference: RowDifference): string {
  const titles = { onlyInFirst: 'only in the first', onlyInSecond: 'only in the second', changed: 'changed' };
  const { key } = line;
  const others = ([name]: readonly [string, Value]): boolean => key?.has(name) !== true;
  const values =
    difference.kind === 'changed'
      ? changesText(line, difference.columns)
      : valuesText([...(line.first ?? line.second ?? [])].filter(others));
  const parts = [key ? valuesText([...key]) : '', values].filter((text) => text !== '');
  return `  ${titles[difference.kind].padEnd(18)}  ${parts.join(': ')}`;
}

function changesText({ first, second }: RowLine, columns: readonly number[]): string {
  const names = [...(first?.keys() ?? [])];
  return columns
    .map((place) => {
      const name = names[place]!;
      return `${formatTableName({ name })} ${shownValue(first?.get(name) ?? null)} → ${shownValue(second?.get(name) ?? null)}`;
    })
    .join(', ');
}

function valuesText(values: readonly (readonly [string, Value])[]): string {
  return values.map(([name, value]) => `${formatTableName({ name })} ${shownValue(value)}`).join(', ');
}

/** A value for people. */
export function shownValue(value: Value): string {
  const text = valueText(value);
  if (value === null || text === undefined) return 'NULL';
  const cut = 'cutFrom' in value && value.cutFrom !== undefined ? '…' : '';
  return value.kind === 'text' ? `'${text.replaceAll("'", "''")}'${cut}` : `${text}${cut}`;
}
