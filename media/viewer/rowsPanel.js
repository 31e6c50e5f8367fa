/* global clearTimeout, setTimeout */
import { button, element, failure } from './dom.js';
import { fill } from './format.js';
import { textOf } from './cells.js';
import { Grid } from './grid.js';
import { Pager } from './pager.js';
import { ValuePane } from './valuePane.js';

/** A page that arrives within this time (in ms) needs no progress bar. */
const patience = 200;

/** @typedef {import('../../src/ui/viewer/viewModel.ts').TableView} TableView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').RowsView} RowsView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/** The rows of one table, one page at a time, with the pager. */
export class RowsPanel {
  #options;
  #pager;
  /** @type {Promise<TableView> | undefined} */
  #table;
  /** The current or requested page; -1 before the first. */
  #page = -1;
  /** @type {Grid | undefined} */
  #grid;
  #place = element('div', {
    class: 'rows-place',
    'data-vscode-context': JSON.stringify({ rowChosen: true }),
  });
  #pane;
  #progress = element('div', { class: 'progress', hidden: true, role: 'progressbar' });
  #valueToggle;

  /** @param {import('./tablePanel.js').TableOptions} options */
  constructor(options) {
    const { format, state } = options;
    const { texts } = format;
    this.#options = options;
    this.#pager = new Pager(format, options.rowsPerPage, (page) => void this.#read(page));
    this.#pane = new ValuePane(format, () => this.#showValue(false));
    this.#progress.setAttribute('aria-label', texts.reading);
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
    return element(
      'div',
      { class: 'toolbar' },
      this.#pager.element,
      this.#options.entry.rows > 0 && this.#valueToggle,
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

  /** The number of the chosen row in the table, from 0; undefined if there is none. */
  chosenRow() {
    return this.#grid && this.#page * this.#options.rowsPerPage + this.#grid.chosenRow;
  }

  /** Shows the remembered page, unless it is already shown. */
  load() {
    const { state, entry } = this.#options;
    if (this.#page < 0) void this.#read(this.#pager.nearest(state.page, entry.rows));
  }

  /** @param {number} page */
  async #read(page) {
    const { ask, index, remember, entry, format } = this.#options;
    const { texts } = format;
    this.#page = page;
    remember({ page });
    this.#pager.show(page, entry.rows);
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
    const known = new Map(table.columns.map((column) => [column.name, column]));
    /**
     * @param {number} row
     * @param {number} column
     */
    const whole = async (row, column) =>
      (await ask('readValue', { table: index, row: rows.offset + row, column })).value;
    const grid = new Grid(format, {
      label: fill(format.texts.rowsOfTable, entry.label),
      columns: rows.columns.map((name) => {
        const column = known.get(name);
        const isKey = column?.primaryKey !== undefined;
        return { ...column, name, isKey, frozen: isKey };
      }),
      rows: rows.rows,
      offset: rows.offset,
      total: entry.rows,
      onSelect: (row, column) => {
        const value = rows.rows[row]?.[column];
        if (value === undefined) return;
        const name = rows.columns[column] ?? '';
        const place = fill(format.texts.valuePlace, name, format.number(rows.offset + row + 1));
        const shown = { value, whole: () => whole(row, column) };
        this.#pane.show(place, [shown], known.get(name)?.counted ?? true);
      },
      onOpen: () => this.#showValue(true),
      wholeText: async (row, column) => textOf(await whole(row, column)),
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
