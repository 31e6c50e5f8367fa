/* global clearTimeout, setTimeout */
import { button, element, failure } from './dom.js';
import { FindBox } from './findBox.js';
import { fill } from './format.js';
import { isChange, textOf } from './cells.js';
import { Grid } from './grid.js';
import { GridPlace } from './gridPlace.js';
import { Pager } from './pager.js';
import { RowTools } from './rowTools.js';

/** @typedef {import('../../src/ui/viewer/viewModel.ts').TableView} TableView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').RowsView} RowsView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */
/** @typedef {import('./grid.js').GridColumn} GridColumn */

/** A search that takes no longer (in ms) is not announced. */
const patience = 200;

/** Which rows are shown, and in which order. An empty column means all columns in a filter, and none in a sort. */
export const plainRows = { rowFilter: '', rowFilterColumn: '', sortColumn: '', sortDescending: false };

/** The rows of one table, one page at a time: sorted, filtered, and searched. */
export class RowsPanel {
  #options;
  #pager;
  /** @type {Promise<TableView> | undefined} */
  #table;
  /** The current or requested page; -1 before the first. */
  #page = -1;
  /** Counts the pages that were asked for: only the last one is shown. */
  #reads = 0;
  #finds = 0;
  /** The last page that was asked for. */
  #reading = Promise.resolve();
  /**
   * The place of the row that was found last, until another one is chosen.
   *
   * @type {number | undefined}
   */
  #foundAt;
  #place;
  #tools;
  #find;
  /** @type {RowsView | undefined} */
  #shown;
  /** The arrangement that was shown last. */
  #arranged = plainRows;

