import * as vscode from 'vscode';

export type ViewerTexts = ReturnType<typeof viewerTexts>;

/** The page's texts in the user's language. The page fills in `{0}`. */
export function viewerTexts() {
  return { ...overviewTexts(), ...writtenTexts(), ...tableTexts(), ...rowsTexts() };
}

function overviewTexts() {
  return {
    restore: vscode.l10n.t('Restore…'),
    compare: vscode.l10n.t('Compare…'),
    verify: vscode.l10n.t('Verify'),
    salvage: vscode.l10n.t('Salvage…'),
    salvageTooltip: vscode.l10n.t('Save everything that is still intact to a new backup'),
    unlock: vscode.l10n.t('Unlock…'),
    showStatements: vscode.l10n.t('Show Statements'),
    reveal: vscode.l10n.t('Reveal'),
    restoreTooltip: vscode.l10n.t('Restore tables or rows from this backup into a database'),
    compareTooltip: vscode.l10n.t('Show what differs between this backup and a database'),
    verifyTooltip: vscode.l10n.t('Check every byte and every row of this backup'),
    showStatementsTooltip: vscode.l10n.t('Show the text of every statement in this backup'),
    revealTooltip: vscode.l10n.t('Show this file in the Explorer'),
    name: vscode.l10n.t('Name'),
    note: vscode.l10n.t('Note'),
    taken: vscode.l10n.t('Taken'),
    content: vscode.l10n.t('Content'),
    statements: vscode.l10n.t('Statements'),
    size: vscode.l10n.t('Size'),
    writtenBy: vscode.l10n.t('Written by'),
    tablesOne: vscode.l10n.t('1 table'),
    tablesMany: vscode.l10n.t('{0} tables'),
    rowsOne: vscode.l10n.t('1 row'),
    rowsMany: vscode.l10n.t('{0} rows'),
    safetyBackup: vscode.l10n.t('Safety backup'),
    safetyTooltip: vscode.l10n.t('Taken automatically before a restore wrote to these tables'),
    partialBackup: vscode.l10n.t('Part of the database'),
    partialTooltip: vscode.l10n.t('Contains only some of the tables or rows of the database'),
    leftOut: vscode.l10n.t('Not in this backup:'),
    conditions: vscode.l10n.t('Only rows that match a condition:'),
    damaged: vscode.l10n.t('This backup cannot be used'),
    gone: vscode.l10n.t('This file no longer exists'),
    goneNext: vscode.l10n.t(
      'It was deleted, moved or renamed. If it comes back, its contents are shown here again.',
    ),
    locked: vscode.l10n.t('This backup is encrypted'),
    unreadable: vscode.l10n.t('This backup cannot be read'),
    inEntry: vscode.l10n.t('In {0}'),
    tryAgain: vscode.l10n.t('Try Again'),
  };
}

function tableTexts() {
  return {
    tables: vscode.l10n.t('Tables'),
    filterTables: vscode.l10n.t('Filter tables'),
    noTableMatches: vscode.l10n.t('No table matches “{0}”.'),
    noTables: vscode.l10n.t('This backup contains no tables.'),
    condition: vscode.l10n.t('Only rows where: {0}'),
    rowsTab: vscode.l10n.t('Rows'),
    columnsTab: vscode.l10n.t('Columns'),
    sqlTab: vscode.l10n.t('SQL'),
    columnName: vscode.l10n.t('Column'),
    columnType: vscode.l10n.t('Type'),
    columnKey: vscode.l10n.t('Key'),
    columnDefault: vscode.l10n.t('Default'),
    columnReferences: vscode.l10n.t('References'),
    notNull: vscode.l10n.t('NOT NULL'),
    primary: vscode.l10n.t('Primary key'),
    primaryPart: vscode.l10n.t('Primary key, column {0}'),
    unique: vscode.l10n.t('Unique'),
    uniqueWith: vscode.l10n.t('Unique with {0}'),
    yes: vscode.l10n.t('Yes'),
    generatedStored: vscode.l10n.t('Generated (stored)'),
    generatedVirtual: vscode.l10n.t('Generated (virtual)'),
    generatedTooltip: vscode.l10n.t('Computed by the database; its values are not in the backup'),
    identityAlways: vscode.l10n.t('Identity (always)'),
    identityByDefault: vscode.l10n.t('Identity (by default)'),
    counters: vscode.l10n.t('Counters'),
    counter: vscode.l10n.t('{0} is at {1}'),
    noStatements: vscode.l10n.t('The backup contains no statements for this table.'),
    copy: vscode.l10n.t('Copy'),
    copied: vscode.l10n.t('Copied'),
    notCopied: vscode.l10n.t('Could not copy'),
  };
}

