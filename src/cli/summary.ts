import type { Archive } from '../archive/archiveReader.ts';
import type { Encryption } from '../archive/encryption/keys.ts';
import type { ExtrasRules } from '../core/extrasRules.ts';
import { formatBytes, formatCount, formatDuration, formatQuantity as count } from '../core/format.ts';
import { inEnglish } from '../core/localizable.ts';
import type { BackupReport } from '../backup/takeBackup.ts';
import type { SalvageReport } from '../backup/salvageBackup.ts';
import type { VerifyReport } from '../backup/verifyBackup.ts';
import { type Manifest, sizeOf } from '../core/manifest.ts';
import { formatTableName } from '../core/names.ts';
import { visible, visibleLines } from '../core/visible.ts';
import { describeReasons } from '../core/related.ts';
import type {
  OpaquePlan,
  RestoreMode,
  RestorePlan,
  RowChanges,
  TableChange,
  TablePlan,
} from '../core/plan.ts';
import type { LeftOut } from '../core/schema.ts';
import { contentNotes, describeUnproven } from '../core/unproven.ts';
import { splitByChange } from '../restore/changedTables.ts';
import type { CodeToRun } from '../restore/codeToRun.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';

/** Text for people, from what the use cases report. Each ends without a line break. */

export function backupText(report: BackupReport): string {
  const tables = count(report.tables.length + report.opaque.length, 'table');
  const what = `${tables}, ${count(report.rows, 'row')}, ${formatBytes(report.bytes)}`;
  const related = report.tables.flatMap(({ table, rows, related: reasons }) =>
    reasons ? [[formatTableName(table.name), count(rows, 'row'), describeReasons(reasons)]] : [],
  );
  return [
    `Backed up ${what}${encryptionText(report.encryption)} in ${formatDuration(report.milliseconds)}: ${report.file}`,
    ...(related.length > 0 ? ['Related rows were added to the chosen ones:', ...aligned(related)] : []),
    ...backupNotes(report).map(visibleLines),
  ].join('\n');
}

/** What the backup does not hold, and notes about its contents. */
export function backupNotes({ leftOut, notes }: Pick<BackupReport, 'leftOut' | 'notes'>): string[] {
  return [...leftOut.map(leftOutText), ...notes];
}

function leftOutText({ kind, names, reason }: LeftOut): string {
  return `not carried: ${kind} ${names.join(', ')} (${reason})`;
}

export function verifyText({
  manifest,
  rows,
  bytes,
  milliseconds,
  encryption,
  unproven,
}: VerifyReport): string {
  const what = `${count(sizeOf(manifest).tables, 'table')}, ${count(rows, 'row')}, ${formatBytes(bytes)}`;
  return [
    `The ${manifest.writtenRows ? 'safety backup of rows' : 'backup'} is sound: ${what}${encryptionText(encryption)}, checked in ${formatDuration(milliseconds)}.`,
    ...(unproven.length > 0
      ? ['Every byte is intact, but some checks need the program that uses the database:']
      : []),
    ...unproven.map((one) => visible(`  ${describeUnproven(one)}`)),
  ].join('\n');
}

export function salvageText({ file, bytes, tables, lostChunks, lostExtras }: SalvageReport): string {
  const kept = tables.reduce((sum, table) => sum + table.rows, 0);
  const lost = tables.reduce((sum, table) => sum + table.lostRows, 0);
  const all = lost === 0 && !lostExtras ? 'all rows intact' : `${count(lost, 'row')} lost`;
  return [
    visible(`Salvaged ${count(kept, 'row')} (${all}), ${formatBytes(bytes)}: ${file}`),
    ...aligned(
      tables.map(({ table, rows, lostRows }) => [
        formatTableName(table),
        count(rows, 'row'),
        lostRows === 0 ? 'whole' : `${count(lostRows, 'row')} lost`,
      ]),
    ),
    ...lostChunks.map(({ entry, rows }) => `lost: ${entry}${rows > 0 ? ` (${count(rows, 'row')})` : ''}`),
    ...(lostExtras ? [`lost: all ${lostExtras}`] : []),
  ].join('\n');
}

