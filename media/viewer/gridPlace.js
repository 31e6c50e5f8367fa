/* global clearTimeout, document, setTimeout */
import { button, element } from './dom.js';
import { ValuePane } from './valuePane.js';

/** A page that arrives within this time (in ms) needs no progress bar. */
const patience = 200;

/**
 * @typedef {object} GridPlaceOptions
 * @property {Readonly<{ valueShown: boolean }>} state
 * @property {(change: { valueShown: boolean }) => void} remember
 * @property {string} [context] of the menu that VS Code shows
 */

/** Shows a page of rows, or a message instead, the chosen value as a whole, and a progress bar while rows are read. */
export class GridPlace {
  #format;
  #options;
  #place;
  #progress = element('div', { class: 'progress', hidden: true, role: 'progressbar' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {import('./grid.js').Grid | undefined} */
  #grid;

  /**
   * @param {import('./format.js').Format} format
   * @param {GridPlaceOptions} options
   */
  constructor(format, options) {
    const { texts } = format;
    this.#format = format;
    this.#options = options;
    this.#place = element('div', { class: 'rows-place', 'data-vscode-context': options.context });
    this.pane = new ValuePane(format, () => this.showValue(false));
    this.#progress.setAttribute('aria-label', texts.reading);
    this.valueToggle = button({
      ...{ icon: 'value', tooltip: texts.showValue },
      onClick: () => this.showValue(!options.state.valueShown),
    });
    const onKey = (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.showValue(false);
    this.element = element(
      'div',
      { class: 'rows', on: { keydown: onKey } },
      this.#progress,
      this.#place,
      this.pane.element,
    );
    this.showValue(options.state.valueShown);
  }

  /** The grid that is shown; undefined if there is a message instead. */
  get grid() {
    return this.#grid;
  }

  /** @param {import('./grid.js').Grid} grid */
  show(grid) {
    const hadFocus = this.#grid?.element.contains(document.activeElement) ?? false;
    this.#grid = grid;
    this.#place.replaceChildren(grid.element);
    this.pane.clear();
    this.showValue(this.#options.state.valueShown);
    if (hadFocus) grid.focus();
  }

  /** @param {HTMLElement | string} content */
  showInstead(content) {
    this.#grid = undefined;
    const shown = typeof content === 'string' ? element('p', { class: 'empty' }, content) : content;
    this.#place.replaceChildren(shown);
    this.showValue(this.#options.state.valueShown);
  }

  /** Whether it has shown for a while that rows are being read. */
  get busy() {
    return !this.#progress.hidden;
  }

  /**
   * @param {boolean} busy
   * @param {() => void} [onWait] called once it takes longer
   */
  setBusy(busy, onWait) {
    clearTimeout(this.#timer);
    this.#place.setAttribute('aria-busy', String(busy));
    if (!busy) {
      this.#progress.hidden = true;
      return;
    }
    this.#timer = setTimeout(() => {
      onWait?.();
      this.#progress.hidden = false;
      if (!this.#grid) this.showInstead(this.#format.texts.reading);
    }, patience);
  }

  /** @param {boolean} shown */
  showValue(shown) {
    this.#options.remember({ valueShown: shown });
    this.pane.element.hidden = !shown || !this.#grid;
    this.valueToggle.setAttribute('aria-pressed', String(shown));
    if (!shown && this.pane.element.contains(document.activeElement)) this.#grid?.focus();
  }
}
