import type { RowLoss } from '../../backup/history.ts';
import type { ViewerTexts } from '../viewer/texts.ts';
import type { HistoryTexts } from './texts.ts';

/** What a page shows of a history. */
export interface HistoryView {
  /** The connection. */
  readonly name: string;
  /** Oldest first. */
  readonly points: readonly PointView[];
  readonly tables: readonly TableView[];
}

export interface PointView {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly bytes: number;
  readonly size: string;
  /** What it holds, where that is not all of the database; what is known of it, if it is encrypted. */
  readonly limit?: string;
  readonly canCompare: boolean;
}

export interface TableView {
  readonly name: string;
  readonly rows: readonly (number | null)[];
  readonly losses: readonly RowLoss[];
}

/** Messages from the page to the extension. Points are numbers from 0. */
export type FromHistory =
  { readonly type: 'ready' } | { readonly type: 'show' | 'compare'; readonly point: number };

/** Messages from the extension to the page. */
export type ToHistory =
  | { readonly type: 'texts'; readonly texts: ViewerTexts & HistoryTexts; readonly locale: string }
  | { readonly type: 'history'; readonly history: HistoryView };

/** A message from the page, rebuilt from its known fields; undefined for anything else. */
export function parseFromHistory(value: unknown): FromHistory | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const { type, point } = value as Readonly<Record<string, unknown>>;
  if (type === 'ready') return { type };
  if (type !== 'show' && type !== 'compare') return undefined;
  return typeof point === 'number' && Number.isSafeInteger(point) && point >= 0 ? { type, point } : undefined;
}