  /** @param {import('./tablePanel.js').TableOptions} options */
  constructor(options) {
    const { format, state, remember, entry } = options;
    this.#options = options;
    this.#pager = new Pager(format, options.rowsPerPage, (page) => this.#show(page));
    const context = JSON.stringify({ rowChosen: true });
    this.#place = new GridPlace(format, { state, remember, context });
    this.#tools = new RowTools(format, {
      filter: { text: state.rowFilter, column: state.rowFilterColumn },
      onFilter: ({ text, column }) => this.#filter(text, column),
      onCancel: () => this.#cancel(),
      onLeave: () => this.#place.grid?.focus(),
    });
    this.#find = new FindBox(format, {
      ...{ state, remember },
      onFind: (way) => void this.#findRow(way),
      onClose: () => {
        this.#place.grid?.mark(undefined);
        this.#place.grid?.focus();
      },
    });
    this.toolbar = this.#buildToolbar();
    this.element = element(
      'div',
      { class: 'panel', on: { keydown: (event) => this.#onKey(event) } },
      entry.rows > 0 && this.#tools.element,
      entry.rows > 0 && this.#find.element,
      this.#place.element,
    );
  }

  #buildToolbar() {
    const { format, entry } = this.#options;
    return element(
      'div',
      { class: 'toolbar' },
      this.#pager.element,
      entry.rows > 0 &&
        button({ icon: 'find', tooltip: format.texts.findTooltip, onClick: () => this.#find.open() }),
      entry.rows > 0 && this.#place.valueToggle,
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
    return await this.#place.grid?.chosenValue();
  }

  /** The number of the chosen row in the table, from 0; undefined if there is none. */
  chosenRow() {
    const { grid } = this.#place;
    return grid && this.#numberOf(grid.chosenRow);
  }

  /** Shows the remembered page, unless it is already shown. */
  load() {
    const { state } = this.#options;
    if (this.#page < 0) void this.#read(state.page);
  }

  /** Shows the box for a text to find. */
  openFind() {
    if (this.#options.entry.rows > 0) this.#find.open();
  }

  /** @param {number} fraction of the rows that were read */
  showProgress(fraction) {
    if (this.#place.busy) this.#tools.showProgress(fraction);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== 'F3' || this.#options.state.findText === '') return;
    event.preventDefault();
    void this.#findRow(event.shiftKey ? 'previous' : 'next');
  }

  /** The rows that are shown, as a question says it. */
  #arrangement() {
    const { rowFilter, rowFilterColumn, sortColumn, sortDescending } = this.#options.state;
    return {
      ...(rowFilter === ''
        ? {}
        : { filter: { text: rowFilter, ...(rowFilterColumn === '' ? {} : { column: rowFilterColumn }) } }),
      ...(sortColumn === '' ? {} : { sort: { column: sortColumn, descending: sortDescending } }),
    };
  }

  /**
   * The place in the backup of a row of this page.
   *
   * @param {number} row
   */
  #numberOf(row) {
    return this.#shown?.numbers?.[row] ?? (this.#shown?.offset ?? 0) + row;
  }

  /**
   * @param {string} rowFilter
   * @param {string} rowFilterColumn
   */
  #filter(rowFilter, rowFilterColumn) {
    const { state, remember } = this.#options;
    if (state.rowFilter === rowFilter && state.rowFilterColumn === rowFilterColumn) return;
    const isSame = state.rowFilter === '' && rowFilter === '';
    remember({ rowFilter, rowFilterColumn });
    if (!isSame) this.#show(0);
  }

  /**
   * Ascending, descending, and the order of the backup again.
   *
   * @param {string} name
   */
  #sort(name) {
    const { state, remember } = this.#options;
    if (state.sortColumn !== name) remember({ sortColumn: name, sortDescending: false });
    else if (!state.sortDescending) remember({ sortDescending: true });
    else remember({ sortColumn: '', sortDescending: false });
    this.#show(0);
  }

  /** Goes back to the rows that were shown before. */
  #cancel() {
    const { rowFilter: text, rowFilterColumn: column } = this.#arranged;
    this.#options.remember(this.#arranged);
    this.#tools.showFilter({ text, column });
    this.#show(
      this.#shown && this.#page >= 0 ? Math.floor(this.#shown.offset / this.#options.rowsPerPage) : 0,
    );
  }

  /** @param {number} page that the user asks for */
  #show(page) {
    this.#foundAt = undefined;
    void this.#read(page);
  }

  /**
   * @param {number} page
   * @returns {Promise<void>}
   */
  #read(page) {
    return (this.#reading = this.#readPage(page));
  }

  /**
   * @param {number} page
   * @returns {Promise<void>}
   */
  async #readPage(page) {
    const { ask, index, remember, entry, format, state } = this.#options;
    const { texts } = format;
    const number = ++this.#reads;
    this.#page = page;
    remember({ page });
    if (entry.rows === 0) {
      this.#pager.show(0, 0);
      return this.#place.showInstead(texts.noRows);
    }
    this.#setBusy(true);
    const { rowFilter, rowFilterColumn, sortColumn, sortDescending } = state;
    try {
      const asked = { table: index, page, arrangement: this.#arrangement() };
      const [table, rows] = await Promise.all([this.table(), ask('readRows', asked)]);
      if (number !== this.#reads) return;
      const nearest = this.#pager.nearest(page, rows.total);
      if (nearest !== page) return await this.#readPage(nearest);
      this.#arranged = { rowFilter, rowFilterColumn, sortColumn, sortDescending };
      this.#pager.show(page, rows.total);
      this.#showRows(table, rows);
    } catch (error) {
      if (number !== this.#reads) return;
      const problem = /** @type {Problem} */ (error);
      this.#shown = undefined;
      this.#tools.showCount(0, entry.rows);
      this.#place.showInstead(failure(format, texts.readFailed, problem, () => void this.#read(page)));
    }
    this.#setBusy(false);
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    const { entry } = this.#options;
    this.#place.setBusy(busy, () => this.#tools.showProgress());
    if (!busy && this.#shown) this.#tools.showCount(this.#shown.total, entry.rows);
  }

  /**
   * Goes to the nearest row that contains the text.
   *
   * @param {'here' | 'next' | 'previous' | 'count'} way `count` only says how many there are
   */
  async #findRow(way) {
    const { ask, index, state, rowsPerPage, format } = this.#options;
    const text = state.findText;
    const number = ++this.#finds;
    this.#mark();
    if (text === '' || !this.#shown) return this.#find.showText('');
    const at = this.#foundAt ?? this.#shown.offset + (this.#place.grid?.chosenRow ?? 0);
    const from = way === 'next' ? at + 1 : way === 'previous' ? Math.max(0, at - 1) : at;
    // Before the first row comes the last one.
    const around = way === 'previous' && at === 0 ? Math.max(0, this.#shown.total - 1) : from;
    const waiting = setTimeout(() => this.#find.showText(format.texts.searching), patience);
    try {
      const found = await ask('find', {
        ...{ table: index, arrangement: this.#arrangement(), search: { text } },
        ...{ from: around, backwards: way === 'previous' },
      });
      clearTimeout(waiting);
      if (number !== this.#finds) return;
      this.#find.showFound(found);
      if (found.place === undefined || way === 'count') return;
      this.#foundAt = found.place;
      const page = Math.floor(found.place / rowsPerPage);
      await (page === this.#page ? this.#reading : this.#read(page));
      if (number === this.#finds) this.#place.grid?.revealMatch(found.place - page * rowsPerPage);
    } catch (error) {
      if (number !== this.#finds) return;
      this.#find.showText(/** @type {Problem} */ (error).message);
    } finally {
      clearTimeout(waiting);
    }
  }

  /** Marks the values that contain the text to find. */
  #mark() {
    const { findShown, findText } = this.#options.state;
    const wanted = findText.toLowerCase();
    this.#place.grid?.mark(
      !findShown || wanted === ''
        ? undefined
        : (value) => !isChange(value) && textOf(value).toLowerCase().includes(wanted),
    );
  }

  /**
   * @param {TableView} table
   * @param {RowsView} rows
   */
  #showRows(table, rows) {
    const { format, entry, state } = this.#options;
    const isOther = this.#shown === undefined || this.#shown.total !== rows.total;
    this.#shown = rows;
    this.#tools.setColumns(rows.columns);
    if (rows.total === 0) return this.#place.showInstead(fill(format.texts.noneMatches, state.rowFilter));
    const heading = this.#place.grid?.focusedHeading;
    const grid = new Grid(format, {
      label: fill(format.texts.rowsOfTable, entry.label),
      columns: this.#columns(table, rows),
      rows: rows.rows,
      offset: rows.offset,
      total: rows.total,
      ...(rows.numbers ? { numbers: rows.numbers } : {}),
      ...this.#values(table, rows),
      onOpen: () => this.#place.showValue(true),
      onSort: (column) => this.#sort(rows.columns[column] ?? ''),
    });
    this.#place.show(grid);
    this.#mark();
    if (heading !== undefined) grid.focusHeading(heading);
    if (isOther && state.findShown && state.findText !== '') void this.#findRow('count');
  }

  /**
   * @param {TableView} table
   * @param {RowsView} rows
   * @returns {GridColumn[]}
   */
  #columns(table, { columns }) {
    const { sortColumn, sortDescending } = this.#options.state;
    const known = new Map(table.columns.map((column) => [column.name, column]));
    return columns.map((name) => {
      const column = known.get(name);
      const isKey = column?.primaryKey !== undefined;
      /** @type {GridColumn['sorted']} */
      const sorted = sortDescending ? 'descending' : 'ascending';
      return {
        ...column,
        ...{ name, isKey, frozen: isKey, sortable: name !== '' },
        ...(name !== '' && name === sortColumn ? { sorted } : {}),
      };
    });
  }

  /**
   * How the grid shows the chosen value as a whole.
   *
   * @param {TableView} table
   * @param {RowsView} rows
   * @returns {Pick<import('./grid.js').GridOptions, 'onSelect' | 'wholeText'>}
   */
  #values(table, rows) {
    const { ask, index, format } = this.#options;
    const counted = new Map(table.columns.map((column) => [column.name, column.counted]));
    /**
     * @param {number} row
     * @param {number} column
     */
    const whole = async (row, column) =>
      (await ask('readValue', { table: index, row: this.#numberOf(row), column })).value;
    return {
      onSelect: (row, column) => {
        this.#foundAt = undefined;
        const value = rows.rows[row]?.[column];
        if (value === undefined) return;
        const name = rows.columns[column] ?? '';
        const place = fill(format.texts.valuePlace, name, format.number(this.#numberOf(row) + 1));
        const shown = { value, whole: () => whole(row, column) };
        this.#place.pane.show(place, [shown], counted.get(name) ?? true);
      },
      wholeText: async (row, column) => textOf(await whole(row, column)),
    };
  }
}
