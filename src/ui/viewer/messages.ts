import type { BackupView, Problem, RowsView, TableView, ValueView } from './viewModel.ts';
import type { ViewerTexts } from './texts.ts';

export const viewerActions = ['restore', 'compare', 'verify', 'salvage', 'statements', 'reveal'] as const;

export type ViewerAction = (typeof viewerActions)[number];

/** How a row is copied. */
export type RowForm = 'json' | 'insert';

/** Messages from the page to the extension. Tables, rows and columns are indexes from 0. */
export type FromViewer =
  /** The page is ready for messages. */
  | { readonly type: 'ready' }
  /** Read the file again. */
  | { readonly type: 'reload' }
  | { readonly type: 'run'; readonly action: ViewerAction }
  /** Put a text on the clipboard: the answer to `copy`. */
  | { readonly type: 'copied'; readonly text: string }
  /** Put this row on the clipboard: the answer to `copyRow`. */
  | { readonly type: 'copyRow'; readonly as: RowForm; readonly table: number; readonly row: number }
  | ViewerQuestion;

/** Answered by `answer` or `failed` with the same `request`, unless it has become obsolete. */
export type ViewerQuestion =
  | { readonly type: 'readTable'; readonly request: number; readonly table: number }
  | { readonly type: 'readRows'; readonly request: number; readonly table: number; readonly page: number }
  | {
      readonly type: 'readValue';
      readonly request: number;
      readonly table: number;
      readonly row: number;
      readonly column: number;
    };

/** The type of answer to each question. */
export interface ViewerAnswers {
  readonly readTable: TableView;
  readonly readRows: RowsView;
  readonly readValue: ValueView;
}

/** Messages from the extension to the page. After `backup` or `problem`, earlier questions are not answered. */
export type ToViewer =
  | { readonly type: 'texts'; readonly texts: ViewerTexts; readonly locale: string }
  | { readonly type: 'backup'; readonly backup: BackupView }
  /** The backup on display was found to be damaged. */
  | { readonly type: 'damaged'; readonly problem: Problem }
  | { readonly type: 'problem'; readonly problem: Problem }
  /** Show this table; `key` as in `TableEntry`. */
  | { readonly type: 'choose'; readonly key: string }
  /** Copy the selection, or else the chosen value. */
  | { readonly type: 'copy' }
  /** Say which row is chosen, to copy it. */
  | { readonly type: 'copyRow'; readonly as: RowForm }
  | {
      readonly type: 'answer';
      readonly request: number;
      readonly answer: ViewerAnswers[keyof ViewerAnswers];
    }
  | { readonly type: 'failed'; readonly request: number; readonly problem: Problem };

/** A message from the page, rebuilt from its known fields; undefined for anything else. */
export function parseFromViewer(value: unknown): FromViewer | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const message = value as Readonly<Record<string, unknown>>;
  switch (message.type) {
    case 'ready':
    case 'reload':
      return { type: message.type };
    case 'run': {
      const action = viewerActions.find((known) => known === message.action);
      return action && { type: 'run', action };
    }
    case 'copied':
      return typeof message.text === 'string' ? { type: 'copied', text: message.text } : undefined;
    case 'copyRow': {
      const { as, table, row } = message;
      if ((as !== 'json' && as !== 'insert') || !isIndex(table) || !isIndex(row)) return undefined;
      return { type: 'copyRow', as, table, row };
    }
    case 'readTable':
    case 'readRows':
    case 'readValue':
      return parseQuestion(message);
    default:
      return undefined;
  }
}

function parseQuestion(message: Readonly<Record<string, unknown>>): ViewerQuestion | undefined {
  const { request, table, page, row, column } = message;
  if (!isIndex(request) || !isIndex(table)) return undefined;
  if (message.type === 'readTable') return { type: 'readTable', request, table };
  if (message.type === 'readRows')
    return isIndex(page) ? { type: 'readRows', request, table, page } : undefined;
  return isIndex(row) && isIndex(column) ? { type: 'readValue', request, table, row, column } : undefined;
}

/** Small enough that a hundred times the number is exact too. */
function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 46;
}
