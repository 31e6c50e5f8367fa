import { element, failure, icon } from './dom.js';
import { fill } from './format.js';
import { RowsPanel } from './rowsPanel.js';
import { columnsView, sqlView } from './schemaViews.js';

/** @typedef {'rows' | 'columns' | 'sql'} Tab */

/**
 * @typedef {object} TableState
 * @property {Tab} tab
 * @property {number} page
 * @property {boolean} valueShown
 * @property {string} rowFilter
 * @property {string} rowFilterColumn
 * @property {string} sortColumn
 * @property {boolean} sortDescending
 * @property {boolean} findShown
 * @property {string} findText
 */

/**
 * @typedef {object} TableOptions
 * @property {import('./format.js').Format} format
 * @property {import('../../src/ui/viewer/viewModel.ts').TableEntry} entry
 * @property {number} index
 * @property {number} rowsPerPage
 * @property {Readonly<TableState>} state
 * @property {(change: Partial<TableState>) => void} remember
 * @property {Ask} ask
 */

/**
 * Asks the extension. Rejects with a `Problem`. Never settles if the question becomes obsolete.
 *
 * @typedef {<Type extends keyof import('../../src/ui/viewer/messages.ts').ViewerAnswers>(
 *   type: Type,
 *   about: Record<string, unknown>,
 * ) => Promise<import('../../src/ui/viewer/messages.ts').ViewerAnswers[Type]>} Ask
 */

/** One table: rows, columns, statements. */
export class TablePanel {
  /** @type {TableOptions} */
  #options;
  #rows;
  #content = element('div', { class: 'panel', role: 'tabpanel', id: 'panel' });
  /** @type {Map<Tab, HTMLButtonElement>} */
  #tabs = new Map();

  /** @param {TableOptions} options */
  constructor(options) {
    this.#options = options;
    this.#rows = new RowsPanel(options);
    this.element = this.#build();
    this.#content.setAttribute('aria-label', options.entry.label);
    this.#show(options.state.tab);
  }

  #build() {
    const { texts } = this.#options.format;
    const { where } = this.#options.entry;
    const tabList = element('div', {
      class: 'tabs',
      role: 'tablist',
      on: { keydown: (event) => this.#onKey(event) },
    });
    for (const [tab, title] of /** @type {[Tab, string][]} */ ([
      ['rows', texts.rowsTab],
      ['columns', texts.columnsTab],
      ['sql', texts.sqlTab],
    ])) {
      const made = element(
        'button',
        {
          ...{ type: 'button', class: 'tab', role: 'tab', id: `tab-${tab}`, 'aria-controls': 'panel' },
          on: { click: () => this.#show(tab) },
        },
        title,
      );
      this.#tabs.set(tab, made);
      tabList.append(made);
    }
    return element(
      'div',
      { class: 'table-panel' },
      element('div', { class: 'tab-line' }, tabList, this.#rows.toolbar),
      where !== undefined &&
        element(
          'p',
          { class: 'condition', title: where },
          icon('filter'),
          element('span', { class: 'one-line', dir: 'auto' }, fill(texts.condition, where)),
        ),
      this.#content,
    );
  }

  /** The full text of the chosen value; undefined if there is none. */
  async chosenValue() {
    return this.#options.state.tab === 'rows' ? await this.#rows.chosenValue() : undefined;
  }

  /** The table and the row that are chosen; undefined if there is none. */
  chosenRow() {
    const row = this.#options.state.tab === 'rows' ? this.#rows.chosenRow() : undefined;
    return row === undefined ? undefined : { table: this.#options.index, row };
  }

  /** Shows the box for a text to find, above the rows. */
  openFind() {
    if (this.#options.state.tab !== 'rows') this.#show('rows');
    this.#rows.openFind();
  }

  /** @param {number} fraction of the rows that were read */
  showProgress(fraction) {
    this.#rows.showProgress(fraction);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const names = [...this.#tabs.keys()];
    const at = names.indexOf(this.#options.state.tab);
    const next = names[(at + step + names.length) % names.length] ?? 'rows';
    this.#show(next);
    this.#tabs.get(next)?.focus();
  }

  /** @param {Tab} tab */
  #show(tab) {
    this.#options.remember({ tab });
    for (const [name, made] of this.#tabs) {
      made.setAttribute('aria-selected', String(name === tab));
      made.tabIndex = name === tab ? 0 : -1;
    }
    this.#rows.toolbar.hidden = tab !== 'rows';
    if (tab === 'rows') {
      this.#content.replaceChildren(this.#rows.element);
      this.#rows.load();
    } else {
      this.#content.replaceChildren();
      void this.#showSchema(tab);
    }
  }

  /** @param {'columns' | 'sql'} tab */
  async #showSchema(tab) {
    const { format, state } = this.#options;
    try {
      const table = await this.#rows.table();
      if (state.tab !== tab) return;
      this.#content.replaceChildren(tab === 'columns' ? columnsView(format, table) : sqlView(format, table));
    } catch (error) {
      const problem = /** @type {import('../../src/ui/viewer/viewModel.ts').Problem} */ (error);
      const retry = () => this.#show(tab);
      this.#content.replaceChildren(failure(format, format.texts.tableFailed, problem, retry));
    }
  }
}