function rowsTexts() {
  return {
    ...searchTexts(),
    reading: vscode.l10n.t('Reading rows…'),
    noRows: vscode.l10n.t('This table has no rows.'),
    range: vscode.l10n.t('{0}–{1} of {2}'),
    previousPage: vscode.l10n.t('Previous page'),
    nextPage: vscode.l10n.t('Next page'),
    page: vscode.l10n.t('Page'),
    pageOf: vscode.l10n.t('of {0}'),
    rowNumber: vscode.l10n.t('Row'),
    rowsOfTable: vscode.l10n.t('Rows of {0}'),
    readFailed: vscode.l10n.t('These rows cannot be read'),
    valueFailed: vscode.l10n.t('This value cannot be read'),
    tableFailed: vscode.l10n.t('This table cannot be read'),
    retry: vscode.l10n.t('Retry'),
    showValue: vscode.l10n.t('Show the whole value (Enter)'),
    chooseValue: vscode.l10n.t('Select a value in the table above.'),
    valuePlace: vscode.l10n.t('{0}, row {1}'),
    charactersOne: vscode.l10n.t('1 character'),
    charactersMany: vscode.l10n.t('{0} characters'),
    charactersCut: vscode.l10n.t('the first {0} of {1} characters'),
    emptyText: vscode.l10n.t('Empty text'),
    close: vscode.l10n.t('Close'),
    longValue: vscode.l10n.t('… ({0} characters)'),
  };
}

function writtenTexts() {
  return {
    undo: vscode.l10n.t('Undo Restore…'),
    undoTooltip: vscode.l10n.t('Put these rows back as they were before that restore'),
    showRows: vscode.l10n.t('Show Rows'),
    showRowsTooltip: vscode.l10n.t('Show each row as it was before and after that restore'),
    writtenIntro: vscode.l10n.t(
      'A restore of chosen rows wrote the rows below. This safety backup contains them as they were before and after it, so that you can undo it.',
    ),
    writtenTable: vscode.l10n.t('Table'),
    writtenInserted: vscode.l10n.t('Rows inserted'),
    writtenUpdated: vscode.l10n.t('Rows changed'),
    writtenDeleted: vscode.l10n.t('Rows deleted'),
  };
}

function searchTexts() {
  return {
    filterRows: vscode.l10n.t('Filter rows'),
    filterColumn: vscode.l10n.t('Column to filter'),
    allColumns: vscode.l10n.t('All columns'),
    noneMatches: vscode.l10n.t('No row contains “{0}”.'),
    rowsOfAll: vscode.l10n.t('{0} of {1} rows'),
    readingAll: vscode.l10n.t('Reading all rows…'),
    readingAllPart: vscode.l10n.t('Reading all rows… {0}'),
    cancel: vscode.l10n.t('Cancel'),
    sort: vscode.l10n.t('Click to sort'),
    find: vscode.l10n.t('Find'),
    findInRows: vscode.l10n.t('Find in all rows'),
    findTooltip: vscode.l10n.t('Find in all rows (Ctrl+F, on a Mac Cmd+F)'),
    findPrevious: vscode.l10n.t('Previous match (Shift+Enter)'),
    findNext: vscode.l10n.t('Next match (Enter)'),
    findClose: vscode.l10n.t('Close (Escape)'),
    foundOf: vscode.l10n.t('{0} of {1}'),
    noResults: vscode.l10n.t('No results'),
    searching: vscode.l10n.t('Searching…'),
  };
}
