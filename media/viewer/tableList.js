/* global Node */
import { element, icon, visible, writable } from './dom.js';
import { fill } from './format.js';

/** With fewer tables than this, a filter would only be in the way. */
export const filterFrom = 9;

/** @typedef {import('../../src/ui/viewer/viewModel.ts').TableEntry} TableEntry */

/**
 * The list of tables. One of them is chosen, with the pointer or the arrow keys.
 *
 * @param {import('./format.js').Format} format
 * @param {readonly TableEntry[]} tables
 * @param {{ filter: string, chosen: number, onChoose(index: number): void, onFilter(text: string): void }} options
 */
export function tableList(format, tables, options) {
  const { texts } = format;
  const items = tables.map((table, index) => tableItem(format, table, index));
  const noMatch = element('p', { class: 'empty', hidden: true });
  const list = element('div', {
    class: 'list',
    role: 'listbox',
    tabindex: 0,
    'aria-label': texts.tables,
  });
  list.append(...items);

  // Replaces the list on a narrow page.
  const select = element(
    'select',
    {
      ...{ class: 'input table-select', 'aria-label': texts.tables },
      on: { change: () => choose(select.selectedIndex) },
    },
    ...tables.map(({ label, rows }) => element('option', {}, `${label} (${format.count('rows', rows)})`)),
  );

  /** @param {number} index */
  const mark = (index) => {
    for (const item of list.querySelectorAll('[aria-selected=true]'))
      item.setAttribute('aria-selected', 'false');
    const item = items[index];
    item?.setAttribute('aria-selected', 'true');
    select.selectedIndex = index;
    item?.scrollIntoView({ block: 'nearest' });
    if (item) list.setAttribute('aria-activedescendant', item.id);
  };
  /** @param {number} index */
  const choose = (index) => {
    if (items[index]?.getAttribute('aria-selected') === 'true') return;
    mark(index);
    options.onChoose(index);
  };
  list.addEventListener('click', (event) => {
    const index = items.findIndex((item) => event.target instanceof Node && item.contains(event.target));
    if (index >= 0) choose(index);
  });
  list.addEventListener('keydown', (event) => {
    const shown = items.flatMap((item, index) => (item.hidden ? [] : [index]));
    const at = shown.findIndex((index) => items[index]?.getAttribute('aria-selected') === 'true');
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = shown[Math.max(0, Math.min(target, shown.length - 1))];
    if (index !== undefined) choose(index);
  });

  /** @param {string} text */
  const applyFilter = (text) => {
    const wanted = text.trim().toLocaleLowerCase();
    for (const [index, item] of items.entries()) {
      item.hidden = !(tables[index]?.label ?? '').toLocaleLowerCase().includes(wanted);
    }
    noMatch.hidden = items.some((item) => !item.hidden);
    noMatch.textContent = fill(texts.noTableMatches, text.trim());
  };
  const withFilter = tables.length >= filterFrom;
  if (withFilter) applyFilter(options.filter);
  mark(options.chosen);
  return element(
    'nav',
    { class: 'tables', 'aria-label': texts.tables },
    select,
    element('h2', {}, texts.tables, element('span', { class: 'count' }, format.number(tables.length))),
    withFilter &&
      filterBox(texts.filterTables, options.filter, (text) => {
        applyFilter(text);
        options.onFilter(text);
      }),
    list,
    noMatch,
  );
}

/**
 * @param {import('./format.js').Format} format
 * @param {TableEntry} table
 * @param {number} index
 */
function tableItem(format, table, index) {
  const condition = table.where === undefined ? undefined : fill(format.texts.condition, table.where);
  return element(
    'div',
    {
      id: `table-${index}`,
      class: 'list-item',
      role: 'option',
      'data-key': table.key,
      'aria-selected': 'false',
      title: condition === undefined ? table.label : `${table.label}\n${condition}`,
    },
    element('bdi', { class: 'one-line' }, ...visible(table.label)),
    table.where !== undefined && icon('filter', condition),
    element('span', { class: 'count', title: format.count('rows', table.rows) }, format.number(table.rows)),
  );
}

/**
 * @param {string} label
 * @param {string} text
 * @param {(text: string) => void} onInput
 */
export function filterBox(label, text, onInput) {
  const input = element('input', {
    type: 'text',
    class: 'input',
    placeholder: label,
    'aria-label': label,
    spellcheck: 'false',
    'data-vscode-context': writable,
    on: { input: () => onInput(input.value) },
  });
  input.value = text;
  return element('div', { class: 'filter-box' }, input);
}
