import type { BackupView, Problem, RowsView, TableView, ValueView } from './viewModel.ts';
import type { ViewerTexts } from './texts.ts';

export const viewerActions = ['restore', 'verify', 'salvage', 'reveal'] as const;

export type ViewerAction = (typeof viewerActions)[number];

/** What the page asks of the extension. Tables, rows and columns are indexes from 0. */
export type FromViewer =
  /** The page can take messages. */
  | { readonly type: 'ready' }
  /** Read the file again. */
  | { readonly type: 'reload' }
  | { readonly type: 'run'; readonly action: ViewerAction }
  /** Put a text on the clipboard: the answer to `copy`. */
  | { readonly type: 'copied'; readonly text: string }
  | ViewerQuestion;

/** What is answered with `answer` or `failed` and the same `request`, unless it has become pointless meanwhile. */
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

/** What each question is answered with. */
export interface ViewerAnswers {
  readonly readTable: TableView;
  readonly readRows: RowsView;
  readonly readValue: ValueView;
}

/** What the extension tells the page. After `backup` and `problem` no earlier question is answered any more. */
export type ToViewer =
  | { readonly type: 'texts'; readonly texts: ViewerTexts; readonly locale: string }
  | { readonly type: 'backup'; readonly backup: BackupView }
  /** It was found out that the backup, which is shown, is damaged. */
  | { readonly type: 'damaged'; readonly problem: Problem }
  | { readonly type: 'problem'; readonly problem: Problem }
  /** Show this table; `key` as in `TableEntry`. */
  | { readonly type: 'choose'; readonly key: string }
  /** Copy what is marked, else the chosen value. */
  | { readonly type: 'copy' }
  | {
      readonly type: 'answer';
      readonly request: number;
      readonly answer: ViewerAnswers[keyof ViewerAnswers];
    }
  | { readonly type: 'failed'; readonly request: number; readonly problem: Problem };

/** A message from the page, rebuilt from its known fields; undefined when it is none. */
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

/** Small enough that a hundred times it is exact too. */
function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 46;
}
