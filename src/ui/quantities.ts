import * as vscode from 'vscode';
import { formatCount } from '../core/format.ts';

export function tablesText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 table') : vscode.l10n.t('{0} tables', formatCount(count));
}

export function rowsText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 row') : vscode.l10n.t('{0} rows', formatCount(count));
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
