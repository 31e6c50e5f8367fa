import * as vscode from 'vscode';

export type HistoryTexts = ReturnType<typeof historyTexts>;

/** What only this page says, in the user's language. The page fills in `{0}`. */
export function historyTexts() {
  return {
    historyOf: vscode.l10n.t('Backups of {0}'),
    noBackups: vscode.l10n.t('There are no backups of this connection yet.'),
    backupsOne: vscode.l10n.t('1 backup'),
    backupsMany: vscode.l10n.t('{0} backups'),
    period: vscode.l10n.t('{0}, from {1} to {2}'),
    noLoss: vscode.l10n.t('No table lost many rows between two backups.'),
    lossOf: vscode.l10n.t('{0} lost {1} ({2}) in {3}'),
    lossRule: vscode.l10n.t(
      'Marked: a table lost more than 10 % of its rows, and more than 10 rows, since the backup before.',
    ),
    sizeTitle: vscode.l10n.t('Size of the backups'),
    rowsTitle: vscode.l10n.t('Rows of the tables, in percent of the largest number'),
    chartHelp: vscode.l10n.t(
      'Left and right arrow keys choose a backup. Enter shows its contents. The table below has all numbers.',
    ),
    shownTables: vscode.l10n.t('Tables in the chart'),
    allBackups: vscode.l10n.t('All backups'),
    backup: vscode.l10n.t('Backup'),
    taken: vscode.l10n.t('Taken'),
    size: vscode.l10n.t('Size'),
    lost: vscode.l10n.t('{0} lost'),
    unknown: vscode.l10n.t('unknown'),
    showContents: vscode.l10n.t('Show Contents'),
    compareWithDatabase: vscode.l10n.t('Compare with Database…'),
  };
}
