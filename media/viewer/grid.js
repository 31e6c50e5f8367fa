/* global document, navigator, Element, HTMLTableCellElement, HTMLTableRowElement, ResizeObserver */
import { shortText, valueCell } from './cells.js';
import { ColumnLayout } from './columnLayout.js';
import { element, icon, visible } from './dom.js';

const pageStep = 20;

/** @typedef {import('./cells.js').GridValue} GridValue */

/**
 * @typedef {object} GridColumn
 * @property {string} name
 * @property {string} [type]
 * @property {boolean} [numeric] its values are aligned right
 * @property {boolean} [isKey]
 * @property {readonly string[]} [references]
 * @property {boolean} [frozen] it stays while others are scrolled; such columns come first
 * @property {boolean} [sortable] a click on its heading sorts
 * @property {'ascending' | 'descending'} [sorted] the rows are sorted by it
 */

/**
 * @typedef {object} GridOptions
 * @property {string} label
 * @property {readonly GridColumn[]} columns
 * @property {readonly (readonly GridValue[])[]} rows
 * @property {number} offset of the first row, from 0
 * @property {number} total number of rows
 * @property {readonly number[]} [numbers] of the rows, from 0, if they are not in their own order
 * @property {(row: number, column: number) => void} onSelect
 * @property {() => void} onOpen
 * @property {(row: number, column: number) => Promise<string>} wholeText what to copy of a value that is cut
 * @property {GridChecks} [checks] rows can be checked
 * @property {(column: number) => void} [onSort]
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

/**
 * A page of rows as a table that can be navigated with the arrow keys. It draws only the columns in view and near
 * it: a table of 300 columns has 30,000 cells on a page.
 */
export class Grid {
  #format;
  #options;
  #body;
  #head;
  /** The row and column of the cell that has or will get the focus. */
  #at = { row: 0, column: 0 };
  /** @type {HTMLInputElement | undefined} */
  #allBox;
  #layout;
  #table;
  /** How many columns are frozen. */
  #frozen = 0;
  /** @type {((value: GridValue) => boolean) | undefined} */
  #isMatch;
  #resized = new ResizeObserver(() => this.#draw());

