/* global document, navigator, Element, HTMLTableCellElement, HTMLTableRowElement */
import { element, icon, visible } from './dom.js';
import { fill } from './format.js';

/** How many characters of a value its cell and its tooltip show. The value pane shows all of it. */
const shownCharacters = 240;
const tooltipCharacters = 1000;
/** A value on one line that is shorter than this is never cut by the column's width. */
const surelyVisible = 36;

const pageStep = 20;

/** @typedef {import('../../src/core/cells.ts').Cell} Cell */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').ColumnView} ColumnView */

/** A page of rows as a table that can be navigated with the arrow keys. */
export class Grid {
  #format;
  #rows;
  #on;
  #body;
  #head;
  #columns;
  /** The row and column of the cell that has or will get the focus. */
  #at = { row: 0, column: 0 };

  /**
   * @param {import('./format.js').Format} format
   * @param {import('../../src/ui/viewer/viewModel.ts').TableEntry} entry
   * @param {import('../../src/ui/viewer/viewModel.ts').TableView} table
   * @param {import('../../src/ui/viewer/viewModel.ts').RowsView} rows
   * @param {{
   *   onSelect(row: number, column: number, counted: boolean): void,
   *   onOpen(): void,
   *   wholeValue(row: number, column: number): Promise<Cell>,
   * }} on
   */
  constructor(format, entry, table, rows, on) {
    this.#format = format;
    this.#rows = rows;
    this.#on = on;
    const known = new Map(table.columns.map((column) => [column.name, column]));
    const columns = rows.columns.map((column) => known.get(column));
    this.#columns = columns;
    this.#head = element(
      'thead',
      {},
      element(
        'tr',
        {},
        element('th', { scope: 'col', class: 'row-number', 'aria-label': format.texts.rowNumber }, '#'),
        ...rows.columns.map((column, index) => this.#heading(column, columns[index])),
      ),
    );
    this.#body = element('tbody', {}, ...rows.rows.map((row, index) => this.#row(row, index, columns)));
    const grid = element(
      'table',
      {
        ...{
          class: 'grid',
          role: 'grid',
          'aria-label': fill(format.texts.rowsOfTable, entry.label),
          'aria-rowcount': entry.rows + 1,
        },
        on: {
          keydown: (event) => this.#onKey(event),
          mousedown: (event) => this.#onPointer(event),
          dblclick: () => this.#on.onOpen(),
          focusin: (event) => this.#onFocus(event),
          copy: (event) => this.#onCopy(event),
        },
      },
      this.#head,
      this.#body,
    );
    this.element = element('div', { class: 'scroll' }, grid);
    this.#cell(0, 0)?.setAttribute('tabindex', '0');
  }

  focus() {
    this.#keepClear();
    this.#cell(this.#at.row, this.#at.column)?.focus();
  }

