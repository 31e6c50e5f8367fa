import type { Arrangement, TextSearch } from '../../core/arrangement.ts';
import type { BackupView, FindView, Problem, RowsView, TableView, ValueView } from './viewModel.ts';
import type { ViewerTexts } from './texts.ts';

export const viewerActions = [
  'restore',
  'compare',
  'verify',
  'salvage',
  'statements',
  'reveal',
  'undo',
  'writtenRows',
] as const;

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
  /** Restore this row into a database: the answer to `restoreRow`. */
  | { readonly type: 'restoreRow'; readonly table: number; readonly row: number }
  | ViewerQuestion;

/** Answered by `answer` or `failed` with the same `request`, unless it has become obsolete. */
export type ViewerQuestion =
  | { readonly type: 'readTable'; readonly request: number; readonly table: number }
  | {
      readonly type: 'readRows';
      readonly request: number;
      readonly table: number;
      readonly page: number;
      readonly arrangement: Arrangement;
    }
  | {
      readonly type: 'find';
      readonly request: number;
      readonly table: number;
      readonly arrangement: Arrangement;
      readonly search: TextSearch;
      /** The place to begin at, among the rows that are shown. */
      readonly from: number;
      readonly backwards: boolean;
    }
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
  readonly find: FindView;
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
  /** Show the box for a text to find. */
  | { readonly type: 'showFind' }
  /** How much of the rows was read for the last question, from 0 to 1. */
  | { readonly type: 'progress'; readonly fraction: number }
  /** Say which row is chosen, to copy it. */
  | { readonly type: 'copyRow'; readonly as: RowForm }
  /** Say which row is chosen, to restore it. */
  | { readonly type: 'restoreRow' }
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
    case 'restoreRow': {
      const { table, row } = message;
      return isIndex(table) && isIndex(row) ? { type: 'restoreRow', table, row } : undefined;
    }
    case 'readTable':
    case 'readRows':
    case 'find':
    case 'readValue':
      return parseQuestion(message);
    default:
      return undefined;
  }
}

function parseQuestion(message: Readonly<Record<string, unknown>>): ViewerQuestion | undefined {
  const { type, request, table, page, row, column, from } = message;
  if (!isIndex(request) || !isIndex(table)) return undefined;
  const asked = { request, table };
  if (type === 'readTable') return { type, ...asked };
  if (type === 'readValue')
    return isIndex(row) && isIndex(column) ? { type, ...asked, row, column } : undefined;
  const arrangement = parseArrangement(message['arrangement']);
  if (!arrangement) return undefined;
  if (type === 'readRows') return isIndex(page) ? { type, ...asked, page, arrangement } : undefined;
  const search = parseSearch(message['search']);
  if (!search || !isIndex(from)) return undefined;
  return { type: 'find', ...asked, arrangement, search, from, backwards: message['backwards'] === true };
}

function parseArrangement(value: unknown): Arrangement | undefined {
  if (!isObject(value)) return undefined;
  const filter = value['filter'] === undefined ? undefined : parseSearch(value['filter']);
  if (value['filter'] !== undefined && !filter) return undefined;
  const { sort } = value;
  if (sort === undefined) return filter ? { filter } : {};
  if (!isObject(sort) || typeof sort['column'] !== 'string') return undefined;
  return {
    ...(filter ? { filter } : {}),
    sort: { column: sort['column'], descending: sort['descending'] === true },
  };
}

function parseSearch(value: unknown): TextSearch | undefined {
  if (!isObject(value)) return undefined;
  const { text, column } = value;
  if (typeof text !== 'string' || text === '' || text.length > longestSearch) return undefined;
  if (column === undefined) return { text };
  return typeof column === 'string' ? { text, column } : undefined;
}

/** Nobody types more, in characters. */
const longestSearch = 1000;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Small enough that a hundred times the number is exact too. */
function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 46;
}
