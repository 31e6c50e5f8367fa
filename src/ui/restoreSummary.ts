import * as vscode from 'vscode';
import { formatCount } from '../core/format.ts';
import type { InboundForeignKey, OpaquePlan, RestorePlan, TablePlan } from '../core/plan.ts';
import { rowsText } from './quantities.ts';
import { visible, visibleLines } from '../core/visible.ts';
import { shownName } from './names.ts';

/** A dialog must fit on a screen. */
const mostTables = 12;
const mostNotes = 6;

export interface SummaryOptions {
  /** For people: the backup's name, when it was taken, and the database that is written. */
  readonly backup: string;
  readonly age: string;
  readonly target: string;
  /** Where safety backups go; none is taken when it is left out. */
  readonly safetyFolder?: string;
}

/** What a restore is about to write, for the dialog that asks once. */
export function restoreSummary(plan: RestorePlan, options: SummaryOptions): string {
  const { backup, age, target, safetyFolder } = options;
  const { opaque = [] } = plan;
  const tables = [...plan.tables.map(describeTable), ...opaque.map(describeOpaque)];
  const inbound = plan.tables.flatMap((table) => table.inbound.map((key) => describeInbound(table, key)));
  const notes = [...inbound, ...plan.warnings.map((warning) => `${visibleLines(warning)}.`)];
  const overwritten = plan.largeObjects?.overwrite === true && plan.largeObjects.now > 0;
  const existing = overwritten || [...plan.tables, ...opaque].some((table) => !table.create);
  const paragraphs = [
    vscode.l10n.t('From {0} ({1}) into {2}.', backup, age, target) + `\n${modeText(plan)}`,
    [...atMost(tables, mostTables), ...largeObjectsText(plan), ...countersText(plan)].join('\n'),
    atMost(notes, mostNotes).join('\n'),
    existing ? safetyText(safetyFolder) : '',
    vscode.l10n.t('All of it is one transaction: if anything goes wrong, nothing is changed.'),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

function modeText({ mode, only }: RestorePlan): string {
  if (only === 'schema') return vscode.l10n.t('What is missing is made; no rows are written.');
  switch (mode) {
    case 'replace':
      return vscode.l10n.t('Replace: the tables become exactly what the backup holds.');
    case 'merge':
      return vscode.l10n.t('Merge: rows of the backup are inserted or updated, others stay.');
    case 'insert-missing':
      return vscode.l10n.t('Insert missing rows: only rows whose key is absent are inserted.');
  }
}

function describeTable({ target, create, rowsNow, backup }: TablePlan): string {
  const name = shownName(target);
  return create
    ? vscode.l10n.t('{0}: is made anew, {1}', name, rowsText(backup.rows))
    : vscode.l10n.t('{0}: {1} now, {2} in the backup', name, rowsText(rowsNow), formatCount(backup.rows));
}

function describeOpaque({ target, create }: OpaquePlan): string {
  const name = shownName(target);
  return create
    ? vscode.l10n.t('{0}: is made anew, as a whole', name)
    : vscode.l10n.t('{0}: is replaced as a whole', name);
}

function largeObjectsText({ largeObjects }: RestorePlan): string[] {
  if (!largeObjects) return [];
  const { backup, now, overwrite } = largeObjects;
  const [held, there] = [formatCount(backup.objects.rows), formatCount(now)];
  return [
    overwrite
      ? vscode.l10n.t(
          'Large objects: {0} now, {1} in the backup. Missing ones are made, those that are there are overwritten.',
          there,
          held,
        )
      : vscode.l10n.t(
          'Large objects: {0} now, {1} in the backup. Missing ones are made, those that are there stay.',
          there,
          held,
        ),
  ];
}

/** What is changed besides tables. */
function countersText({ sequences, create }: RestorePlan): string[] {
  const set = [...new Set(sequences.map(({ name }) => shownName(name)))];
  const filled = create.filter(({ live, repeat }) => live && repeat).map(({ name }) => visible(name));
  return [
    ...(set.length > 0 ? [vscode.l10n.t('Counters set: {0}', atMost(set, mostTables).join(', '))] : []),
    ...(filled.length > 0
      ? [vscode.l10n.t('Materialized views refreshed: {0}', atMost(filled, mostTables).join(', '))]
      : []),
  ];
}

function describeInbound({ target }: TablePlan, { from, columns }: InboundForeignKey): string {
  return vscode.l10n.t(
    '{0} is not restored and references {1} ({2}).',
    shownName(from),
    shownName(target),
    columns.map(visible).join(', '),
  );
}

function safetyText(safetyFolder: string | undefined): string {
  return safetyFolder === undefined
    ? vscode.l10n.t('No safety backup is taken: the setting restorePoint.safetyBackups is off.')
    : vscode.l10n.t(
        'First the tables are backed up to {0}; Undo Restore brings them back from there.',
        safetyFolder,
      );
}

/** The first of many lines, and how many more there are. */
export function atMost(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), vscode.l10n.t('… and {0} more', lines.length - most)];
}
