import { button, copyButton, element, failure } from './dom.js';
import { fill } from './format.js';
import { textOf } from './cells.js';

/** @typedef {import('../../src/core/cells.ts').Cell} Cell */

/** A number in a column of any type. */
const numberLike = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i;

/**
 * A value to show, or one of those that a comparison shows beside each other.
 *
 * @typedef {object} ShownValue
 * @property {string} [label] where it is from
 * @property {Cell} value
 * @property {() => Promise<Cell>} whole reads it again, if it is cut
 */

/** Shows the whole chosen value. */
export class ValuePane {
  #format;
  #title = element('h2', { class: 'one-line' });
  #length = element('span', { class: 'dim' });
  #content = element('div', { class: 'value-content', tabindex: 0 });
  #copy;
  #text = '';
  /** Counts the chosen values, so that a late answer is not shown for another value. */
  #chosen = 0;

  /**
   * @param {import('./format.js').Format} format
   * @param {() => void} onClose
   */
  constructor(format, onClose) {
    this.#format = format;
    this.#copy = copyButton(format, () => this.#text);
    this.element = element(
      'section',
      { class: 'value-pane' },
      element(
        'div',
        { class: 'value-head' },
        this.#title,
        this.#length,
        this.#copy,
        button({ icon: 'close', tooltip: format.texts.close, onClick: onClose }),
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
    this.#content.replaceChildren(element('p', { class: 'dim' }, this.#format.texts.chooseValue));
  }

  /**
   * @param {string} title
   * @param {readonly ShownValue[]} values
   * @param {boolean} counted whether to show the length of a value
   */
  show(title, values, counted) {
    const number = ++this.#chosen;
    this.#title.textContent = title;
    this.#title.title = title;
    this.#fill(values, counted);
    if (values.every(({ value }) => value === null || typeof value === 'string')) return;
    Promise.all(values.map(async (shown) => ({ ...shown, value: await wholeOf(shown) }))).then(
      (whole) => number === this.#chosen && this.#fill(whole, counted),
      (problem) =>
        number === this.#chosen &&
        this.#content.replaceChildren(
          failure(this.#format, this.#format.texts.valueFailed, problem, () =>
            this.show(title, values, counted),
          ),
        ),
    );
  }

  /**
   * @param {readonly ShownValue[]} values
   * @param {boolean} counted
   */
  #fill(values, counted) {
    const texts = values.flatMap(({ value }) => (value === null ? [] : [textOf(value)]));
    const [only] = values;
    this.#copy.hidden = texts.length === 0;
    this.#text = texts.join('\n');
    this.#length.textContent = values.length === 1 && only ? this.#lengthOf(only.value, counted) : '';
    this.#content.replaceChildren(
      ...values.flatMap(({ label, value }) => [
        ...(label === undefined ? [] : [this.#heading(label, value, counted)]),
        this.#whole(value),
      ]),
    );
  }

  /**
   * @param {string} label
   * @param {Cell} value
   * @param {boolean} counted
   */
  #heading(label, value, counted) {
    return element('h3', {}, label, ' ', element('span', { class: 'dim' }, this.#lengthOf(value, counted)));
  }

  /** @param {Cell} value */
  #whole(value) {
    if (value === null) return element('p', { class: 'null' }, 'NULL');
    const text = textOf(value);
    return text === ''
      ? element('p', { class: 'dim' }, this.#format.texts.emptyText)
      : element('pre', { dir: 'auto' }, text);
  }

  /**
   * @param {Cell} value
   * @param {boolean} counted
   */
  #lengthOf(value, counted) {
    const format = this.#format;
    if (value === null) return '';
    if (typeof value === 'string')
      return counted && !numberLike.test(value) ? format.count('characters', value.length) : '';
    return fill(format.texts.charactersCut, format.number(value.start.length), format.number(value.length));
  }
}

/** @param {ShownValue} shown */
async function wholeOf({ value, whole }) {
  return value === null || typeof value === 'string' ? value : await whole();
}
