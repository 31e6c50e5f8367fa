import { element, visible, visibleText } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';

/** @typedef {import('../../src/ui/history/messages.ts').HistoryView} HistoryView */
/** @typedef {import('../../src/ui/history/messages.ts').TableView} TableView */

/**
 * All backups with all numbers, newest first: the charts as a table.
 *
 * @param {HistoryView} history
 * @param {readonly { table: TableView }[]} shown
 * @param {import('./history.js').HistoryFormat} format
 */
export function backupsTable({ points }, shown, format) {
  const { texts } = format;
  const heads = [texts.backup, texts.taken, texts.size];
  /**
   * @param {TableView} table
   * @param {number} point
   */
  const cell = ({ rows, losses }, point) => {
    const count = rows[point] ?? null;
    const loss = losses.find((one) => one.point === point);
    return element(
      'td',
      { class: 'number' },
      count === null ? texts.unknown : format.number(count),
      loss && element('span', { class: 'loss' }, ` (${fill(texts.lost, format.count('rows', loss.rows))})`),
    );
  };
  const lines = points
    .map((point, number) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row', dir: 'auto' }, ...visible(point.name)),
        element('td', {}, format.dates.format(point.time)),
        element(
          'td',
          { class: 'number' },
          point.limit === undefined ? point.size : `${point.size} (${point.limit})`,
        ),
        ...shown.map(({ table }) => cell(table, number)),
      ),
    )
    .reverse();
  return element(
    'section',
    { class: 'all-backups' },
    element('h2', { id: 'all-backups' }, texts.allBackups),
    element(
      'div',
      { class: 'table-place', tabindex: '0', role: 'region', 'aria-labelledby': 'all-backups' },
      element(
        'table',
        { 'aria-labelledby': 'all-backups' },
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            ...heads.map((text, index) =>
              element('th', { scope: 'col', class: index === 2 ? 'number' : undefined }, text),
            ),
            ...shown.map(({ table }) =>
              element('th', { scope: 'col', class: 'number', dir: 'auto' }, visibleText(table.name)),
            ),
          ),
        ),
        element('tbody', {}, ...lines),
      ),
    ),
  );
}
