/* global document, navigator, Element, HTMLTableCellElement, HTMLTableRowElement, ResizeObserver */
import { element, icon, visible } from './dom.js';
import { fill } from './format.js';

/** How many characters of a value its cell and its tooltip show. The value pane shows all of it. */
const shownCharacters = 240;
const tooltipCharacters = 1000;
/** A value on one line that is shorter than this is never cut by the column's width. */
const surelyVisible = 36;

const pageStep = 20;

/** @typedef {import('../../src/core/cells.ts').Cell} Cell */

/** A value, or that of each side of a comparison. */
/** @typedef {Cell | Readonly<{ before: Cell, after: Cell }>} GridValue */

/**
 * @typedef {object} GridColumn
 * @property {string} name
 * @property {string} [type]
 * @property {boolean} [numeric] its values are aligned right
 * @property {boolean} [isKey]
 * @property {readonly string[]} [references]
 * @property {boolean} [frozen] it stays while others are scrolled; such columns come first
 */

/**
 * @typedef {object} GridOptions
 * @property {string} label
 * @property {readonly GridColumn[]} columns
 * @property {readonly (readonly GridValue[])[]} rows
 * @property {number} offset of the first row, from 0
 * @property {number} total number of rows
 * @property {(row: number, column: number) => void} onSelect
 * @property {() => void} onOpen
 * @property {(row: number, column: number) => Promise<string>} wholeText what to copy of a value that is cut
 * @property {GridChecks} [checks] rows can be checked
 */

/**
 * @typedef {object} GridChecks
 * @property {readonly boolean[]} rows
 * @property {'all' | 'some' | 'none'} state of all rows, also those on other pages
 * @property {string} allLabel
 * @property {(row: number) => string} label
 * @property {(row: number, checked: boolean) => void} onCheck
 * @property {(checked: boolean) => void} onCheckAll
 */

/** A page of rows as a table that can be navigated with the arrow keys. */
export class Grid {
  #format;
  #options;
  #body;
  #head;
  /** The row and column of the cell that has or will get the focus. */
  #at = { row: 0, column: 0 };
  /** @type {HTMLInputElement | undefined} */
  #allBox;
  #resized = new ResizeObserver(() => this.#freeze());

  /**
   * @param {import('./format.js').Format} format
   * @param {GridOptions} options
   */
  constructor(format, options) {
    this.#format = format;
    this.#options = options;
    const { columns, rows } = options;
    this.#head = element(
      'thead',
      {},
      element('tr', {}, this.#corner(), ...columns.map((column) => this.#heading(column))),
    );
    this.#body = element('tbody', {}, ...rows.map((row, index) => this.#row(row, index)));
    const grid = element(
      'table',
      {
        ...{ class: 'grid', role: 'grid', 'aria-label': options.label, 'aria-rowcount': options.total + 1 },
        on: {
          keydown: (event) => this.#onKey(event),
          mousedown: (event) => this.#onPointer(event),
          dblclick: () => options.onOpen(),
          focusin: (event) => this.#onFocus(event),
          copy: (event) => this.#onCopy(event),
        },
      },
      this.#head,
      this.#body,
    );
    this.element = element('div', { class: 'scroll' }, grid);
    this.#cell(0, 0)?.setAttribute('tabindex', '0');
    if (columns.some(({ frozen }) => frozen)) {
      this.#resized.observe(this.element);
      this.#resized.observe(this.#head);
    }
  }

  focus() {
    this.#keepClear();
    this.#cell(this.#at.row, this.#at.column)?.focus();
  }

