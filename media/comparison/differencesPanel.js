/* global clearTimeout, setTimeout */
import { textOf } from '../viewer/cells.js';
import { button, element, failure } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';
import { Grid } from '../viewer/grid.js';
import { GridPlace } from '../viewer/gridPlace.js';
import { Pager } from '../viewer/pager.js';
import { filterBox } from '../viewer/tableList.js';
import { kinds, kindTitle, sideName } from './sides.js';

/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparisonView} ComparisonView */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparedTableView} ComparedTableView */
/** @typedef {import('../../src/compare/differenceStore.ts').DifferenceKind} DifferenceKind */
/** @typedef {import('../../src/compare/differenceStore.ts').DifferenceRows} DifferenceRows */
/** @typedef {import('../../src/compare/differenceStore.ts').ShownDifference} ShownDifference */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/** Typing pauses for this long before rows are filtered, in milliseconds. */
const typingPause = 250;

/**
 * @typedef {object} DifferencesOptions
 * @property {import('./comparison.js').ComparisonFormat} format
 * @property {ComparisonView} comparison
 * @property {ComparedTableView} table
 * @property {import('./comparison.js').ComparisonState} state
 * @property {(change: Partial<import('./comparison.js').ComparisonState>) => void} remember
 * @property {import('./comparison.js').Ask} ask
 * @property {() => void} onTextDiff
 * @property {(about: Record<string, unknown>) => Promise<void>} check checks rows, or takes the check from them
 */

/** The differing rows of one table: a tab for each kind, and its rows a page at a time. */
export class DifferencesPanel {
  #options;
  /** @type {DifferenceKind} */
  #kind;
  /** @type {Map<DifferenceKind, HTMLButtonElement>} */
  #tabs = new Map();
  #pager;
  #place;
  #changedOnly;
  /** Counts the pages that were asked for: only the last one is shown. */
  #reads = 0;
  /** How many rows the filter shows, and how many of them are checked. */
  #total = 0;
  #checked = 0;
  #legend = element('span', { class: 'legend dim' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /** @param {DifferencesOptions} options */
  constructor(options) {
    const { format, comparison, state, table } = options;
    const { texts } = format;
    this.#options = options;
    const some = kinds.find((kind) => (table.counts?.[kind] ?? 0) > 0);
    this.#kind = state.kind ?? some ?? 'changed';
    this.#pager = new Pager(format, comparison.rowsPerPage, (page) => void this.#read(page));
    this.#place = new GridPlace(format, options);
    const box = element('input', {
      type: 'checkbox',
      on: {
        change: () => {
          options.remember({ changedOnly: box.checked });
          void this.#read(state.page);
        },
      },
    });
    box.checked = state.changedOnly;
    this.#changedOnly = element('label', { class: 'check' }, box, texts.changedColumnsOnly);
    const sides = /** @type {const} */ (['first', 'second']).map((side) =>
      sideName(format, comparison, side),
    );
    this.#legend.textContent = fill(texts.legend, ...sides);
    this.element = this.#build();
    this.#choose(this.#kind, state.page);
  }

  #build() {
    const { format, table, state } = this.#options;
    const { texts } = format;
    return element(
      'div',
      { class: 'table-panel' },
      element(
        'div',
        { class: 'tab-line' },
        this.#tabList(),
        element(
          'div',
          { class: 'toolbar' },
          button({
            ...{ text: texts.textDiff, icon: 'compare', class: 'quiet-button' },
            onClick: this.#options.onTextDiff,
          }),
          this.#place.valueToggle,
        ),
      ),
      element(
        'div',
        { class: 'row-tools' },
        filterBox(texts.filterRows, state.filter, (text) => this.#type(text)),
        this.#changedOnly,
        this.#legend,
        this.#pager.element,
      ),
      table.withoutKey && element('p', { class: 'condition' }, texts.withoutKey),
      element(
        'div',
        { class: 'panel', role: 'tabpanel', id: 'panel', 'aria-label': table.label },
        this.#place.element,
      ),
    );
  }

