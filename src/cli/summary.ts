import { formatBytes, formatDuration, formatQuantity as count } from '../core/format.ts';
import type { BackupReport } from '../backup/takeBackup.ts';
import type { VerifyReport } from '../backup/verifyBackup.ts';
import type { Manifest } from '../core/manifest.ts';
import { formatTableName } from '../core/names.ts';
import type { RestorePlan } from '../core/plan.ts';
import type { RestoreReport } from '../restore/restoreBackup.ts';

/** Text for people, from what the use cases report. Each ends without a line break. */

export function backupText(report: BackupReport): string {
  const what = `${count(report.tables.length, 'table')}, ${count(report.rows, 'row')}, ${formatBytes(report.bytes)}`;
  const left = report.leftOut.map(
    ({ kind, names, reason }) => `not carried: ${kind} ${names.join(', ')} (${reason})`,
  );
  return [`Backed up ${what} in ${formatDuration(report.milliseconds)}: ${report.file}`, ...left].join('\n');
}

export function verifyText({ manifest, rows, bytes, milliseconds }: VerifyReport): string {
  const what = `${count(manifest.tables.length, 'table')}, ${count(rows, 'row')}, ${formatBytes(bytes)}`;
  return `The backup is sound: ${what}, checked in ${formatDuration(milliseconds)}.`;
}

export function inspectText(manifest: Manifest, bytes: number): string {
  const { source } = manifest;
  return [
    `${source.database} (${source.serverVersion}), taken ${manifest.createdAt} by Restore Point ${manifest.createdBy}, ` +
      `${formatBytes(bytes)}${manifest.complete ? '' : ', a part of the database'}`,
    ...aligned(
      manifest.tables.map(({ table, rows, where }) => [
        formatTableName(table.name),
        count(rows, 'row'),
        where === undefined ? '' : `where ${where}`,
      ]),
    ),
    ...manifest.leftOut.map(
      ({ kind, names, reason }) => `not carried: ${kind} ${names.join(', ')} (${reason})`,
    ),
  ].join('\n');
}

export function planText(plan: RestorePlan, target: string): string {
  const rows = plan.tables.map((table) => [
    formatTableName(table.target),
    table.create ? 'created' : `${count(table.rowsNow, 'row')} now`,
    `${count(table.backup.rows, 'row')} in the backup`,
    table.inbound.map(({ from, name }) => `${formatTableName(from)} points at it (${name})`).join(', '),
  ]);
  return [
    `This writes ${target} (${plan.mode}):`,
    ...aligned(rows),
    ...plan.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}

export function restoreText(report: RestoreReport): string {
  const created = new Set(report.created.map(formatTableName));
  const rows = report.tables.map((change) => {
    const name = formatTableName(change.table);
    return [
      name,
      created.has(name) ? 'created' : `${count(change.rowsBefore, 'row')} before`,
      `${count(change.rowsAfter, 'row')} after`,
      report.mode === 'replace' ? '' : `${change.inserted} inserted, ${change.updated} updated`,
    ];
  });
  const tables = count(report.tables.length, 'table');
  const time = formatDuration(report.milliseconds);
  return [
    report.dryRun
      ? `Rehearsed and verified ${tables} in ${time}; rolled back, nothing was changed:`
      : `Restored and verified ${tables} in ${time}:`,
    ...aligned(rows),
    ...(report.safetyBackup === undefined ? [] : [`The state before is in ${report.safetyBackup}`]),
  ].join('\n');
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}
