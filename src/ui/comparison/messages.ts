import type { Cell } from '../../core/cells.ts';
import type { CheckedCounts, DifferenceKind, DifferenceRows } from '../../compare/differenceStore.ts';
import type { RelatedCounts } from '../../restore/chosenRows/restoreRows.ts';
import type { ViewerTexts } from '../viewer/texts.ts';
import type { Problem } from '../viewer/viewModel.ts';
import type { ComparisonView } from './comparisonView.ts';
import type { ComparisonTexts } from './texts.ts';

/** Messages from the page to the extension. Tables are places in the comparison; rows and columns are numbers from 0. */
export type FromComparison =
  /** The page is ready for messages. */
  | { readonly type: 'ready' }
  | { readonly type: 'compareAgain' }
  /** Restore the checked rows. */
  | { readonly type: 'restore' }
  /** Show the differing rows of a table in the diff editor. */
  | { readonly type: 'textDiff'; readonly table: number }
  /** Put a text on the clipboard: the answer to `copy`. */
  | { readonly type: 'copied'; readonly text: string }
  | ComparisonQuestion;

/** Answered by `answer` or `failed` with the same `request`, unless it has become obsolete. */
export type ComparisonQuestion =
  | CheckQuestion
  | {
      readonly type: 'readDifferences';
      readonly request: number;
      readonly table: number;
      readonly kind: DifferenceKind;
      readonly page: number;
      readonly filter: string;
      readonly columns: readonly number[];
    }
  | {
      readonly type: 'readValue';
      readonly request: number;
      readonly table: number;
      readonly kind: DifferenceKind;
      readonly number: number;
      readonly side: 'first' | 'second';
      readonly column: number;
    };

/** Checks rows, or takes the check from them: these, or all that the filter shows. */
export interface CheckQuestion {
  readonly type: 'check';
  readonly request: number;
  readonly table: number;
  readonly kind: DifferenceKind;
  readonly numbers?: readonly number[];
  readonly filter?: string;
  readonly checked: boolean;
}

/** The type of answer to each question. */
export interface ComparisonAnswers {
  readonly readDifferences: DifferenceRows;
  readonly readValue: { readonly value: Cell };
  readonly check: { readonly counts: readonly CheckedCounts[] };
}

/** Messages from the extension to the page. After `comparison`, earlier questions are not answered. */
export type ToComparison =
  | {
      readonly type: 'texts';
      readonly texts: ViewerTexts & ComparisonTexts;
      readonly locale: string;
    }
  | { readonly type: 'comparison'; readonly comparison: ComparisonView }
  /** How many rows would come along with those that are checked now. */
  | { readonly type: 'related'; readonly related: RelatedCounts }
  /** Copy the selection, or else the chosen value. */
  | { readonly type: 'copy' }
  | {
      readonly type: 'answer';
      readonly request: number;
      readonly answer: ComparisonAnswers[keyof ComparisonAnswers];
    }
  | { readonly type: 'failed'; readonly request: number; readonly problem: Problem };

const kinds: readonly DifferenceKind[] = ['changed', 'onlyInFirst', 'onlyInSecond'];

/** A message from the page, rebuilt from its known fields; undefined for anything else. */
export function parseFromComparison(value: unknown): FromComparison | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const message = value as Readonly<Record<string, unknown>>;
  switch (message.type) {
    case 'ready':
    case 'compareAgain':
    case 'restore':
      return { type: message.type };
    case 'textDiff':
      return isIndex(message.table) ? { type: 'textDiff', table: message.table } : undefined;
    case 'copied':
      return typeof message.text === 'string' ? { type: 'copied', text: message.text } : undefined;
    case 'readDifferences':
    case 'readValue':
    case 'check':
      return parseQuestion(message);
    default:
      return undefined;
  }
}

function parseQuestion(message: Readonly<Record<string, unknown>>): ComparisonQuestion | undefined {
  const { request, table, page, filter, columns, number, side, column } = message;
  const kind = kinds.find((known) => known === message.kind);
  if (!isIndex(request) || !isIndex(table) || !kind) return undefined;
  const about = { request, table, kind };
  if (message.type === 'readDifferences') {
    if (!isIndex(page) || typeof filter !== 'string' || !Array.isArray(columns)) return undefined;
    return columns.every(isIndex) ? { type: 'readDifferences', ...about, page, filter, columns } : undefined;
  }
  if (message.type === 'check') return parseCheck(message, about);
  if (!isIndex(number) || !isIndex(column) || (side !== 'first' && side !== 'second')) return undefined;
  return { type: 'readValue', ...about, number, side, column };
}

function parseCheck(
  { numbers, filter, checked }: Readonly<Record<string, unknown>>,
  about: Pick<CheckQuestion, 'request' | 'table' | 'kind'>,
): CheckQuestion | undefined {
  if (typeof checked !== 'boolean') return undefined;
  if (Array.isArray(numbers))
    return numbers.every(isIndex) ? { type: 'check', ...about, numbers, checked } : undefined;
  return typeof filter === 'string' ? { type: 'check', ...about, filter, checked } : undefined;
}

/** Small enough that a hundred times the number is exact too. */
function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 46;
}
