import { button, copyButton, element, failure } from './dom.js';
import { fill } from './format.js';

/** @typedef {import('../../src/ui/viewer/viewModel.ts').RowsView} RowsView */
/** @typedef {import('../../src/core/cells.ts').Cell} Cell */

/** A number in a column of any type. */
const numberLike = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i;

/** Shows the whole chosen value. */
export class ValuePane {
  #options;
  #title = element('h3', { class: 'one-line' });
  #length = element('span', { class: 'dim' });
  #content = element('div', { class: 'value-content', tabindex: 0 });
  #copy;
  #text = '';
  /** Counts the chosen values, so that a late answer is not shown for another value. */
  #chosen = 0;

  /**
   * @param {import('./tablePanel.js').TableOptions} options
   * @param {() => void} onClose
   */
  constructor(options, onClose) {
    this.#options = options;
    this.#copy = copyButton(options.format, () => this.#text);
    this.element = element(
      'section',
      { class: 'value-pane' },
      element(
        'div',
        { class: 'value-head' },
        this.#title,
        this.#length,
        this.#copy,
        button({ icon: 'close', tooltip: options.format.texts.close, onClick: onClose }),
      ),
      this.#content,
    );
    this.clear();
  }

  clear() {
    this.#chosen++;
    this.#title.textContent = '';
    this.#length.textContent = '';
    this.#copy.hidden = true;
    this.#content.replaceChildren(element('p', { class: 'dim' }, this.#options.format.texts.chooseValue));
  }

  /**
   * @param {RowsView} rows
   * @param {number} row within the page
   * @param {number} column
   * @param {boolean} counted whether to show the length of the value
   */
  show(rows, row, column, counted) {
    const { format, ask, index } = this.#options;
    const value = rows.rows[row]?.[column];
    if (value === undefined) return;
    const number = ++this.#chosen;
    const place = fill(
      format.texts.valuePlace,
      rows.columns[column] ?? '',
      format.number(rows.offset + row + 1),
    );
    this.#title.textContent = place;
    this.#title.title = place;
    this.#fill(value, counted);
    if (value === null || typeof value === 'string') return;
    ask('readValue', { table: index, row: rows.offset + row, column }).then(
      (answer) => number === this.#chosen && this.#fill(answer.value, counted),
      (problem) =>
        number === this.#chosen &&
        this.#content.replaceChildren(
          failure(format, format.texts.valueFailed, problem, () => this.show(rows, row, column, counted)),
        ),
    );
  }

  /**
   * @param {Cell} value
   * @param {boolean} counted
   */
  #fill(value, counted) {
    const { format } = this.#options;
    const { texts } = format;
    this.#copy.hidden = value === null;
    if (value === null) {
      this.#length.textContent = '';
      this.#content.replaceChildren(element('p', { class: 'null' }, 'NULL'));
      return;
    }
    this.#text = typeof value === 'string' ? value : value.start;
    this.#length.textContent =
      typeof value === 'string'
        ? counted && !numberLike.test(value)
          ? format.count('characters', value.length)
          : ''
        : fill(texts.charactersCut, format.number(value.start.length), format.number(value.length));
    this.#content.replaceChildren(
      this.#text === ''
        ? element('p', { class: 'dim' }, texts.emptyText)
        : element('pre', { dir: 'auto' }, this.#text),
    );
  }
}