export function inspectText({ manifest, size, encryption }: Archive, rules: ExtrasRules | undefined): string {
  const { source, extras } = manifest;
  return [
    ...labelText(manifest),
    visible(
      `${source.database} (${source.serverVersion}), taken ${manifest.createdAt} by Restore Point ${manifest.createdBy}, `,
    ) + `${formatBytes(size)}${extentText(manifest)}${encryptionText(encryption)}`,
    ...aligned(
      manifest.tables.map(({ table, rows, where, related, lostRows, rowsExcluded }) => [
        formatTableName(table.name),
        manifest.only === 'schema' ? 'no rows' : count(rows, 'row'),
        [
          ...(rowsExcluded ? ['rows excluded'] : []),
          ...(where === undefined ? [] : [`where ${where}`]),
          ...(related ? [`related: ${describeReasons(related)}`] : []),
          ...(lostRows === undefined ? [] : [`${count(lostRows, 'row')} lost because the file was damaged`]),
        ].join('; '),
      ]),
    ),
    ...aligned(
      (manifest.writtenRows?.tables ?? []).map(({ name, inserted, updated, deleted }) => [
        formatTableName(name),
        `${formatCount(inserted)} inserted, ${formatCount(updated)} updated, ${formatCount(deleted)} deleted`,
      ]),
    ),
    ...manifest.objects
      .filter(({ opaque }) => opaque)
      .map(({ kind, name }) => visible(`  ${formatTableName({ name })}  ${kind}`)),
    ...(extras && rules ? [`  ${rules.name}: ${rules.countOf(extras)}`] : []),
    ...backupNotes({ leftOut: manifest.leftOut, notes: contentNotes(manifest) }).map(visibleLines),
  ].join('\n');
}

function labelText({ name, note }: Manifest): string[] {
  return [
    ...(name === undefined ? [] : [visible(name)]),
    ...(note === undefined ? [] : [visibleLines(note)]),
  ];
}

function encryptionText(encryption: Encryption | undefined): string {
  if (!encryption) return '';
  return encryption === 'passphrase' ? ', encrypted with a passphrase' : ', encrypted to recipients';
}

function extentText({ complete, only, allObjects, writtenRows }: Manifest): string {
  if (writtenRows) return ', the rows that a restore wrote: restoring this file takes them back';
  if (only === 'schema') return allObjects ? ', schema only' : ', part of the schema only';
  if (only === 'data') return ', rows only, no schema';
  return complete ? '' : ', part of the database';
}

export function planText(plan: RestorePlan, target: string): string {
  const { changed, unchanged } = splitByChange(plan.tables);
  const rows = changed.map((table) => [
    formatTableName(table.target),
    table.create ? 'created' : `${count(table.rowsNow, 'row')} now`,
    plan.only === 'schema' ? 'no rows' : `${count(table.backup.rows, 'row')} in the backup`,
    ...(table.changes ? [changesText(table.changes)] : []),
    [
      ...(table.related ? [describeReasons(table.related)] : []),
      ...table.inbound.map(
        ({ from, columns }) => `${formatTableName(from)} references it (${columns.join(', ')})`,
      ),
    ].join(', '),
  ]);
  return [
    planTitle(plan, target),
    ...otherSourceText(plan),
    ...aligned(rows),
    ...unchangedText(unchanged),
    ...opaqueText(plan.opaque),
    ...extrasText(plan),
    ...countersText(plan),
    ...plan.warnings.map((warning) => visibleLines(`warning: ${warning}`)),
  ].join('\n');
}

/** `+10 ~2 −3`: inserted, updated, deleted. */
function changesText({ inserted, updated, deleted, atLeast }: RowChanges): string {
  const numbers = `+${formatCount(inserted)} ~${formatCount(updated)} −${formatCount(deleted)}`;
  if (!atLeast) return numbers;
  return inserted + deleted === 0 ? 'not counted' : `at least ${numbers}`;
}

function unchangedText(tables: readonly TablePlan[]): string[] {
  if (tables.length === 0) return [];
  const rows = tables.reduce((sum, table) => sum + table.rowsNow, 0);
  return [`  no row changes in ${count(tables.length, 'table')} (${count(rows, 'row')})`];
}

function otherSourceText({ otherSource }: Pick<RestorePlan, 'otherSource'>): string[] {
  return otherSource === undefined
    ? []
    : [visible(`  The backup was taken from another database: ${otherSource}`)];
}

