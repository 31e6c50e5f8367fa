import * as vscode from 'vscode';
import { foldCase, formatTableName, type TableName } from '../../core/names.ts';

/** The number of names that fit on a button. */
const mostNames = 2;

/** The title of the button that continues without some tables. */
export function withoutText(tables: readonly string[]): string {
  return tables.length <= mostNames
    ? vscode.l10n.t('Continue Without {0}', tables.join(', '))
    : vscode.l10n.t('Continue Without {0} Tables', tables.length);
}

/** Whether a table is one of these, written as by `formatTableName`. SQLite names may differ in case. */
export function tableMatcher(tables: readonly string[]): (name: TableName) => boolean {
  const exact = new Set(tables);
  const folded = new Set(tables.map(foldCase));
  return (name) => {
    const written = formatTableName(name);
    return exact.has(written) || (name.schema === undefined && folded.has(foldCase(written)));
  };
}
