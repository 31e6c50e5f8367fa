import * as vscode from 'vscode';
import { formatCount } from '../core/format.ts';
import type { Manifest } from '../core/manifest.ts';
import type { InboundForeignKey, OpaquePlan, RestorePlan, RowChanges, TablePlan } from '../core/plan.ts';
import type { Engine } from '../engines/engine.ts';
import { splitByChange } from '../restore/changedTables.ts';
import { notChosen } from '../restore/notChosen.ts';
import { localized } from './localized.ts';
import { rowsText } from './quantities.ts';
import { visible, visibleLines } from '../core/visible.ts';
import { shownName } from './names.ts';

/** A dialog must fit on a screen. */
const mostTables = 12;
const mostNotes = 6;
const mostLeftOut = 4;
const mostUnchanged = 6;

export interface SummaryOptions {
  /** For display: the backup's name, when it was taken, and the database to write. */
  readonly backup: string;
  readonly age: string;
  readonly target: string;
  /** What the backup contains. */
  readonly manifest: Pick<Manifest, 'objects' | 'extras'>;
  /** The engine of the backup and the database. */
  readonly engine: Pick<Engine, 'extras' | 'statements'>;
  /** Only chosen tables are restored, not all of the backup. */
  readonly tablesChosen: boolean;
  /** Whether a safety backup is taken before anything is written. */
  readonly undoable: boolean;
  /** A sentence about what changed since the restore that this one undoes. */
  readonly since?: string;
}

/** The changes that a restore will make, for the confirmation dialog. */
export function restoreSummary(plan: RestorePlan, options: SummaryOptions): string {
  const { backup, age, target, undoable } = options;
  const { opaque = [] } = plan;
  const { changed, unchanged } = splitByChange(plan.tables);
  const tables = [...changed.map(describeTable), ...opaque.map(describeOpaque)];
  const inbound = plan.tables.flatMap((table) => table.inbound.map((key) => describeInbound(table, key)));
  const notes = [...inbound, ...plan.warnings.map((warning) => `${visibleLines(warning)}.`)];
  const overwritten = plan.extras?.overwrites === true;
  const existing = overwritten || [...plan.tables, ...opaque].some((table) => !table.create);
  const paragraphs = [
    vscode.l10n.t('From {0} ({1}) into {2}.', backup, age, target) + `\n${modeText(plan)}`,
    plan.otherSource === undefined
      ? ''
      : vscode.l10n.t('The backup was taken from another database: {0}.', visible(plan.otherSource)),
    [
      ...(changed.some(({ changes }) => changes) ? [changesLegend()] : []),
      ...atMost(tables, mostTables),
      ...unchangedText(unchanged),
      ...extrasText(plan),
      ...countersText(plan),
    ].join('\n'),
    options.since ?? '',
    [...(options.tablesChosen ? notChosenText(plan, options) : []), ...atMost(notes, mostNotes)].join('\n'),
    existing ? safetyText(undoable) : '',
    vscode.l10n.t('Everything runs in one transaction: if anything goes wrong, nothing is changed.'),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

function modeText({ mode, only }: RestorePlan): string {
  if (only === 'schema') return vscode.l10n.t('Creates what is missing and writes no rows.');
  switch (mode) {
    case 'replace':
      return vscode.l10n.t('Replace: makes each table exactly as it is in the backup.');
    case 'merge':
      return vscode.l10n.t(
        'Merge: adds and updates rows from the backup; keeps rows that only the database has.',
      );
    case 'insert-missing':
      return vscode.l10n.t('Insert missing rows: adds back deleted rows; leaves existing rows alone.');
  }
}

function describeTable({ target, create, rowsNow, backup, changes }: TablePlan): string {
  const name = shownName(target);
  if (create) return vscode.l10n.t('{0}: missing, will be created with {1}', name, rowsText(backup.rows));
  const [now, before] = [rowsText(rowsNow), formatCount(backup.rows)];
  const numbers = changes ? changeNumbers(changes) : '';
  return numbers === ''
    ? vscode.l10n.t('{0}: {1} now, {2} in the backup', name, now, before)
    : vscode.l10n.t('{0}: {1} ({2} now, {3} in the backup)', name, numbers, now, before);
}

/** Explains the signs of `changeNumbers`. */
export function changesLegend(): string {
  return vscode.l10n.t('Rows inserted (+), updated (~) and deleted (−):');
}

/** `+10, ~0, −0`; empty where nothing is known. */
export function changeNumbers({ inserted, updated, deleted, atLeast }: RowChanges): string {
  const numbers = `+${formatCount(inserted)}, ~${formatCount(updated)}, −${formatCount(deleted)}`;
  if (!atLeast) return numbers;
  return inserted + deleted === 0 ? '' : vscode.l10n.t('at least {0}', numbers);
}

/** The tables that stay as they are, in one line. */
function unchangedText(tables: readonly TablePlan[]): string[] {
  if (tables.length === 0) return [];
  const names = atMost(
    tables.map(({ target }) => shownName(target)),
    mostUnchanged,
  ).join(', ');
  const rows = tables.reduce((sum, { rowsNow }) => sum + rowsNow, 0);
  return [vscode.l10n.t('Unchanged: {0} ({1})', names, rowsText(rows))];
}

function describeOpaque({ target, create }: OpaquePlan): string {
  const name = shownName(target);
  return create
    ? vscode.l10n.t('{0}: missing, will be created as a whole', name)
    : vscode.l10n.t('{0}: will be replaced as a whole', name);
}

/** The parts that a choice of tables leaves out, in one line. */
function notChosenText(plan: RestorePlan, { manifest, engine }: SummaryOptions): string[] {
  const names = [
    ...notChosen(plan, manifest, engine.statements?.isGiven).map(
      ({ kind, name }) => `${kind} ${visible(name)}`,
    ),
    ...(manifest.extras && !plan.extras && engine.extras ? [localized(engine.extras.name)] : []),
  ];
  if (names.length === 0) return [];
  return [vscode.l10n.t('Not part of this restore: {0}.', atMost(names, mostLeftOut).join(', '))];
}

function extrasText({ extras }: RestorePlan): string[] {
  return extras ? [localized(extras.description.text, ...extras.description.values)] : [];
}

/** Changes other than tables. */
function countersText({ sequences, create }: RestorePlan): string[] {
  const set = [...new Set(sequences.map(({ name }) => shownName(name)))];
  const filled = create.filter(({ live, repeat }) => live && repeat).map(({ name }) => visible(name));
  return [
    ...(set.length > 0 ? [vscode.l10n.t('Counters to set: {0}', atMost(set, mostTables).join(', '))] : []),
    ...(filled.length > 0
      ? [vscode.l10n.t('Materialized views to refresh: {0}', atMost(filled, mostTables).join(', '))]
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

function safetyText(undoable: boolean): string {
  return !undoable
    ? vscode.l10n.t(
        'You cannot undo this: no safety backup is taken, because the setting restorePoint.safetyBackups is off.',
      )
    : vscode.l10n.t('You can undo this with Undo Restore.');
}

/** The first of many lines, and how many more there are. */
export function atMost(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), vscode.l10n.t('… and {0} more', lines.length - most)];
}
