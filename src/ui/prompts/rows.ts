import * as vscode from 'vscode';
import type { TableName } from '../../core/names.ts';
import { askOne, askText } from './inputs.ts';
import { back, type Step } from './steps.ts';
import { shownName } from '../names.ts';

/** Which rows of the chosen tables go into a backup. */
export interface RowChoice {
  readonly withRelated: boolean;
  readonly condition?: string;
}

/** The answers so far. */
export interface RowsState {
  readonly tables?: readonly TableName[];
  readonly rows?: 'all' | 'related' | 'condition';
  readonly condition?: string;
}

/** Returns what is wrong with a condition on the rows of a table. */
export type CheckCondition<State> = (
  state: State,
  table: TableName,
  condition: string,
) => Promise<string | undefined>;

/** All rows of the chosen tables, with or without related rows; for a single table, also by a condition. */
export function rowsSteps<State extends RowsState>(check: CheckCondition<State>): Step<State>[] {
  return [
    {
      async ask(state, frame) {
        const one = onlyTable(state) !== undefined;
        const rows = await askOne<NonNullable<RowsState['rows']>>(frame, {
          placeholder: vscode.l10n.t('Choose the rows to back up'),
          choices: [
            { value: 'all', label: vscode.l10n.t('All Rows') },
            {
              value: 'related',
              label: vscode.l10n.t('All Rows, with Related Rows'),
              detail: vscode.l10n.t(
                'Also rows of other tables that reference these rows, and all rows that any of them reference.',
              ),
            },
            ...(one
              ? [
                  {
                    value: 'condition' as const,
                    label: vscode.l10n.t('Rows That Match a Condition, with Related Rows…'),
                    detail: vscode.l10n.t('Some rows with everything related to them.'),
                  },
                ]
              : []),
          ],
          isChosen: (value) => value === state.rows,
        });
        return rows === back ? back : { ...state, rows };
      },
    },
    {
      applies: (state) => state.rows === 'condition' && onlyTable(state) !== undefined,
      async ask(state, frame) {
        const table = onlyTable(state)!;
        const condition = await askText(frame, {
          prompt: vscode.l10n.t('Enter a condition for the rows of {0}', shownName(table)),
          placeholder: vscode.l10n.t('SQL condition, such as id = 7'),
          ...(state.condition === undefined ? {} : { value: state.condition }),
          validate: (text) => check(state, table, text),
        });
        return condition === back ? back : { ...state, condition };
      },
    },
  ];
}

export function rowChoiceOf({ rows, condition }: RowsState): RowChoice {
  if (rows !== 'condition' || condition === undefined) return { withRelated: rows === 'related' };
  return { withRelated: true, condition };
}

function onlyTable({ tables = [] }: RowsState): TableName | undefined {
  return tables.length === 1 ? tables[0] : undefined;
}