  /**
   * @param {import('./format.js').Format} format
   * @param {GridOptions} options
   */
  constructor(format, options) {
    this.#format = format;
    this.#options = options;
    const { columns, rows, total, checks, numbers = [] } = options;
    const widest = format.number(Math.max(total, ...numbers.map((number) => number + 1)));
    this.#layout = new ColumnLayout(columns, rows, widest, checks !== undefined);
    this.#head = element('thead', {}, element('tr', { 'aria-rowindex': 1 }, this.#corner()));
    this.#body = element('tbody', {}, ...rows.map((_, index) => this.#row(index)));
    const grid = element(
      'table',
      {
        ...{ class: 'grid', role: 'grid', 'aria-label': options.label },
        ...{ 'aria-rowcount': total + 1, 'aria-colcount': columns.length + 1 },
        on: {
          keydown: (event) => this.#onKey(event),
          mousedown: (event) => this.#onPointer(event),
          dblclick: ({ target }) => target instanceof Element && target.closest('td') && options.onOpen(),
          focusin: (event) => this.#onFocus(event),
          copy: (event) => this.#onCopy(event),
        },
      },
      this.#head,
      this.#body,
    );
    this.#table = grid;
    this.element = element('div', { class: 'scroll', on: { scroll: () => this.#draw() } }, grid);
    this.#draw();
    this.#resized.observe(this.element);
  }

  focus() {
    this.#keepClear();
    this.#cell(this.#at.row, this.#at.column)?.focus();
  }

  /** The place of the column whose heading has the focus; undefined if none has. */
  get focusedHeading() {
    const heading = document.activeElement?.closest('th');
    return heading && this.#head.contains(heading) ? placeOf(heading) : undefined;
  }

  /** @param {number} column */
  focusHeading(column) {
    this.#at = { ...this.#at, column };
    this.#draw();
    this.#keepClear();
    const heading = this.#cell(0, column, this.#head);
    heading?.querySelector('button')?.focus({ preventScroll: true });
    heading?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#draw();
  }

  /**
   * Marks the values for which this holds.
   *
   * @param {((value: GridValue) => boolean) | undefined} isMatch
   */
  mark(isMatch) {
    this.#isMatch = isMatch;
    for (const row of this.#body.rows) {
      for (const cell of row.cells) {
        const value = this.#options.rows[row.sectionRowIndex]?.[placeOf(cell)];
        if (value !== undefined) cell.classList.toggle('match', isMatch?.(value) ?? false);
      }
    }
  }

  /**
   * Brings a marked value of a row into view, and chooses it without taking the focus.
   *
   * @param {number} row
   */
  revealMatch(row) {
    const values = this.#options.rows[row] ?? [];
    const column = values.findIndex((value) => this.#isMatch?.(value));
    this.#choose(row, Math.max(0, column));
    for (const cell of this.#body.querySelectorAll('.current')) cell.classList.remove('current');
    const cell = this.#cell(row, this.#at.column);
    cell?.classList.add('current');
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#draw();
    this.#options.onSelect(row, this.#at.column);
  }

  /** Makes cells scroll to where the sticky heading and columns do not cover them. */
  #keepClear() {
    const { style } = this.element;
    style.scrollPaddingTop = `${this.#head.offsetHeight}px`;
    style.scrollPaddingLeft = `${this.#layout.left(this.#frozen)}px`;
  }

  /** Draws the columns in view if any of them is not drawn yet. */
  #draw() {
    const { scrollLeft: left } = this.element;
    // The page is as wide as the grid can be, until the grid is in it.
    const width = this.element.clientWidth || document.documentElement.clientWidth;
    const moved = this.#layout.fit(width);
    this.#table.style.width = `${this.#layout.total}px`;
    const frozen = this.#layout.frozenIn(width);
    const inView = this.#columns(frozen, left, left + width);
    if (!moved && frozen === this.#frozen && inView.every((place) => this.#cell(0, place, this.#head)))
      return;
    const columns = this.#columns(frozen, left - width / 2, left + width * 1.5);
    this.#frozen = frozen;
    for (const row of [...this.#head.rows, ...this.#body.rows]) this.#drawRow(row, columns);
  }

  /**
   * The places of the columns between two edges, of those that are frozen, and of the one with the focus.
   *
   * @param {number} frozen
   * @param {number} left
   * @param {number} right
   */
  #columns(frozen, left, right) {
    const { first, last } = this.#layout.between(left, right);
    const between = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const places = new Set([...Array(frozen).keys(), ...between, this.#at.column]);
    return [...places]
      .filter((place) => place >= 0 && place < this.#options.columns.length)
      .sort((a, b) => a - b);
  }

  /**
   * Cells that are drawn already stay, so that the focus does.
   *
   * @param {HTMLTableRowElement} row
   * @param {readonly number[]} columns
   */
  #drawRow(row, columns) {
    const wanted = new Set(columns);
    for (const cell of [...row.cells].slice(1)) if (!wanted.has(placeOf(cell))) cell.remove();
    /** @type {Element | null} */
    let next = row.cells[1] ?? null;
    let right = this.#layout.numberWidth;
    /** @param {number} to */
    const leaveOut = (to) => {
      if (to <= right) return;
      const gap = element('td', { class: 'left-out', 'aria-hidden': true });
      gap.style.width = `${to - right}px`;
      row.insertBefore(gap, next);
    };
    for (const place of columns) {
      leaveOut(this.#layout.left(place));
      right = this.#layout.left(place + 1);
      const drawn = next instanceof HTMLTableCellElement && placeOf(next) === place ? next : undefined;
      const cell = drawn ?? this.#newCell(row, place);
      if (drawn) next = drawn.nextElementSibling;
      else row.insertBefore(cell, next);
      if (row.parentElement === this.#head) cell.style.width = `${this.#layout.width(place)}px`;
      const isFrozen = place < this.#frozen;
      cell.classList.toggle('frozen', isFrozen);
      cell.style.left = isFrozen ? `${this.#layout.left(place)}px` : '';
    }
    leaveOut(this.#layout.total);
  }

  /**
   * @param {HTMLTableRowElement} row
   * @param {number} place of the column
   */
  #newCell(row, place) {
    const column = this.#options.columns[place] ?? { name: '' };
    const isHead = row.parentElement === this.#head;
    const value = this.#options.rows[row.sectionRowIndex]?.[place] ?? null;
    const cell = isHead
      ? this.#heading(column, place)
      : valueCell(this.#format, value, column.numeric ?? false);
    cell.setAttribute('aria-colindex', String(place + 2));
    if (!isHead && this.#isMatch?.(value)) cell.classList.add('match');
    if (!isHead && row.sectionRowIndex === this.#at.row && place === this.#at.column) cell.tabIndex = 0;
    return cell;
  }

  #corner() {
    const { checks } = this.#options;
    const { texts } = this.#format;
    const number = { scope: 'col', class: 'row-number', 'aria-colindex': 1 };
    if (!checks) return this.#sized(element('th', { ...number, 'aria-label': texts.rowNumber }, '#'));
    const box = element('input', {
      ...{ type: 'checkbox', 'aria-label': checks.allLabel, title: checks.allLabel },
      on: { change: () => checks.onCheckAll(box.checked) },
    });
    this.#allBox = box;
    this.showAllChecked(checks.state);
    return this.#sized(element('th', number, box));
  }

  /** @param {HTMLTableCellElement} corner */
  #sized(corner) {
    corner.style.width = `${this.#layout.numberWidth}px`;
    return corner;
  }

  /** @param {GridChecks['state']} state */
  showAllChecked(state) {
    if (!this.#allBox) return;
    this.#allBox.checked = state === 'all';
    this.#allBox.indeterminate = state === 'some';
  }

  /** @param {number} index */
  #rowHead(index) {
    const { offset, checks, numbers } = this.#options;
    const number = this.#format.number((numbers?.[index] ?? offset + index) + 1);
    const head = { scope: 'row', class: 'row-number', 'aria-colindex': 1 };
    if (!checks) return element('th', head, number);
    const box = element('input', {
      ...{ type: 'checkbox', tabindex: -1, 'aria-label': checks.label(index) },
      on: { change: () => checks.onCheck(index, box.checked) },
    });
    box.checked = checks.rows[index] ?? false;
    return element('th', head, element('label', {}, box, number));
  }

  /**
   * @param {GridColumn} column
   * @param {number} place
   */
  #heading({ name, type = '', numeric, isKey, references = [], sortable, sorted }, place) {
    const title = [name, type, sortable ? this.#format.texts.sort : ''].filter(Boolean).join('\n');
    const named = element(
      sortable ? 'button' : 'div',
      {
        class: 'column-name',
        ...(sortable ? { type: 'button', tabindex: -1 } : {}),
      },
      isKey && icon('key', this.#format.texts.primary),
      references.length > 0 && icon('link', references.join(', ')),
      element('bdi', {}, ...visible(name)),
      sorted && icon(sorted),
    );
    const kind = [numeric && 'number', sortable && 'sortable'].filter(Boolean).join(' ');
    return element(
      'th',
      {
        ...{ scope: 'col', class: kind || undefined, title, 'aria-sort': sorted },
        on: sortable ? { click: () => this.#options.onSort?.(place) } : {},
      },
      named,
      element('div', { class: 'column-type' }, element('bdi', {}, ...visible(type))),
    );
  }

  /** @param {number} index */
  #row(index) {
    return element('tr', { 'aria-rowindex': this.#options.offset + index + 2 }, this.#rowHead(index));
  }

  /**
   * Undefined while its column is not drawn.
   *
   * @param {number} row
   * @param {number} column
   * @param {HTMLTableSectionElement} section
   * @returns {HTMLTableCellElement | null | undefined}
   */
  #cell(row, column, section = this.#body) {
    return section.rows[row]?.querySelector(`[aria-colindex="${column + 2}"]`);
  }

  /** @param {FocusEvent} event */
  #onFocus({ target }) {
    const cell = target instanceof HTMLTableCellElement ? target : undefined;
    const row = cell?.parentElement;
    if (!cell || !(row instanceof HTMLTableRowElement)) return;
    const place = placeOf(cell);
    if (!(place >= 0)) return;
    this.#cell(this.#at.row, this.#at.column)?.setAttribute('tabindex', '-1');
    this.#at = { row: row.sectionRowIndex, column: place };
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
    if (event.target instanceof Element && event.target.closest('thead')) return this.#onHeadKey(event);
    const { row, column } = this.#at;
    const lastRow = this.#body.rows.length - 1;
    const lastColumn = this.#options.columns.length - 1;
    const whole = event.ctrlKey || event.metaKey;
    if (event.key === 'ArrowUp' && row === 0 && this.#options.columns[column]?.sortable) {
      event.preventDefault();
      return this.focusHeading(column);
    }
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
    this.#goTo(Math.max(0, Math.min(target[0], lastRow)), Math.max(0, Math.min(target[1], lastColumn)));
  }

  /**
   * The arrow keys go from heading to heading, and down to the values; Enter and the space bar are those of a button.
   *
   * @param {KeyboardEvent} event
   */
  #onHeadKey(event) {
    const { column } = this.#at;
    const last = this.#options.columns.length - 1;
    /** @type {Record<string, number>} */
    const targets = { ArrowLeft: column - 1, ArrowRight: column + 1, Home: 0, End: last, ArrowDown: column };
    const target = targets[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.key === 'ArrowDown') this.#goTo(0, column);
    else this.focusHeading(Math.max(0, Math.min(target, last)));
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  #goTo(row, column) {
    this.#choose(row, column);
    const cell = this.#cell(row, column);
    cell?.focus({ preventScroll: true });
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#draw();
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  #choose(row, column) {
    this.#cell(this.#at.row, this.#at.column)?.setAttribute('tabindex', '-1');
    this.#at = { row, column };
    this.#draw();
    this.#cell(row, column)?.setAttribute('tabindex', '0');
    this.#keepClear();
  }
}

/**
 * The place of a cell's column; -1 for the row's number, and not a number for what is left out.
 *
 * @param {HTMLTableCellElement} cell
 */
function placeOf(cell) {
  return cell.hasAttribute('aria-colindex') ? Number(cell.getAttribute('aria-colindex')) - 2 : Number.NaN;
}
