import * as vscode from 'vscode';
import { formatCount } from '../core/format.ts';
import type { BackedUpTable } from '../core/manifest.ts';
import type { TableName } from '../core/names.ts';
import { describeReasons } from '../core/related.ts';
import { shownName } from './names.ts';

export function tablesText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 table') : vscode.l10n.t('{0} tables', formatCount(count));
}

export function rowsText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 row') : vscode.l10n.t('{0} rows', formatCount(count));
}

/** How many rows of a table are in a backup, and which. */
export function backedUpRowsText({ rows, where, related }: BackedUpTable): string {
  const part = where === undefined ? rowsText(rows) : vscode.l10n.t('{0} where {1}', rowsText(rows), where);
  return related ? vscode.l10n.t('{0} (related: {1})', part, describeReasons(related)) : part;
}

const steps: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number])[] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];

/** `5 min. ago`, `yesterday`; in the language of VS Code. */
export function ageText(time: Date, now = Date.now()): string {
  const seconds = Math.max(0, (now - time.getTime()) / 1000);
  const step = steps.find(([, length]) => seconds >= length);
  if (!step) return vscode.l10n.t('just now');
  const [unit, length] = step;
  const format = new Intl.RelativeTimeFormat(vscode.env.language, { numeric: 'auto', style: 'short' });
  return format.format(-Math.floor(seconds / length), unit);
}

/** `Today`, `Yesterday`, `Mon, 23 Nov 2026`. */
export function dayText(day: Date, now = new Date()): string {
  const before = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (day.toDateString() === now.toDateString()) return vscode.l10n.t('Today');
  if (day.toDateString() === before.toDateString()) return vscode.l10n.t('Yesterday');
  return day.toLocaleDateString(vscode.env.language, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
}

/** `12:31`; of another day with the date. */
export function momentText(time: Date, now = new Date()): string {
  const isToday = time.toDateString() === now.toDateString();
  return time.toLocaleString(vscode.env.language, {
    ...(isToday ? {} : { dateStyle: 'medium' }),
    timeStyle: 'short',
  });
}

/** A dialog's title has room for so many names. */
const mostNames = 3;

/** `orders, customers`; of many, only how many. */
export function tableNamesText(tables: readonly TableName[]): string {
  return tables.length > 0 && tables.length <= mostNames
    ? tables.map(shownName).join(', ')
    : tablesText(tables.length);
}
