import * as vscode from 'vscode';
import { formatCount, formatDuration } from '../core/format.ts';
import type { TableChange } from '../core/plan.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';
import { visibleLines } from '../core/visible.ts';
import { shownName } from './names.ts';
import { rowsText } from './quantities.ts';
import { atMost } from './restoreSummary.ts';

/** The changes to the rows of all tables, as the end of a sentence. */
export function changesText({ mode, tables }: RestoreReport): string {
  const sum = (count: 'inserted' | 'updated'): number =>
    tables.reduce((total, change) => total + change[count], 0);
  switch (mode) {
    case 'replace':
      return replacedText(tables);
    case 'merge':
      return vscode.l10n.t(
        '{0} inserted, {1} updated',
        rowsText(sum('inserted')),
        formatCount(sum('updated')),
      );
    case 'insert-missing':
      return vscode.l10n.t('{0} inserted', rowsText(sum('inserted')));
  }
}

function replacedText(tables: readonly TableChange[]): string {
  const total = (count: (change: TableChange) => number): number =>
    tables.reduce((sum, change) => sum + count(change), 0);
  const rows = total(({ inserted }) => inserted);
  const written = total(({ inserted, kept = 0 }) => inserted - kept);
  // A table that is written as a whole loses all of its rows first.
  const removed = total(({ rowsBefore, kept, removed: others = 0 }) =>
    kept === undefined ? rowsBefore : others,
  );
  if (written === rows) return rowsText(rows);
  if (written === 0) {
    return removed === 0
      ? vscode.l10n.t('{0} unchanged, nothing to write', rowsText(rows))
      : vscode.l10n.t('{0} unchanged, {1} others removed', rowsText(rows), formatCount(removed));
  }
  return vscode.l10n.t(
    '{0}, {1} of them written; the rest were unchanged',
    rowsText(rows),
    formatCount(written),
  );
}

/** A dialog must fit on a screen. */
const mostTables = 16;
const mostWarnings = 6;

/** The result of a rehearsal: the differences of each table, and the duration. */
export function previewDetail(report: RestoreReport): string {
  const opaque = report.opaque.map(({ target, create }) =>
    create
      ? vscode.l10n.t('{0}: created as a whole', shownName(target))
      : vscode.l10n.t('{0}: replaced as a whole', shownName(target)),
  );
  const written = ({ changes }: TableChange): number =>
    changes ? changes.inserted + changes.updated + changes.deleted : 0;
  const sorted = report.tables.toSorted((a, b) => written(b) - written(a));
  const tables = [...sorted.map((change) => previewLine(report, change)), ...opaque];
  const warnings = report.warnings.map((warning) => `${visibleLines(warning)}.`);
  return [
    atMost(tables, mostTables).join('\n'),
    atMost(warnings, mostWarnings).join('\n'),
    vscode.l10n.t(
      'The preview ran the whole restore in {0}, verified it, and rolled it back.',
      formatDuration(report.milliseconds),
    ),
  ]
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

function previewLine({ only }: RestoreReport, { table, changes, rowsAfter }: TableChange): string {
  const name = shownName(table);
  if (only === 'schema') return vscode.l10n.t('{0}: no rows are written', name);
  if (!changes || changes.atLeast)
    return vscode.l10n.t('{0}: {1} after the restore', name, rowsText(rowsAfter));
  return vscode.l10n.t(
    '{0}: {1} inserted, {2} updated, {3} deleted, {4} unchanged',
    name,
    formatCount(changes.inserted),
    formatCount(changes.updated),
    formatCount(changes.deleted),
    formatCount(changes.unchanged),
  );
}