  /** Makes cells scroll to where the sticky heading and row numbers do not cover them. */
  #keepClear() {
    const number = this.#head.querySelector('.row-number');
    const { style } = this.element;
    style.scrollPaddingTop = `${this.#head.offsetHeight}px`;
    style.scrollPaddingLeft = `${number?.getBoundingClientRect().width ?? 0}px`;
  }

  /**
   * @param {string} name
   * @param {ColumnView | undefined} column
   */
  #heading(name, column) {
    const { texts } = this.#format;
    return element(
      'th',
      {
        scope: 'col',
        class: column?.numeric ? 'number' : undefined,
        title: `${name}\n${column?.type ?? ''}`.trim(),
      },
      element(
        'div',
        { class: 'column-name' },
        column?.primaryKey !== undefined && icon('key', texts.primary),
        (column?.references.length ?? 0) > 0 && icon('link', column?.references.join(', ')),
        element('bdi', {}, ...visible(name)),
      ),
      element('div', { class: 'column-type' }, element('bdi', {}, ...visible(column?.type ?? ''))),
    );
  }

  /**
   * @param {readonly Cell[]} row
   * @param {number} index
   * @param {readonly (ColumnView | undefined)[]} columns
   */
  #row(row, index, columns) {
    const number = this.#format.number(this.#rows.offset + index + 1);
    return element(
      'tr',
      { 'aria-rowindex': this.#rows.offset + index + 2 },
      element('th', { scope: 'row', class: 'row-number' }, number),
      ...row.map((value, column) => this.#valueCell(value, columns[column]?.numeric ?? false)),
    );
  }

  /**
   * @param {Cell} value
   * @param {boolean} numeric
   */
  #valueCell(value, numeric) {
    if (value === null) return element('td', { class: 'null', tabindex: -1 }, 'NULL');
    const start = typeof value === 'string' ? value : value.start;
    const length = typeof value === 'string' ? value.length : value.length;
    const cut = length > surelyVisible || /[\n\r]/.test(start);
    const end =
      length > tooltipCharacters
        ? `\n${fill(this.#format.texts.longValue, this.#format.number(length))}`
        : '';
    return element(
      'td',
      {
        ...{ class: numeric ? 'number' : undefined, tabindex: -1 },
        title: cut ? start.slice(0, tooltipCharacters) + end : undefined,
      },
      element(
        'div',
        { class: 'value', dir: 'auto' },
        ...visible(start.slice(0, shownCharacters)),
        length > shownCharacters && '…',
      ),
    );
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  #cell(row, column) {
    return this.#body.rows[row]?.querySelectorAll('td')[column];
  }

  /** @param {FocusEvent} event */
  #onFocus({ target }) {
    const cell = target instanceof HTMLTableCellElement ? target : undefined;
    const row = cell?.parentElement;
    if (!cell || !(row instanceof HTMLTableRowElement)) return;
    this.#cell(this.#at.row, this.#at.column)?.setAttribute('tabindex', '-1');
    // The row number comes before the values.
    this.#at = { row: row.sectionRowIndex, column: cell.cellIndex - 1 };
    cell.setAttribute('tabindex', '0');
    this.#on.onSelect(this.#at.row, this.#at.column, this.#columns[this.#at.column]?.counted ?? true);
  }

  /** @param {MouseEvent} event */
  #onPointer({ target }) {
    const cell = target instanceof Element ? target.closest('td') : undefined;
    cell?.focus({ preventScroll: true });
  }

  /** The full text of the chosen value; NULL as displayed. A long value is read first. */
  async chosenValue() {
    const { row, column } = this.#at;
    const value = this.#rows.rows[row]?.[column];
    const whole = typeof value === 'object' && value ? await this.#on.wholeValue(row, column) : value;
    return typeof whole === 'object' && whole ? whole.start : (whole ?? 'NULL');
  }

  /**
   * Copies the chosen value if no text is selected.
   *
   * @param {ClipboardEvent} event
   */
  #onCopy(event) {
    const value = this.#rows.rows[this.#at.row]?.[this.#at.column];
    if (value === undefined || !document.getSelection()?.isCollapsed) return;
    event.preventDefault();
    if (typeof value === 'object' && value) {
      void this.chosenValue().then((text) => navigator.clipboard.writeText(text));
    } else event.clipboardData?.setData('text/plain', value ?? 'NULL');
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { row, column } = this.#at;
    const lastRow = this.#body.rows.length - 1;
    const lastColumn = this.#rows.columns.length - 1;
    const whole = event.ctrlKey || event.metaKey;
    /** @type {Record<string, [number, number]>} */
    const targets = {
      ArrowUp: [whole ? 0 : row - 1, column],
      ArrowDown: [whole ? lastRow : row + 1, column],
      ArrowLeft: [row, whole ? 0 : column - 1],
      ArrowRight: [row, whole ? lastColumn : column + 1],
      Home: [whole ? 0 : row, 0],
      End: [whole ? lastRow : row, lastColumn],
      PageUp: [row - pageStep, column],
      PageDown: [row + pageStep, column],
    };
    const target = targets[event.key];
    if (event.altKey || (!target && event.key !== 'Enter')) return;
    event.preventDefault();
    if (!target) return this.#on.onOpen();
    const cell = this.#cell(
      Math.max(0, Math.min(target[0], lastRow)),
      Math.max(0, Math.min(target[1], lastColumn)),
    );
    this.#keepClear();
    cell?.focus({ preventScroll: true });
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
}