/** A sentence without its end. */
export function foreignCodeText({ statements }: CodeToRun): string {
  const what = count(statements.length, 'statement');
  return `The backup was not made on this machine, and ${what} in it would run with your permissions`;
}

/** Every statement by kind and name. */
export function codeListText({ kinds }: CodeToRun): string {
  return kinds.map((kind) => `  ${kind}`).join('\n');
}

function planTitle({ mode, only, create, intoSchema }: RestorePlan, target: string): string {
  const schema = intoSchema ? `, into the schema ${intoSchema.to}` : '';
  switch (only) {
    case 'schema':
      return `This creates what is missing in ${target}${schema}, and writes no rows (${count(create.length, 'statement')}):`;
    case 'data':
      return `This writes rows of ${target}, and creates nothing (${mode}):`;
    case undefined:
      return `This writes ${target}${schema} (${mode}):`;
  }
}

function opaqueText(tables: readonly OpaquePlan[] = []): string[] {
  return tables.map(({ target, create }) =>
    visible(`  ${formatTableName(target)}  ${create ? 'created' : 'replaced'} as a whole`),
  );
}

function extrasText({ extras }: RestorePlan): string[] {
  return extras ? [`  ${inEnglish(extras.description)}`] : [];
}

/** The changes besides tables: sequences and materialized views. */
function countersText({ sequences, create }: RestorePlan): string[] {
  const set = [...new Set(sequences.map(({ name }) => formatTableName(name)))];
  const filled = create.filter(({ live, repeat }) => live && repeat).map(({ name }) => name);
  return [
    ...(set.length > 0 ? [`  counters set: ${set.join(', ')}`] : []),
    ...(filled.length > 0 ? [`  materialized views refreshed: ${filled.join(', ')}`] : []),
  ].map(visible);
}

export function restoreText(report: RestoreReport): string {
  const created = new Set(report.created.map(formatTableName));
  const rows = report.tables.map((change) => {
    const name = formatTableName(change.table);
    return [
      name,
      created.has(name) ? 'created' : `${count(change.rowsBefore, 'row')} before`,
      report.only === 'schema' ? 'no rows' : `${count(change.rowsAfter, 'row')} after`,
      report.only === 'schema' ? '' : writtenText(report.mode, change),
    ];
  });
  const tables = count(report.tables.length + report.opaque.length, 'table');
  const time = formatDuration(report.milliseconds);
  return [
    doneText(report, tables, time),
    // Else the plan has said it.
    ...(report.dryRun ? otherSourceText(report) : []),
    ...aligned(rows),
    ...opaqueText(report.opaque),
    ...(report.safetyBackup === undefined
      ? []
      : [`The state before the restore is in ${report.safetyBackup}`]),
  ].join('\n');
}

function writtenText(mode: RestoreMode, change: TableChange): string {
  const { inserted, updated, kept, removed = 0, changes } = change;
  if (changes && !changes.atLeast) {
    const { deleted, unchanged } = changes;
    return [
      `${formatCount(changes.inserted)} inserted, ${formatCount(changes.updated)} updated`,
      `${formatCount(deleted)} deleted, ${formatCount(unchanged)} unchanged`,
    ].join(', ');
  }
  if (mode !== 'replace') return `${formatCount(inserted)} inserted, ${formatCount(updated)} updated`;
  if (kept === undefined) return '';
  const written = inserted - kept;
  if (written === 0 && removed === 0) return 'all unchanged, nothing to write';
  return [
    ...(written > 0 ? [`${formatCount(written)} written`] : []),
    ...(removed > 0 ? [`${formatCount(removed)} removed`] : []),
    'the rest were unchanged',
  ].join(', ');
}

function doneText({ dryRun, only }: RestoreReport, tables: string, time: string): string {
  const schema = only === 'schema';
  if (dryRun) {
    return `Rehearsed${schema ? '' : ' and verified'} ${tables} in ${time}; rolled back, nothing was changed:`;
  }
  return schema
    ? `Created what was missing in ${time}, ${tables}; no rows were written:`
    : `Restored and verified ${tables} in ${time}:`;
}

/** Cells of rows, as columns. */
export function aligned(texts: readonly (readonly string[])[]): string[] {
  const rows = texts.map((row) => row.map(visible));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}
