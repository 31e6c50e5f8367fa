import { formatCount, formatDuration, formatQuantity as count } from '../core/format.ts';
import type { JsonRow } from '../core/jsonValue.ts';
import { formatTableName } from '../core/names.ts';
import { describeReason } from '../core/related.ts';
import type { DescribedConflict } from '../core/rowConflicts.ts';
import { valueFromJson } from '../core/rowLines.ts';
import { visible } from '../core/visible.ts';
import type { RowsReport, WrittenTableReport } from '../restore/chosenRows/rowsReport.ts';
import { shownValue } from './comparisonText.ts';

/** How many rows of a table people read. */
const shownRows = 20;

/** How many conflicts people read. */
const shownConflicts = 40;

/** What a restore of chosen rows is going to do, from a rehearsal of it. */
export function rowsPlanText(report: RowsReport, target: string): string {
  const what = report.undo ? 'takes back rows that a restore wrote' : 'writes chosen rows';
  return [
    visible(`This ${what} in ${target}, and no other row:`),
    ...otherSourceText(report),
    ...tableTexts(report, planned),
    ...relatedTexts(report),
    ...conflictTexts(report),
    ...report.notes.map((note) => visible(`note: ${note}`)),
  ].join('\n');
}

export function rowsText(report: RowsReport): string {
  const { dryRun, undo, milliseconds, safetyBackup } = report;
  const total = report.tables.reduce(
    (sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted,
    0,
  );
  const time = formatDuration(milliseconds);
  const verb = undo ? 'Took back' : 'Restored';
  const done = dryRun
    ? `Rehearsed and verified ${count(total, 'row')} in ${time}; rolled back, nothing was changed:`
    : `${verb} and verified ${count(total, 'row')} in ${time}:`;
  return [
    total === 0 ? `No row had to be written (${time}).` : done,
    ...otherSourceText(report),
    ...report.tables.flatMap((table) => [
      visible(`  ${formatTableName(table.table)}: ${writtenText(table)}`),
      ...rowTexts(table),
    ]),
    ...relatedTexts(report),
    ...conflictTexts(report),
    ...report.notes.map((note) => visible(`note: ${note}`)),
    ...(safetyBackup === undefined ? [] : [`To take these rows back, restore ${safetyBackup}`]),
  ].join('\n');
}

function otherSourceText({ otherSource }: RowsReport): string[] {
  return otherSource === undefined
    ? []
    : [visible(`  The backup was taken from another database: ${otherSource}`)];
}

function tableTexts({ tables }: RowsReport, text: (table: WrittenTableReport) => string): string[] {
  return tables.map((table) => visible(`  ${formatTableName(table.table)}: ${text(table)}`));
}

/** `3 rows return, 1 changes back, nothing is deleted` */
function planned({ inserted, updated, deleted, ...rest }: WrittenTableReport): string {
  const verbs = [
    { rows: inserted, one: 'returns', many: 'return' },
    { rows: updated, one: 'changes back', many: 'change back' },
    { rows: deleted, one: 'is deleted', many: 'are deleted' },
  ].filter(({ rows }) => rows > 0);
  return [
    ...verbs.map(({ rows, one, many }, index) =>
      [index === 0 ? count(rows, 'row') : formatCount(rows), rows === 1 ? one : many].join(' '),
    ),
    ...(deleted === 0 ? ['nothing is deleted'] : []),
    ...restTexts(rest),
  ].join(', ');
}

function writtenText({ inserted, updated, deleted, ...rest }: WrittenTableReport): string {
  return [
    `${formatCount(inserted)} inserted`,
    `${formatCount(updated)} updated`,
    `${formatCount(deleted)} deleted`,
    ...restTexts(rest),
  ].join(', ');
}

function restTexts({ unchanged, leftAlone }: Pick<WrittenTableReport, 'unchanged' | 'leftAlone'>): string[] {
  return [
    ...(unchanged > 0 ? [`${formatCount(unchanged)} already as wanted`] : []),
    ...(leftAlone > 0
      ? [`${formatCount(leftAlone)} left alone (only the database has ${leftAlone === 1 ? 'it' : 'them'})`]
      : []),
  ];
}

function rowTexts({ rows, notListed }: WrittenTableReport): string[] {
  const more = rows.length - Math.min(rows.length, shownRows) + notListed;
  return [
    ...rows.slice(0, shownRows).map(({ done, key }) => visible(`    ${done.padEnd(8)}  ${valuesText(key)}`)),
    ...(more > 0 ? [`    and ${formatCount(more)} more`] : []),
  ];
}

function relatedTexts({ related }: RowsReport): string[] {
  if (related.length === 0) return [];
  const more = related.length - shownRows;
  return [
    'Related rows that were gone too:',
    ...related
      .slice(0, shownRows)
      .map(({ table, key, reason }) =>
        visible(`  ${formatTableName(table)}: ${valuesText(key)} (${describeReason(reason)})`),
      ),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ];
}

function conflictTexts({ conflicts, skipped, overwritten }: RowsReport): string[] {
  const title = [
    ...(skipped > 0 ? [`${count(skipped, 'row')} skipped`] : []),
    ...(overwritten > 0 ? [`${count(overwritten, 'row')} overwritten`] : []),
  ];
  return title.length === 0 ? [] : [`Conflicts: ${title.join(', ')}`, ...conflictLines(conflicts)];
}

/** Conflicts for people, a line each. */
export function conflictLines(conflicts: readonly DescribedConflict[]): string[] {
  const more = conflicts.length - shownConflicts;
  return [
    ...conflicts.slice(0, shownConflicts).map((conflict) => visible(`  ${conflictText(conflict)}`)),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ];
}

function conflictText(conflict: DescribedConflict): string {
  const { schema, table, key, done } = conflict;
  const name = formatTableName({ ...(schema === undefined ? {} : { schema }), name: table });
  return `${name}: ${valuesText(key)}: ${reasonText(conflict)}${done ? ` (${done})` : ''}`;
}

function reasonText({ kind, seen, wanted, now, columns = [], reason, needs }: DescribedConflict): string {
  switch (kind) {
    case 'changed':
      return `changed since: ${columns.map((name) => changeText(name, seen, now)).join(', ')}`;
    case 'gone':
      return 'deleted since';
    case 'there':
      return `there again, with other values: ${columns.map((name) => changeText(name, wanted, now)).join(', ')}`;
    case 'constraint':
      return `refused: ${reason ?? 'a constraint of the table'}`;
    case 'foreign-key': {
      if (!needs) return `refused: ${reason ?? 'a foreign key'}`;
      const { schema, table: name, key } = needs;
      const parent = formatTableName({ ...(schema === undefined ? {} : { schema }), name });
      return `it references a row of ${parent} that is missing: ${valuesText(key)}`;
    }
  }
}

function changeText(name: string, before: JsonRow | undefined, now: JsonRow | undefined): string {
  return `${formatTableName({ name })} ${shownOf(before, name)} → ${shownOf(now, name)}`;
}

function valuesText(values: JsonRow): string {
  return Object.keys(values)
    .map((name) => `${formatTableName({ name })} ${shownOf(values, name)}`)
    .join(', ');
}

/** Longer values are cut for people, in characters. */
const longestShown = 80;

function shownOf(values: JsonRow | undefined, name: string): string {
  const text = shownValue(valueFromJson(values?.[name] ?? null));
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
