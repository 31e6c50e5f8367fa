import { element, failure } from './dom.js';
import { fill } from './format.js';
import { textOf } from './cells.js';
import { Grid } from './grid.js';
import { GridPlace } from './gridPlace.js';
import { Pager } from './pager.js';

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
  #place;

  /** @param {import('./tablePanel.js').TableOptions} options */
  constructor(options) {
    const { format, state, remember } = options;
    this.#options = options;
    this.#pager = new Pager(format, options.rowsPerPage, (page) => void this.#read(page));
    const context = JSON.stringify({ rowChosen: true });
    this.#place = new GridPlace(format, { state, remember, context });
    this.toolbar = this.#buildToolbar();
    this.element = this.#place.element;
  }

  #buildToolbar() {
    return element(
      'div',
      { class: 'toolbar' },
      this.#pager.element,
      this.#options.entry.rows > 0 && this.#place.valueToggle,
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
    return grid && this.#page * this.#options.rowsPerPage + grid.chosenRow;
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
    if (entry.rows === 0) return this.#place.showInstead(texts.noRows);
    this.#place.setBusy(true);
    try {
      const [table, rows] = await Promise.all([this.table(), ask('readRows', { table: index, page })]);
      if (page !== this.#page) return;
      this.#showRows(table, rows);
    } catch (error) {
      if (page !== this.#page) return;
      const problem = /** @type {Problem} */ (error);
      this.#place.showInstead(failure(format, texts.readFailed, problem, () => void this.#read(page)));
    }
    this.#place.setBusy(false);
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
        this.#place.pane.show(place, [shown], known.get(name)?.counted ?? true);
      },
      onOpen: () => this.#place.showValue(true),
      wholeText: async (row, column) => textOf(await whole(row, column)),
    });
    this.#place.show(grid);
  }
}
