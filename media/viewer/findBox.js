/* global clearTimeout, setTimeout */
import { button, element, writable } from './dom.js';
import { fill } from './format.js';

/** Typing pauses for this long before rows are searched, in milliseconds. */
const typingPause = 350;

/** @typedef {import('../../src/ui/viewer/viewModel.ts').FindView} FindView */

/**
 * @typedef {object} FindBoxOptions
 * @property {Readonly<{ findShown: boolean, findText: string }>} state
 * @property {(change: { findShown?: boolean, findText?: string }) => void} remember
 * @property {(way: 'here' | 'next' | 'previous') => void} onFind looks for the text that is remembered
 * @property {() => void} onClose
 */

/** Finds a text among the rows, as the editors of VS Code do. */
export class FindBox {
  #format;
  #options;
  #input;
  #status = element('span', { class: 'find-status', role: 'status' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /**
   * @param {import('./format.js').Format} format
   * @param {FindBoxOptions} options
   */
  constructor(format, options) {
    const { texts } = format;
    this.#format = format;
    this.#options = options;
    this.#input = element('input', {
      ...{ type: 'text', class: 'input', placeholder: texts.find, 'aria-label': texts.findInRows },
      ...{ spellcheck: 'false', maxlength: 1000, 'data-vscode-context': writable },
      on: { input: () => this.#findSoon() },
    });
    this.#input.value = options.state.findText;
    this.element = element(
      'div',
      {
        ...{ class: 'find', role: 'search', 'aria-label': texts.findInRows },
        on: { keydown: (event) => this.#onKey(event) },
      },
      this.#input,
      this.#status,
      button({ icon: 'up', tooltip: texts.findPrevious, onClick: () => this.#find('previous') }),
      button({ icon: 'down', tooltip: texts.findNext, onClick: () => this.#find('next') }),
      button({ icon: 'close', tooltip: texts.findClose, onClick: () => this.#close() }),
    );
    this.element.hidden = !options.state.findShown;
  }

  /** Shows the box and puts the focus into it. */
  open() {
    this.element.hidden = false;
    this.#options.remember({ findShown: true });
    this.#input.focus();
    this.#input.select();
    if (this.#input.value !== '') this.#find('here');
  }

  /** @param {FindView} found */
  showFound({ count, index }) {
    const { texts } = this.#format;
    const number = (/** @type {number} */ value) => this.#format.number(value);
    this.#status.textContent =
      index === undefined
        ? texts.noResults
        : fill(texts.foundOf, number(index + 1), this.#format.count('rows', count));
    this.#status.classList.toggle('none', count === 0);
  }

  /** @param {string} text */
  showText(text) {
    this.#status.textContent = text;
    this.#status.classList.remove('none');
  }

  #findSoon() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#find('here'), typingPause);
  }

  /** @param {'here' | 'next' | 'previous'} way */
  #find(way) {
    clearTimeout(this.#typing);
    // A text that was not looked for yet is looked for where the user is.
    const isNew = this.#options.state.findText !== this.#input.value;
    this.#options.remember({ findText: this.#input.value });
    this.#options.onFind(isNew && way === 'next' ? 'here' : way);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#close();
    } else if (event.key === 'Enter' && event.target === this.#input) {
      event.preventDefault();
      this.#find(event.shiftKey ? 'previous' : 'next');
    }
  }

  #close() {
    clearTimeout(this.#typing);
    this.element.hidden = true;
    this.#options.remember({ findShown: false });
    this.#options.onClose();
  }
}