  /** Makes cells scroll to where the sticky heading and columns do not cover them. */
  #keepClear() {
    const { style } = this.element;
    style.scrollPaddingTop = `${this.#head.offsetHeight}px`;
    style.scrollPaddingLeft = `${this.#frozenWidth()}px`;
  }

  #frozenWidth() {
    const sticky = this.#head.querySelectorAll('.row-number, .frozen');
    return [...sticky].reduce((sum, cell) => sum + cell.getBoundingClientRect().width, 0);
  }

  /** Key columns stay in view, as long as they leave half of the width to the others. */
  #freeze() {
    const headings = [...(this.#head.rows[0]?.cells ?? [])];
    const rows = [...this.#head.rows, ...this.#body.rows];
    let left = headings[0]?.getBoundingClientRect().width ?? 0;
    for (const [index, { frozen }] of this.#options.columns.entries()) {
      if (!frozen) break;
      const width = headings[index + 1]?.getBoundingClientRect().width ?? 0;
      const fits = left + width <= this.element.clientWidth / 2;
      for (const { cells } of rows) {
        const cell = cells[index + 1];
        cell?.classList.toggle('frozen', fits);
        if (cell) cell.style.left = fits ? `${left}px` : '';
      }
      left += width;
    }
  }

  #corner() {
    const { checks } = this.#options;
    const { texts } = this.#format;
    const number = { scope: 'col', class: 'row-number' };
    if (!checks) return element('th', { ...number, 'aria-label': texts.rowNumber }, '#');
    const box = element('input', {
      ...{ type: 'checkbox', 'aria-label': checks.allLabel, title: checks.allLabel },
      on: { change: () => checks.onCheckAll(box.checked) },
    });
    this.#allBox = box;
    this.showAllChecked(checks.state);
    return element('th', number, box);
  }

  /** @param {GridChecks['state']} state */
  showAllChecked(state) {
    if (!this.#allBox) return;
    this.#allBox.checked = state === 'all';
    this.#allBox.indeterminate = state === 'some';
  }

  /** @param {number} index */
  #rowHead(index) {
    const { offset, checks } = this.#options;
    const number = this.#format.number(offset + index + 1);
    if (!checks) return element('th', { scope: 'row', class: 'row-number' }, number);
    const box = element('input', {
      ...{ type: 'checkbox', tabindex: -1, 'aria-label': checks.label(index) },
      on: { change: () => checks.onCheck(index, box.checked) },
    });
    box.checked = checks.rows[index] ?? false;
    return element('th', { scope: 'row', class: 'row-number' }, element('label', {}, box, number));
  }

  /** @param {GridColumn} column */
  #heading({ name, type = '', numeric, isKey, references = [] }) {
    return element(
      'th',
      { scope: 'col', class: numeric ? 'number' : undefined, title: `${name}\n${type}`.trim() },
      element(
        'div',
        { class: 'column-name' },
        isKey && icon('key', this.#format.texts.primary),
        references.length > 0 && icon('link', references.join(', ')),
        element('bdi', {}, ...visible(name)),
      ),
      element('div', { class: 'column-type' }, element('bdi', {}, ...visible(type))),
    );
  }

  /**
   * @param {readonly GridValue[]} row
   * @param {number} index
   */
  #row(row, index) {
    const { columns, offset } = this.#options;
    return element(
      'tr',
      { 'aria-rowindex': offset + index + 2 },
      this.#rowHead(index),
      ...row.map((value, column) => this.#valueCell(value, columns[column]?.numeric ?? false)),
    );
  }

  /**
   * @param {GridValue} value
   * @param {boolean} numeric
   */
  #valueCell(value, numeric) {
    const kind = numeric ? 'number' : undefined;
    if (isChange(value)) {
      const { before, after } = value;
      const tooltips = [before, after].map((side) => this.#tooltip(side) ?? textOf(side));
      return element(
        'td',
        { class: `changed ${kind ?? ''}`.trim(), tabindex: -1, title: tooltips.join(' → ') },
        element('del', { class: 'value', dir: 'auto' }, ...this.#shown(before)),
        element('span', { class: 'arrow' }, '→'),
        element('ins', { class: 'value', dir: 'auto' }, ...this.#shown(after)),
      );
    }
    if (value === null) return element('td', { class: 'null', tabindex: -1 }, 'NULL');
    return element(
      'td',
      { class: kind, tabindex: -1, title: this.#tooltip(value) },
      element('div', { class: 'value', dir: 'auto' }, ...this.#shown(value)),
    );
  }

  /** @param {Cell} value */
  #shown(value) {
    if (value === null) return [element('span', { class: 'null' }, 'NULL')];
    const start = textOf(value);
    const cut = lengthOf(value) > shownCharacters;
    return [...visible(start.slice(0, shownCharacters)), ...(cut ? ['…'] : [])];
  }

  /**
   * Undefined for a value that is seen as a whole.
   *
   * @param {Cell} value
   */
  #tooltip(value) {
    const [start, length] = [textOf(value), lengthOf(value)];
    if (length <= surelyVisible && !/[\n\r]/.test(start)) return undefined;
    const end =
      length > tooltipCharacters
        ? `\n${fill(this.#format.texts.longValue, this.#format.number(length))}`
        : '';
    return start.slice(0, tooltipCharacters) + end;
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
    this.#options.onSelect(this.#at.row, this.#at.column);
  }

  /** @param {MouseEvent} event */
  #onPointer({ target }) {
    const cell = target instanceof Element ? target.closest('td') : undefined;
    cell?.focus({ preventScroll: true });
  }

  /** The chosen row's place on the page. */
  get chosenRow() {
    return this.#at.row;
  }

  /** The full text of the chosen value; NULL as displayed. A long value is read first. */
  async chosenValue() {
    const { row, column } = this.#at;
    const value = this.#options.rows[row]?.[column];
    if (value === undefined) return undefined;
    return shortText(value) ?? (await this.#options.wholeText(row, column));
  }

  /**
   * Copies the chosen value if no text is selected.
   *
   * @param {ClipboardEvent} event
   */
  #onCopy(event) {
    const value = this.#options.rows[this.#at.row]?.[this.#at.column];
    if (value === undefined || !document.getSelection()?.isCollapsed) return;
    event.preventDefault();
    const text = shortText(value);
    if (text !== undefined) event.clipboardData?.setData('text/plain', text);
    else void this.chosenValue().then((whole) => navigator.clipboard.writeText(whole ?? ''));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { row, column } = this.#at;
    const lastRow = this.#body.rows.length - 1;
    const lastColumn = this.#options.columns.length - 1;
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
    // The checkbox of the row; one that has the focus itself needs no help.
    if (event.key === ' ' && this.#options.checks && event.target instanceof HTMLTableCellElement) {
      event.preventDefault();
      return this.#body.rows[row]?.querySelector('input')?.click();
    }
    if (event.altKey || (!target && event.key !== 'Enter')) return;
    event.preventDefault();
    if (!target) return this.#options.onOpen();
    const cell = this.#cell(
      Math.max(0, Math.min(target[0], lastRow)),
      Math.max(0, Math.min(target[1], lastColumn)),
    );
    this.#keepClear();
    cell?.focus({ preventScroll: true });
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
}

/**
 * @param {GridValue} value
 * @returns {value is Readonly<{ before: Cell, after: Cell }>}
 */
export function isChange(value) {
  return typeof value === 'object' && value !== null && 'before' in value;
}

/** @param {Cell} value */
export function textOf(value) {
  return typeof value === 'string' ? value : (value?.start ?? 'NULL');
}

/** @param {Cell} value */
function lengthOf(value) {
  return value?.length ?? 0;
}

/**
 * The text of a value that is not cut; undefined for another one.
 *
 * @param {GridValue} value
 */
function shortText(value) {
  const sides = isChange(value) ? [value.before, value.after] : [value];
  if (sides.some((side) => typeof side === 'object' && side !== null)) return undefined;
  return sides.map(textOf).join(' → ');
}