  #tabList() {
    const { format, comparison, table } = this.#options;
    const list = element('div', {
      class: 'tabs',
      role: 'tablist',
      on: { keydown: (event) => this.#onTabKey(event) },
    });
    for (const kind of kinds) {
      const tab = element(
        'button',
        {
          ...{ type: 'button', class: 'tab', role: 'tab', 'aria-controls': 'panel' },
          on: { click: () => kind !== this.#kind && this.#choose(kind, 0) },
        },
        kindTitle(format, comparison, kind),
        element('span', { class: 'count' }, ` ${format.number(table.counts?.[kind] ?? 0)}`),
      );
      this.#tabs.set(kind, tab);
      list.append(tab);
    }
    return list;
  }

  /** The full text of the chosen value; undefined if there is none. */
  async chosenValue() {
    return await this.#place.grid?.chosenValue();
  }

  /** @param {KeyboardEvent} event */
  #onTabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = kinds[(kinds.indexOf(this.#kind) + step + kinds.length) % kinds.length] ?? 'changed';
    this.#choose(next, 0);
    this.#tabs.get(next)?.focus();
  }

  /**
   * @param {DifferenceKind} kind
   * @param {number} page
   */
  #choose(kind, page) {
    this.#kind = kind;
    this.#options.remember({ kind });
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute('aria-selected', String(name === kind));
      tab.tabIndex = name === kind ? 0 : -1;
    }
    this.#changedOnly.hidden = kind !== 'changed';
    this.#legend.hidden = kind !== 'changed';
    void this.#read(page);
  }

  /** @param {string} text */
  #type(text) {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      this.#options.remember({ filter: text.trim() });
      void this.#read(0);
    }, typingPause);
  }

  /** The places of the columns to show, those of the key first. */
  #columns() {
    const { table, state } = this.#options;
    const all = [...table.columns.keys()];
    const isKey = (/** @type {number} */ place) => table.columns[place]?.isKey ?? false;
    const onlyChanged = this.#kind === 'changed' && state.changedOnly;
    return [
      ...all.filter(isKey),
      ...all.filter((place) => !isKey(place) && (!onlyChanged || table.columns[place]?.changed)),
    ];
  }

  /**
   * @param {number} page
   * @returns {Promise<void>}
   */
  async #read(page) {
    const { ask, table, state, remember, comparison, format } = this.#options;
    const number = ++this.#reads;
    const [kind, filter, columns] = [this.#kind, state.filter, this.#columns()];
    remember({ page });
    const count = table.counts?.[kind] ?? 0;
    if (count === 0) {
      this.#pager.show(0, 0);
      return this.#place.showInstead(this.#emptyText());
    }
    this.#place.setBusy(true);
    try {
      const rows = await ask('readDifferences', { table: table.index, kind, page, filter, columns });
      if (number !== this.#reads) return;
      const nearest = this.#pager.nearest(page, rows.total);
      if (nearest !== page) return await this.#read(nearest);
      this.#pager.show(page, rows.total);
      if (rows.total === 0) this.#place.showInstead(fill(format.texts.noneMatches, filter));
      else this.#showRows(rows, columns, page * comparison.rowsPerPage);
    } catch (error) {
      if (number !== this.#reads) return;
      const problem = /** @type {Problem} */ (error);
      this.#place.showInstead(failure(format, format.texts.readFailed, problem, () => void this.#read(page)));
    }
    this.#place.setBusy(false);
  }

  #emptyText() {
    const { format, comparison, table } = this.#options;
    const { texts } = format;
    const { counts } = table;
    if (!counts) return texts.rowsNotCompared;
    if (kinds.every((kind) => counts[kind] === 0)) return texts.tableEqual;
    if (this.#kind === 'changed') return texts.noChanged;
    const side = this.#kind === 'onlyInFirst' ? 'first' : 'second';
    return fill(texts.noneOnlyIn, sideName(format, comparison, side));
  }

  /**
   * @param {DifferenceRows} page
   * @param {readonly number[]} places of the columns
   * @param {number} offset
   */
  #showRows({ total, checked, rows }, places, offset) {
    const { format, table } = this.#options;
    this.#total = total;
    this.#checked = checked;
    const columns = places.map((place) => table.columns[place]).filter((column) => column !== undefined);
    const grid = new Grid(format, {
      label: fill(format.texts.rowsOfTable, table.label),
      columns: columns.map((column) => ({ ...column, frozen: column.isKey })),
      rows: rows.map((row) => valuesOf(row, places)),
      ...{ offset, total },
      onSelect: (row, index) => {
        const shown = rows[row];
        const column = columns[index];
        const place = places[index];
        if (!shown || !column || place === undefined) return;
        const title = fill(format.texts.valuePlace, column.name, format.number(offset + row + 1));
        this.#place.pane.show(title, this.#shownValues(shown, index, place), column.counted);
      },
      ...(this.#options.comparison.restorable ? { checks: this.#checks(rows, offset, total, checked) } : {}),
      onOpen: () => this.#place.showValue(true),
      wholeText: async (row, index) => {
        const shown = rows[row];
        const place = places[index];
        if (!shown || place === undefined) return '';
        const whole = this.#shownValues(shown, index, place).map((value) => value.whole());
        return (await Promise.all(whole)).map(textOf).join(' → ');
      },
    });
    this.#place.show(grid);
  }

  /**
   * @param {readonly ShownDifference[]} rows
   * @param {number} offset
   * @param {number} total
   * @param {number} checked
   * @returns {import('../viewer/grid.js').GridChecks}
   */
  #checks(rows, offset, total, checked) {
    const { format, table, state, check } = this.#options;
    const about = { table: table.index, kind: this.#kind };
    /** @type {import('../viewer/grid.js').GridChecks['state']} */
    const all = checked === 0 ? 'none' : checked < total ? 'some' : 'all';
    return {
      rows: rows.map((row) => row.checked),
      state: all,
      allLabel: fill(format.texts.checkAll, format.count('rows', total)),
      label: (row) => fill(format.texts.checkRow, format.number(offset + row + 1)),
      onCheck: (row, on) => {
        const number = rows[row]?.number ?? -1;
        void check({ ...about, numbers: [number], checked: on }).then(() => this.#recount(on ? 1 : -1));
      },
      onCheckAll: (on) => {
        void check({ ...about, filter: state.filter, checked: on }).then(() => this.refresh());
      },
    };
  }

  /** Reads the page that is shown again: other rows are checked. */
  refresh() {
    void this.#read(this.#options.state.page);
  }

  /** @param {number} more checked rows */
  #recount(more) {
    this.#checked += more;
    this.#place.grid?.showAllChecked(
      this.#checked === 0 ? 'none' : this.#checked < this.#total ? 'some' : 'all',
    );
  }

  /**
   * The value of a row, or both if they differ.
   *
   * @param {ShownDifference} row
   * @param {number} index among the columns that are shown
   * @param {number} place among those of the table
   */
  #shownValues(row, index, place) {
    const { format, comparison, table, ask } = this.#options;
    const differs = row.changed?.includes(place) ?? false;
    return /** @type {const} */ (['first', 'second']).flatMap((side) => {
      const value = row[side]?.[index];
      if (value === undefined || (row.first && side === 'second' && !differs)) return [];
      const about = { table: table.index, kind: this.#kind, number: row.number, side, column: place };
      return [
        {
          value,
          whole: async () => (await ask('readValue', about)).value,
          ...(differs ? { label: fill(format.texts.inSide, sideName(format, comparison, side)) } : {}),
        },
      ];
    });
  }
}

/**
 * @param {ShownDifference} row
 * @param {readonly number[]} places of the columns
 */
function valuesOf({ first, second, changed }, places) {
  const one = first ?? second ?? [];
  return places.map((place, index) => {
    const before = one[index] ?? null;
    return changed?.includes(place) ? { before, after: second?.[index] ?? null } : before;
  });
}
