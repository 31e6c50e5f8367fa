/* global clearTimeout, setTimeout */
import { button, element, failure, setEnabled, writable } from './dom.js';
import { fill } from './format.js';
import { Grid } from './grid.js';
import { ValuePane } from './valuePane.js';

/** A page that arrives within this time (in ms) needs no progress bar. */
const patience = 200;

/** @typedef {import('../../src/ui/viewer/viewModel.ts').TableView} TableView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').RowsView} RowsView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/** The rows of one table, one page at a time, with the pager. */
export class RowsPanel {
  #options;
  #pages;
  /** @type {Promise<TableView> | undefined} */
  #table;
  /** The current or requested page; -1 before the first. */
  #page = -1;
  /** @type {Grid | undefined} */
  #grid;
  #place = element('div', { class: 'rows-place' });
  #pane;
  #progress = element('div', { class: 'progress', hidden: true, role: 'progressbar' });
  #range = element('span', { class: 'range', 'aria-live': 'polite' });
  #pageBox;
  #previous;
  #next;
  #valueToggle;

  /** @param {import('./tablePanel.js').TableOptions} options */
  constructor(options) {
    const { format, entry, state } = options;
    const { texts } = format;
    this.#options = options;
    this.#pages = Math.max(1, Math.ceil(entry.rows / options.rowsPerPage));
    this.#pane = new ValuePane(options, () => this.#showValue(false));
    this.#progress.setAttribute('aria-label', texts.reading);
    this.#previous = button({
      icon: 'previous',
      tooltip: texts.previousPage,
      onClick: () => this.#turn(this.#page - 1),
    });
    this.#next = button({ icon: 'next', tooltip: texts.nextPage, onClick: () => this.#turn(this.#page + 1) });
    this.#pageBox = element('input', {
      ...{ type: 'text', inputmode: 'numeric', class: 'input page-box', 'aria-label': texts.page },
      'data-vscode-context': writable,
      on: { change: () => this.#turn(Number.parseInt(this.#pageBox.value, 10) - 1) },
    });
    this.#valueToggle = button({
      ...{ icon: 'value', tooltip: texts.showValue },
      onClick: () => this.#showValue(!options.state.valueShown),
    });
    this.toolbar = this.#buildToolbar();
    const onKey = (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.#showValue(false);
    this.element = element(
      'div',
      { class: 'rows', on: { keydown: onKey } },
      this.#progress,
      this.#place,
      this.#pane.element,
    );
    this.#showValue(state.valueShown);
  }

  #buildToolbar() {
    const { format, entry } = this.#options;
    const pager =
      this.#pages > 1 &&
      element(
        'span',
        { class: 'pager' },
        this.#previous,
        element('span', { class: 'dim' }, format.texts.page),
        this.#pageBox,
        element('span', { class: 'dim' }, fill(format.texts.pageOf, format.number(this.#pages))),
        this.#next,
      );
    return element(
      'div',
      { class: 'toolbar' },
      entry.rows > 0 && this.#range,
      pager,
      entry.rows > 0 && this.#valueToggle,
    );
  }

  /** The table's columns and statements, requested once. Rejects with a `Problem`. */
  table() {
    this.#table ??= this.#options.ask('readTable', { table: this.#options.index });
    this.#table.catch(() => (this.#table = undefined));
    return this.#table;
  }

  /** The full text of the chosen value; undefined if there is none. */
  async chosenValue() {
    return await this.#grid?.chosenValue();
  }

  /** Shows the remembered page, unless it is already shown. */
  load() {
    if (this.#page < 0) this.#turn(this.#options.state.page);
  }

  /** @param {number} page */
  #turn(page) {
    const wanted = Number.isNaN(page) ? this.#page : Math.max(0, Math.min(page, this.#pages - 1));
    this.#pageBox.value = String(wanted + 1);
    if (wanted !== this.#page) void this.#read(wanted);
  }

  /** @param {number} page */
  async #read(page) {
    const { ask, index, remember, entry, format } = this.#options;
    const { texts } = format;
    this.#page = page;
    remember({ page });
    this.#showPageRange();
    if (entry.rows === 0) return this.#showText(texts.noRows);
    this.#setBusy(true);
    try {
      const [table, rows] = await Promise.all([this.table(), ask('readRows', { table: index, page })]);
      if (page !== this.#page) return;
      this.#showRows(table, rows);
    } catch (error) {
      if (page !== this.#page) return;
      const problem = /** @type {Problem} */ (error);
      this.#showInstead(failure(format, texts.readFailed, problem, () => void this.#read(page)));
    }
    this.#setBusy(false);
  }

  #showPageRange() {
    const { format, entry, rowsPerPage } = this.#options;
    const first = this.#page * rowsPerPage;
    const last = Math.min(first + rowsPerPage, entry.rows);
    this.#range.textContent =
      this.#pages === 1
        ? format.count('rows', entry.rows)
        : fill(format.texts.range, format.number(first + 1), format.number(last), format.number(entry.rows));
    setEnabled(this.#previous, this.#page > 0);
    setEnabled(this.#next, this.#page < this.#pages - 1);
  }

  /** @param {HTMLElement} content */
  #showInstead(content) {
    this.#grid = undefined;
    this.#place.replaceChildren(content);
    this.#showValue(this.#options.state.valueShown);
  }

  /** @param {string} text */
  #showText(text) {
    this.#showInstead(element('p', { class: 'empty' }, text));
  }

  /**
   * @param {TableView} table
   * @param {RowsView} rows
   */
  #showRows(table, rows) {
    const { format, entry, ask, index } = this.#options;
    const grid = new Grid(format, entry, table, rows, {
      onSelect: (row, column, counted) => this.#pane.show(rows, row, column, counted),
      onOpen: () => this.#showValue(true),
      wholeValue: async (row, column) =>
        (await ask('readValue', { table: index, row: rows.offset + row, column })).value,
    });
    const hadFocus = this.#grid?.element.contains(this.#grid.element.ownerDocument.activeElement) ?? false;
    this.#grid = grid;
    this.#place.replaceChildren(grid.element);
    this.#pane.clear();
    this.#showValue(this.#options.state.valueShown);
    if (hadFocus) grid.focus();
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {boolean} busy */
  #setBusy(busy) {
    clearTimeout(this.#timer);
    this.#place.setAttribute('aria-busy', String(busy));
    if (!busy) {
      this.#progress.hidden = true;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#progress.hidden = false;
      if (!this.#grid) this.#showText(this.#options.format.texts.reading);
    }, patience);
  }

  /** @param {boolean} shown */
  #showValue(shown) {
    this.#options.remember({ valueShown: shown });
    this.#pane.element.hidden = !shown || !this.#grid;
    this.#valueToggle.setAttribute('aria-pressed', String(shown));
    if (!shown && this.#pane.element.contains(this.#pane.element.ownerDocument.activeElement))
      this.#grid?.focus();
  }
}
