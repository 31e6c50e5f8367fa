import * as vscode from 'vscode';
import { formatCount } from '../core/format.ts';
import type { TableChange } from '../core/plan.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';
import { rowsText } from './quantities.ts';

/** What happened to the rows of all tables, as the end of a sentence. */
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
