import { button, element, setEnabled, writable } from './dom.js';
import { fill } from './format.js';

/** Which rows of how many are shown, and the buttons to turn pages. */
export class Pager {
  #format;
  #rowsPerPage;
  #onTurn;
  #page = 0;
  #rows = 0;
  #typing = false;
  #box;
  #pages = element('span', { class: 'dim' });
  #previous;
  #next;
  #controls;
  #range = element('span', { class: 'range', 'aria-live': 'polite' });

  /**
   * @param {import('./format.js').Format} format
   * @param {number} rowsPerPage
   * @param {(page: number) => void} onTurn
   */
  constructor(format, rowsPerPage, onTurn) {
    const { texts } = format;
    this.#format = format;
    this.#rowsPerPage = rowsPerPage;
    this.#onTurn = onTurn;
    this.#previous = button({
      icon: 'previous',
      tooltip: texts.previousPage,
      onClick: () => this.#turn(this.#page - 1),
    });
    this.#next = button({
      icon: 'next',
      tooltip: texts.nextPage,
      onClick: () => this.#turn(this.#page + 1),
    });
    this.#box = element('input', {
      ...{ type: 'text', inputmode: 'numeric', class: 'input page-box', 'aria-label': texts.page },
      'data-vscode-context': writable,
      on: {
        input: () => (this.#typing = true),
        change: () => {
          this.#typing = false;
          this.#turn(Number.parseInt(this.#box.value, 10) - 1);
        },
      },
    });
    this.#controls = element(
      'span',
      { class: 'pager' },
      this.#previous,
      element('span', { class: 'dim' }, texts.page),
      this.#box,
      this.#pages,
      this.#next,
    );
    this.element = element('span', { class: 'pager' }, this.#range, this.#controls);
  }

  /**
   * The page that can be shown instead of this one, if there are so many rows.
   *
   * @param {number} page
   * @param {number} rows
   */
  nearest(page, rows) {
    return Math.max(0, Math.min(page, Math.ceil(rows / this.#rowsPerPage) - 1));
  }

  /**
   * @param {number} page from 0
   * @param {number} rows
   */
  show(page, rows) {
    const { texts } = this.#format;
    const format = this.#format;
    const pages = Math.max(1, Math.ceil(rows / this.#rowsPerPage));
    const first = page * this.#rowsPerPage;
    const last = Math.min(first + this.#rowsPerPage, rows);
    this.#page = page;
    this.#rows = rows;
    this.element.hidden = rows === 0;
    this.#controls.hidden = pages === 1;
    this.#pages.textContent = fill(texts.pageOf, format.number(pages));
    // A number that is being typed stays, although rows arrive meanwhile.
    if (!this.#typing) this.#box.value = String(page + 1);
    this.#range.textContent =
      pages === 1
        ? format.count('rows', rows)
        : fill(texts.range, format.number(first + 1), format.number(last), format.number(rows));
    setEnabled(this.#previous, page > 0);
    setEnabled(this.#next, page < pages - 1);
  }

  /** @param {number} page */
  #turn(page) {
    const wanted = Number.isNaN(page) ? this.#page : this.nearest(page, this.#rows);
    this.#box.value = String(wanted + 1);
    if (wanted !== this.#page) this.#onTurn(wanted);
  }
}
