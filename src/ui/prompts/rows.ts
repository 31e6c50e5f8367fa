import * as vscode from 'vscode';
import type { TableName } from '../../core/names.ts';
import { askOne, askText } from './inputs.ts';
import { back, type Back, type Frame } from './steps.ts';
import { shownName } from '../names.ts';

/** Which rows of chosen tables a backup takes. */
export interface RowChoice {
  readonly withRelated: boolean;
  readonly condition?: string;
}

/** All rows of these tables, or those that hang together with them too; of one table also by a condition. */
export async function askRows(frame: Frame, tables: readonly TableName[]): Promise<RowChoice | Back> {
  const [table, ...others] = tables;
  const one = table && others.length === 0 ? table : undefined;
  const chosen = await askOne<'all' | 'related' | 'condition'>(frame, {
    placeholder: vscode.l10n.t('Choose the rows to back up'),
    choices: [
      { value: 'all', label: vscode.l10n.t('All Rows') },
      {
        value: 'related',
        label: vscode.l10n.t('All Rows, With Related Rows'),
        detail: vscode.l10n.t(
          'Also the rows of other tables that reference these, and what any of them reference.',
        ),
      },
      ...(one
        ? [
            {
              value: 'condition' as const,
              label: vscode.l10n.t('Rows by a Condition, With Related Rows…'),
              detail: vscode.l10n.t('Such rows and all that belongs to them.'),
            },
          ]
        : []),
    ],
  });
  if (chosen === back) return back;
  if (chosen !== 'condition' || !one) return { withRelated: chosen === 'related' };
  const condition = await askText(frame, {
    prompt: vscode.l10n.t('Rows of {0} where', shownName(one)),
    placeholder: vscode.l10n.t('A condition in SQL: id = 7'),
  });
  return condition === back ? back : { withRelated: true, condition };
}
