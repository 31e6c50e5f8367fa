import { existsSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { backupNameOf, checkBackupName, isBackupName, salvagedName } from '../../backup/backupFiles.ts';
import type { SalvageReport } from '../../backup/salvageBackup.ts';
import { formatCount } from '../../core/format.ts';
import { shownName } from '../names.ts';
import { salvageEnds } from '../progress.ts';
import { rowsText } from '../quantities.ts';
import { localized } from '../localized.ts';
import { atMost } from '../restoreSummary.ts';
import type { Services } from '../services.ts';
import { keyArguments, textArgument, tokenArgument } from './commandArguments.ts';
import { isQuiet } from './commandTable.ts';

const mostTables = 5;

/** Saves the intact parts of a damaged backup to a new backup. `out` in the argument is the new file. */
export async function salvage(services: Services, file: string, argument: unknown): Promise<SalvageReport> {
  const keys = await services.keys.keysFor(file, keyArguments(argument));
  const out = textArgument(argument, 'out') ?? (await askForFile(file, keys !== undefined));
  checkBackupName(out, keys !== undefined);
  const display = {
    title: vscode.l10n.t('Salvaging {0}', path.basename(file)),
    views: ['restorePoint.backups'] as const,
    ends: salvageEnds,
    ...tokenArgument(argument),
  };
  const task = {
    file,
    out: path.resolve(path.dirname(file), out),
    ...(keys ? { keys: await keys.known() } : {}),
  };
  const report = await services.work.run(display, (options) => services.workers.salvage(task, options));
  services.backups.refresh();
  const text = salvagedText(report);
  services.log.info(text);
  for (const { table, lostRows } of lostTables(report)) {
    services.log.warn(`  ${shownName(table)}: ${formatCount(lostRows)} rows lost`);
  }
  if (!isQuiet(argument)) showSalvageResult(services, report, text);
  return report;
}

async function askForFile(file: string, encrypted: boolean): Promise<string> {
  const usual = salvagedName(file, encrypted);
  const uri = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save Salvaged Backup As'),
    saveLabel: vscode.l10n.t('Salvage'),
    defaultUri: vscode.Uri.file(freeName(usual)),
    filters: { [vscode.l10n.t('Backups')]: [encrypted ? 'age' : 'dbbackup'] },
  });
  if (!uri) throw new vscode.CancellationError();
  return uri.fsPath;
}

/** `shop-salvaged.dbbackup`, else `shop-salvaged-2.dbbackup` and so on. */
function freeName(file: string): string {
  const base = path.join(path.dirname(file), backupNameOf(file));
  const extension = isBackupName(file) ? file.slice(base.length) : '';
  let free = file;
  for (let number = 2; existsSync(free); number++) free = `${base}-${number}${extension}`;
  return free;
}

function lostTables({ tables }: SalvageReport): SalvageReport['tables'] {
  return tables.filter(({ lostRows }) => lostRows > 0);
}

function salvagedText(report: SalvageReport): string {
  const { file, tables, lostExtras } = report;
  const kept = tables.reduce((sum, { rows }) => sum + rows, 0);
  const all = tables.reduce((sum, { rows, lostRows }) => sum + rows + lostRows, 0);
  const lost = [
    ...atMost(
      lostTables(report).map(({ table, lostRows }) => `${shownName(table)} (${rowsText(lostRows)})`),
      mostTables,
    ),
    ...(lostExtras ? [vscode.l10n.t('all {0}', localized(lostExtras))] : []),
  ];
  return [
    vscode.l10n.t('Salvaged {0} of {1} into {2}.', formatCount(kept), rowsText(all), backupNameOf(file)),
    lost.length > 0 ? vscode.l10n.t('Lost: {0}.', lost.join(', ')) : vscode.l10n.t('No rows were lost.'),
  ].join(' ');
}

function showSalvageResult(services: Services, { file }: SalvageReport, text: string): void {
  const run = (id: string) => () => vscode.commands.executeCommand(id, vscode.Uri.file(file));
  services.boundary.inform(text, [
    { title: vscode.l10n.t('Show Contents'), run: run('restorePoint.showContents') },
    { title: vscode.l10n.t('Restore…'), run: run('restorePoint.restoreBackup') },
  ]);
}
