import * as vscode from 'vscode';

export type ComparisonTexts = ReturnType<typeof comparisonTexts>;

/** What only this page says, in the user's language. The page fills in `{0}`. */
export function comparisonTexts() {
  return { ...headTexts(), ...tableTexts(), ...rowTexts(), ...checkTexts() };
}

function headTexts() {
  return {
    comparisonOf: vscode.l10n.t('{0} compared with {1}'),
    compareAgain: vscode.l10n.t('Compare Again'),
    compareAgainTooltip: vscode.l10n.t('Compare both sides as they are now'),
    equal: vscode.l10n.t('Both sides are equal.'),
    equalRows: vscode.l10n.t('All compared rows are equal.'),
    differsOne: vscode.l10n.t('1 row differs.'),
    differsMany: vscode.l10n.t('{0} rows differ.'),
    tablesOnlyIn: vscode.l10n.t('Tables only in {0}:'),
    columnsOnlyIn: vscode.l10n.t('Columns only in {0}:'),
    countersDiffer: vscode.l10n.t('Counters that differ:'),
    counterValues: vscode.l10n.t('{0} in {1}, {2} in {3}'),
    counterUnused: vscode.l10n.t('{0} (not used yet)'),
    noCounter: vscode.l10n.t('none'),
    notCompared: vscode.l10n.t('Not compared:'),
    theBackup: vscode.l10n.t('the backup'),
    theDatabase: vscode.l10n.t('the database'),
  };
}

function tableTexts() {
  return {
    changed: vscode.l10n.t('Changed'),
    onlyInBackup: vscode.l10n.t('Only in Backup'),
    onlyInDatabase: vscode.l10n.t('Only in Database'),
    onlyIn: vscode.l10n.t('Only in {0}'),
    same: vscode.l10n.t('Equal'),
    noCounts: vscode.l10n.t('not compared'),
    noTableInBoth: vscode.l10n.t('The two sides have no table in common.'),
  };
}

function rowTexts() {
  return {
    filterRows: vscode.l10n.t('Filter rows'),
    changedColumnsOnly: vscode.l10n.t('Changed columns only'),
    textDiff: vscode.l10n.t('Open as Text Diff'),
    noChanged: vscode.l10n.t('No row of this table has changed.'),
    noneOnlyIn: vscode.l10n.t('No row of this table is only in {0}.'),
    noneMatches: vscode.l10n.t('No row contains “{0}”.'),
    rowsNotCompared: vscode.l10n.t('The rows of this table were not compared.'),
    withoutKey: vscode.l10n.t(
      'This table has no key, so whole rows are compared: a changed row appears twice, as it was and as it is now.',
    ),
    tableEqual: vscode.l10n.t('All rows of this table are equal.'),
    inSide: vscode.l10n.t('In {0}:'),
    legend: vscode.l10n.t('Changed values: {0} → {1}'),
  };
}

function checkTexts() {
  return {
    restore: vscode.l10n.t('Restore…'),
    checkTable: vscode.l10n.t('Restore the deleted and changed rows of {0}'),
    checkAll: vscode.l10n.t('Check all that are shown: {0}'),
    checkRow: vscode.l10n.t('Restore row {0}'),
    nothingChecked: vscode.l10n.t('Check the rows that you want back.'),
    returnsOne: vscode.l10n.t('1 row returns'),
    returnMany: vscode.l10n.t('{0} rows return'),
    changesBackOne: vscode.l10n.t('1 row changes back'),
    changeBackMany: vscode.l10n.t('{0} rows change back'),
    relatedCome: vscode.l10n.t('missing related rows come along'),
    parentComesOne: vscode.l10n.t('1 parent row comes along'),
    parentsComeMany: vscode.l10n.t('{0} parent rows come along'),
    relatedComesOne: vscode.l10n.t('1 related row comes along'),
    relatedComeMany: vscode.l10n.t('{0} related rows come along'),
    isDeletedOne: vscode.l10n.t('1 row is deleted'),
    areDeletedMany: vscode.l10n.t('{0} rows are deleted'),
    nothingDeleted: vscode.l10n.t('nothing is deleted'),
  };
}
