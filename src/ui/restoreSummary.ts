import * as vscode from 'vscode';
import { formatTableName } from '../core/names.ts';
import type { RestorePlan, TablePlan } from '../core/plan.ts';
import { rowsText } from './quantities.ts';

/** A dialog must fit on a screen. */
const mostTables = 12;
const mostNotes = 6;

export interface SummaryOptions {
  /** Where safety backups go; none is taken when it is left out. */
  readonly safetyFolder?: string;
}

/** What a restore is about to write, for the dialog that asks once. */
export function restoreSummary(plan: RestorePlan, { safetyFolder }: SummaryOptions): string {
  const tables = plan.tables.map((table) => describeTable(table, plan.mode));
  const inbound = plan.tables.flatMap((table) =>
    table.inbound.map(({ from, name }) =>
      vscode.l10n.t(
        '{0} is not restored and points at {1} (foreign key {2}).',
        formatTableName(from),
        formatTableName(table.target),
        name,
      ),
    ),
  );
  const notes = [...inbound, ...plan.warnings.map((warning) => `${warning}.`)];
  const existing = plan.tables.some((table) => !table.create);
  const paragraphs = [
    modeText(plan),
    atMost(tables, mostTables).join('\n'),
    atMost(notes, mostNotes).join('\n'),
    existing ? safetyText(safetyFolder) : '',
    vscode.l10n.t('All of it is one transaction: if anything goes wrong, nothing is changed.'),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

function modeText({ mode }: RestorePlan): string {
  switch (mode) {
    case 'replace':
      return vscode.l10n.t('Replace: the tables become exactly what the backup holds.');
    case 'merge':
      return vscode.l10n.t('Merge: rows of the backup are inserted or updated, others stay.');
    case 'insert-missing':
      return vscode.l10n.t('Insert missing rows: only rows whose key is absent are inserted.');
  }
}

function describeTable({ target, create, rowsNow, backup }: TablePlan, mode: RestorePlan['mode']): string {
  const name = formatTableName(target);
  const then = rowsText(backup.rows);
  if (create) return vscode.l10n.t('{0}: is made anew, {1}', name, then);
  return mode === 'replace'
    ? vscode.l10n.t('{0}: {1} now → {2}', name, rowsText(rowsNow), then)
    : vscode.l10n.t('{0}: {1} now, {2} in the backup', name, rowsText(rowsNow), then);
}

function safetyText(safetyFolder: string | undefined): string {
  return safetyFolder === undefined
    ? vscode.l10n.t('No safety backup is taken: the setting restorePoint.safetyBackups is off.')
    : vscode.l10n.t(
        'The tables are backed up first, to {0}: Undo Restore brings them back as they are now.',
        safetyFolder,
      );
}

function atMost(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), vscode.l10n.t('… and {0} more', lines.length - most)];
}
