/* global Element, HTMLTableRowElement */
import { element, visible } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';
import { filterBox, filterFrom } from '../viewer/tableList.js';
import { kinds, kindTitle } from './sides.js';

/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparisonView} ComparisonView */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparedTableView} ComparedTableView */
/** @typedef {import('../../src/compare/differenceStore.ts').CheckedCounts} CheckedCounts */
/** @typedef {import('./comparison.js').ComparisonFormat} ComparisonFormat */

/**
 * The tables with their counts. One of them is chosen, with the pointer or the arrow keys.
 *
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 * @param {{
 *   filter: string,
 *   chosen: number,
 *   onChoose(index: number): void,
 *   onFilter(text: string): void,
 *   onCheck(index: number, checked: boolean): void,
 * }} options
 */
export function comparedTables(format, comparison, options) {
  const { texts } = format;
  const { tables } = comparison;
  const boxes = comparison.restorable
    ? tables.map((table, index) => tableBox(format, table, index, options.onCheck))
    : [];
  const rows = tables.map((table, index) => tableRow(format, table, boxes[index]));
  const noMatch = element('p', { class: 'empty', hidden: true });
  const titles = [...kinds.map((kind) => kindTitle(format, comparison, kind)), texts.same];
  const grid = element(
    'table',
    { class: 'compared', role: 'grid', 'aria-label': texts.tables },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        comparison.restorable && element('td', {}),
        element('th', { scope: 'col' }, texts.tables),
        ...titles.map((title) => element('th', { scope: 'col', class: 'number', title }, title)),
      ),
    ),
    element('tbody', {}, ...rows),
  );
  // Replaces the list on a narrow page.
  const select = element(
    'select',
    {
      ...{ class: 'input table-select', 'aria-label': texts.tables },
      on: { change: () => choose(select.selectedIndex) },
    },
    ...tables.map((table) => element('option', {}, optionText(format, table))),
  );

  /** @param {number} index */
  const mark = (index) => {
    for (const [place, row] of rows.entries()) {
      row.setAttribute('aria-selected', String(place === index));
      row.tabIndex = place === index ? 0 : -1;
    }
    select.selectedIndex = index;
  };
  /** @param {number} index */
  const choose = (index) => {
    if (rows[index]?.getAttribute('aria-selected') === 'true') return;
    mark(index);
    options.onChoose(index);
  };
  grid.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element) || target.closest('input')) return;
    const row = target.closest('tbody tr');
    const index = rows.findIndex((one) => one === row);
    if (index < 0) return;
    choose(index);
    rows[index]?.focus();
  });
  grid.addEventListener('keydown', (event) => {
    const shown = rows.flatMap((row, index) => (row.hidden ? [] : [index]));
    const at = shown.findIndex((index) => rows[index]?.getAttribute('aria-selected') === 'true');
    if (event.key === ' ' && event.target instanceof HTMLTableRowElement) {
      event.preventDefault();
      return event.target.querySelector('input')?.click();
    }
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = shown[Math.max(0, Math.min(target, shown.length - 1))];
    if (index === undefined) return;
    choose(index);
    rows[index]?.focus();
    rows[index]?.scrollIntoView({ block: 'nearest' });
  });

  /** @param {string} text */
  const applyFilter = (text) => {
    const wanted = text.trim().toLocaleLowerCase();
    for (const [index, row] of rows.entries()) {
      row.hidden = !(tables[index]?.label ?? '').toLocaleLowerCase().includes(wanted);
    }
    noMatch.hidden = rows.some((row) => !row.hidden);
    noMatch.textContent = fill(texts.noTableMatches, text.trim());
  };
  const withFilter = tables.length >= filterFrom;
  if (withFilter) applyFilter(options.filter);
  mark(options.chosen);
  const made = element(
    'nav',
    { class: 'tables with-counts', 'aria-label': texts.tables },
    select,
    withFilter &&
      filterBox(texts.filterTables, options.filter, (text) => {
        applyFilter(text);
        options.onFilter(text);
      }),
    element('div', { class: 'list' }, grid),
    noMatch,
  );
  /** @param {readonly CheckedCounts[]} checked */
  const showChecked = (checked) => {
    for (const [place, table] of tables.entries()) {
      const box = boxes[place];
      const of = checked[table.index];
      if (!box || !of || !table.counts) continue;
      const count = of.changed + of.onlyInFirst + of.onlyInSecond;
      box.checked = count > 0 && count >= table.counts.changed + table.counts.onlyInFirst;
      box.indeterminate = count > 0 && !box.checked;
    }
  };
  showChecked(comparison.checked);
  return { element: made, showChecked };
}

/**
 * Checks the rows of a table that can come back; what only the database has stays.
 *
 * @param {ComparisonFormat} format
 * @param {ComparedTableView} table
 * @param {number} index
 * @param {(index: number, checked: boolean) => void} onCheck
 */
function tableBox({ texts }, { label, counts }, index, onCheck) {
  const box = element('input', {
    ...{ type: 'checkbox', tabindex: -1, 'aria-label': fill(texts.checkTable, label) },
    disabled: !counts || counts.changed + counts.onlyInFirst === 0,
    on: { change: () => onCheck(index, box.checked) },
  });
  return box;
}

/**
 * @param {ComparisonFormat} format
 * @param {ComparedTableView} table
 * @param {HTMLInputElement} [box]
 */
function tableRow(format, { key, label, counts }, box) {
  const check = box && element('td', { class: 'check-cell' }, box);
  const name = element('th', { scope: 'row', title: label }, element('bdi', {}, ...visible(label)));
  if (!counts) {
    const text = element('td', { class: 'dim', colspan: 4 }, format.texts.noCounts);
    return element('tr', { 'data-key': key }, check, name, text);
  }
  const cells = [...kinds, /** @type {const} */ ('same')].map((kind) =>
    element(
      'td',
      { class: counts[kind] === 0 ? 'number zero' : `number ${kind}` },
      format.number(counts[kind]),
    ),
  );
  return element('tr', { 'data-key': key }, check, name, ...cells);
}

/**
 * @param {ComparisonFormat} format
 * @param {ComparedTableView} table
 */
function optionText({ texts, numbers }, { label, counts }) {
  if (!counts) return `${label} (${texts.noCounts})`;
  const rows = counts.changed + counts.onlyInFirst + counts.onlyInSecond;
  return `${label} (${numbers.format(rows)})`;
}
