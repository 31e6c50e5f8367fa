import * as vscode from 'vscode';
import { formatCount } from '../../core/format.ts';
import type { JsonRow } from '../../core/jsonValue.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import type { DescribedConflict } from '../../core/rowConflicts.ts';
import { valueFromJson } from '../../core/rowLines.ts';
import { valueText } from '../../core/values.ts';
import { visible } from '../../core/visible.ts';
import type { RowsReport } from '../../restore/chosenRows/rowsReport.ts';
import { rowsText } from '../quantities.ts';

/** How many conflicts a dialog lists; the log has all. */
const shownConflicts = 12;
/** Longer values are cut in a dialog, in characters. */
const longestShown = 60;

/** How many rows a restore of chosen rows writes. */
export function writtenCount({ tables }: RowsReport): number {
  return tables.reduce((sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted, 0);
}

/** What a restore of chosen rows is going to do, from a rehearsal: a line for each table, and what comes along. */
export function rehearsedLines({ tables, related, notes, otherSource }: RowsReport): string[] {
  const lines = tables.map(({ table, inserted, updated, deleted, unchanged }) => {
    const parts = [
      ...(inserted > 0 ? [returnText(inserted)] : []),
      ...(updated > 0 ? [changeBackText(updated)] : []),
      deleted > 0 ? deletedText(deleted) : vscode.l10n.t('nothing is deleted'),
      ...(unchanged > 0 ? [vscode.l10n.t('already as in the backup: {0}', rowsText(unchanged))] : []),
    ];
    return `${shown(table)}: ${parts.join(', ')}`;
  });
  const other =
    otherSource === undefined
      ? []
      : [vscode.l10n.t('The backup was taken from another database: {0}', visible(otherSource))];
  const along =
    related.length === 0
      ? []
      : [
          vscode.l10n.t(
            'Related rows that come along: {0}',
            [...Map.groupBy(related, ({ table }) => shown(table))]
              .map(([name, rows]) => `${name} (${formatCount(rows.length)})`)
              .join(', '),
          ),
        ];
  return [...other, ...lines, ...along, ...notes.map(visible)];
}

function returnText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 row returns') : vscode.l10n.t('{0} rows return', formatCount(count));
}

function changeBackText(count: number): string {
  return count === 1
    ? vscode.l10n.t('1 row changes back')
    : vscode.l10n.t('{0} rows change back', formatCount(count));
}

function deletedText(count: number): string {
  return count === 1
    ? vscode.l10n.t('1 row is deleted')
    : vscode.l10n.t('{0} rows are deleted', formatCount(count));
}

/** Conflicts, a line each, as many as a dialog can show. `undo`: of a restore that is taken back. */
export function conflictLines(conflicts: readonly DescribedConflict[], undo: boolean): string[] {
  const more = conflicts.length - shownConflicts;
  return [
    ...conflicts.slice(0, shownConflicts).map((conflict) => conflictLine(conflict, undo)),
    ...(more > 0 ? [vscode.l10n.t('and {0} more', formatCount(more))] : []),
  ];
}

export function conflictLine({ schema, table, key, ...conflict }: DescribedConflict, undo: boolean): string {
  const name = shown({ ...(schema === undefined ? {} : { schema }), name: table });
  return `${name} (${valuesOf(key)}): ${reasonOf(conflict, undo)}`;
}

function reasonOf(
  { kind, columns = [], reason, needs }: Omit<DescribedConflict, 'table' | 'key'>,
  undo: boolean,
): string {
  switch (kind) {
    case 'changed':
      return undo
        ? vscode.l10n.t('changed since the restore: {0}', visible(columns.join(', ')))
        : vscode.l10n.t('changed since the comparison: {0}', visible(columns.join(', ')));
    case 'gone':
      return undo
        ? vscode.l10n.t('deleted since the restore')
        : vscode.l10n.t('deleted since the comparison');
    case 'there':
      return vscode.l10n.t('exists again, with other values: {0}', visible(columns.join(', ')));
    case 'constraint':
      return vscode.l10n.t('the database refuses it: {0}', visible(reason ?? ''));
    case 'foreign-key': {
      if (!needs) return vscode.l10n.t('the database refuses it: {0}', visible(reason ?? ''));
      const { schema, table: name, key } = needs;
      const parent = shown({ ...(schema === undefined ? {} : { schema }), name });
      return vscode.l10n.t('it references a missing row of {0}: {1}', parent, valuesOf(key));
    }
  }
}

function shown(table: TableName): string {
  return visible(formatTableName(table));
}

function valuesOf(row: JsonRow): string {
  return Object.entries(row)
    .map(([name, json]) => {
      const text = valueText(valueFromJson(json)) ?? 'NULL';
      return visible(`${name} ${text.length > longestShown ? `${text.slice(0, longestShown)}…` : text}`);
    })
    .join(', ');
}
