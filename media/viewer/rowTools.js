/* global clearTimeout, setTimeout */
import { button, element } from './dom.js';
import { fill } from './format.js';
import { filterBox } from './tableList.js';

/** Typing pauses for this long before rows are filtered, in milliseconds. */
const typingPause = 350;

/**
 * @typedef {object} RowToolsOptions
 * @property {Readonly<{ text: string, column: string }>} filter an empty column means all columns
 * @property {(filter: { text: string, column: string }) => void} onFilter
 * @property {() => void} onCancel
 * @property {() => void} onLeave goes to the rows
 */

/** A box and a list of columns that narrow the rows down, and how many rows that leaves. */
export class RowTools {
  #format;
  #options;
  #box;
  #input;
  #columns;
  #status = element('span', { class: 'dim', role: 'status' });
  #cancel;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /**
   * @param {import('./format.js').Format} format
   * @param {RowToolsOptions} options
   */
  constructor(format, options) {
    const { texts } = format;
    this.#format = format;
    this.#options = options;
    this.#box = filterBox(texts.filterRows, options.filter.text, () => this.#filterSoon());
    this.#input = /** @type {HTMLInputElement} */ (this.#box.querySelector('input'));
    this.#input.maxLength = 1000;
    this.#columns = element(
      'select',
      { class: 'input', 'aria-label': texts.filterColumn, on: { change: () => this.#filter() } },
      element('option', { value: '' }, texts.allColumns),
    );
    this.#cancel = button({ text: texts.cancel, class: 'quiet-button', onClick: options.onCancel });
    this.#cancel.hidden = true;
    this.element = element(
      'div',
      { class: 'row-tools', on: { keydown: (event) => this.#onKey(event) } },
      this.#box,
      this.#columns,
      this.#status,
      this.#cancel,
    );
  }

  /** @param {readonly string[]} names */
  setColumns(names) {
    if (this.#columns.length > 1) return;
    // An empty value means all columns, but a column can have an empty name too.
    const options = names.filter(Boolean).map((name) => element('option', { value: name }, name));
    this.#columns.append(...options);
    this.#columns.value = this.#options.filter.column;
    if (this.#columns.selectedIndex < 0) this.#columns.selectedIndex = 0;
  }

  /**
   * @param {number} shown rows
   * @param {number} all rows
   */
  showCount(shown, all) {
    this.#setStatus(
      this.#input.value === ''
        ? ''
        : fill(this.#format.texts.rowsOfAll, this.#format.number(shown), this.#format.number(all)),
      false,
    );
  }

  /** @param {number} [fraction] of the rows that were read, from 0 to 1 */
  showProgress(fraction) {
    const { texts } = this.#format;
    const percent = fraction === undefined ? '' : this.#format.percent(Math.floor(fraction * 10) / 10);
    this.#setStatus(fraction === undefined ? texts.readingAll : fill(texts.readingAllPart, percent), true);
  }

  /**
   * Shows a filter that was not typed here.
   *
   * @param {Readonly<{ text: string, column: string }>} filter
   */
  showFilter({ text, column }) {
    clearTimeout(this.#typing);
    this.#input.value = text;
    this.#columns.value = column;
    this.#setStatus('', false);
  }

  /**
   * @param {string} text
   * @param {boolean} busy
   */
  #setStatus(text, busy) {
    if (this.#status.textContent !== text) this.#status.textContent = text;
    this.#cancel.hidden = !busy;
  }

  #filterSoon() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#filter(), typingPause);
  }

  #filter() {
    clearTimeout(this.#typing);
    this.#options.onFilter({ text: this.#input.value, column: this.#columns.value });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.target !== this.#input) return;
    if (event.key === 'Escape' && this.#input.value !== '') {
      event.stopPropagation();
      this.#input.value = '';
      this.#filter();
    } else if (event.key === 'Enter') this.#filter();
    else if (event.key === 'ArrowDown') {
      event.preventDefault();
      this.#options.onLeave();
    }
  }
}
