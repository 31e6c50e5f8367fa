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
      'Marked: a table lost more than 10% of its rows, and more than 10 rows, since the previous backup.',
    ),
    sizeTitle: vscode.l10n.t('Size of the backups'),
    rowsTitle: vscode.l10n.t('Rows of each table, as a percentage of its maximum'),
    chartHelp: vscode.l10n.t(
      'Press the left and right arrow keys to choose a backup, and Enter to show its contents. The table below lists all numbers.',
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
