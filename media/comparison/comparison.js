/* global document */
import { element } from '../viewer/dom.js';
import { Extension } from '../viewer/extension.js';
import { fill, Format } from '../viewer/format.js';
import { comparedTables } from './comparedTables.js';
import { DifferencesPanel } from './differencesPanel.js';
import { heading } from './heading.js';
import { restoreBar } from './restoreBar.js';
import { kinds } from './sides.js';

/** @typedef {import('../../src/ui/comparison/messages.ts').ToComparison} ToComparison */
/** @typedef {import('../../src/ui/comparison/messages.ts').ComparisonAnswers} ComparisonAnswers */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparisonView} ComparisonView */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparedTableView} ComparedTableView */
/** @typedef {import('../../src/ui/comparison/texts.ts').ComparisonTexts} ComparisonTexts */
/** @typedef {import('../../src/compare/differenceStore.ts').DifferenceKind} DifferenceKind */

/** @typedef {Format & { texts: ComparisonTexts & import('../viewer/format.js').ViewerTexts }} ComparisonFormat */

/**
 * Asks the extension. Rejects with a `Problem`. Never settles if the question becomes obsolete.
 *
 * @typedef {<Type extends keyof ComparisonAnswers>(
 *   type: Type,
 *   about: Record<string, unknown>,
 * ) => Promise<ComparisonAnswers[Type]>} Ask
 */

/** @type {Extension<ComparisonAnswers>} */
const extension = new Extension(['readDifferences']);
const root = /** @type {HTMLElement} */ (document.getElementById('viewer'));

/** State that survives while the page is hidden. */
const state = readState();

/** @type {ComparisonFormat} */
let format;
/** @type {DifferencesPanel | undefined} */
let panel;
/** @type {ReturnType<typeof restoreBar> | undefined} */
let footer;

extension.listen(receive);

function readState() {
  const texts = { table: '', tableFilter: '', filter: '' };
  const initial = { ...texts, page: 0, changedOnly: false, valueShown: false };
  const { state: known, saved } = extension.restoreState(initial);
  /** @type {DifferenceKind | undefined} */
  const kind = kinds.find((one) => one === saved.kind);
  return { ...known, kind };
}

/** @typedef {typeof state} ComparisonState */

/** @param {Partial<ComparisonState>} change */
function remember(change) {
  extension.saveState(Object.assign(state, change));
}

/** @type {Ask} */
const ask = (type, about) => extension.ask(type, about);

/** @param {Exclude<ToComparison, { type: 'answer' | 'failed' }>} message */
function receive(message) {
  switch (message.type) {
    case 'texts':
      format = /** @type {ComparisonFormat} */ (new Format(message.texts, message.locale));
      return;
    case 'comparison':
      extension.forgetQuestions();
      return show(message.comparison);
    case 'related':
      return footer?.showRelated(message.related);
    case 'copy':
      return void extension.copy(() => panel?.chosenValue());
  }
}

/** @param {ComparisonView} comparison */
function show(comparison) {
  const { tables } = comparison;
  const found = tables.findIndex(({ key }) => key === state.table);
  const chosen = Math.max(0, found);
  if (found < 0) remember({ page: 0, filter: '', kind: undefined });
  const place = element('section', { class: 'table' });
  footer = comparison.restorable ? restoreBar(format, () => extension.post({ type: 'restore' })) : undefined;
  footer?.show(comparison.checked);
  /** @param {Record<string, unknown>} about */
  const check = async (about) => {
    const { counts } = await ask('check', about);
    list.showChecked(counts);
    footer?.show(counts);
  };
  /** @param {number} index */
  const showTable = (index) => {
    const table = tables[index];
    if (!table) return;
    remember({ table: table.key });
    panel = new DifferencesPanel({
      ...{ format, comparison, table, state, remember, ask },
      check,
      onTextDiff: () => extension.post({ type: 'textDiff', table: table.index }),
    });
    place.replaceChildren(panel.element);
  };
  const list = comparedTables(format, comparison, {
    ...{ chosen, filter: state.tableFilter },
    onFilter: (tableFilter) => remember({ tableFilter }),
    onChoose: (index) => {
      remember({ page: 0, filter: '', kind: undefined });
      showTable(index);
    },
    onCheck: (index, checked) => {
      const table = tables[index]?.index ?? -1;
      const both = ['changed', 'onlyInFirst'].map((kind) => check({ table, kind, filter: '', checked }));
      void Promise.all(both).then(() => panel?.refresh());
    },
  });
  const body =
    tables.length === 0
      ? element('p', { class: 'empty' }, format.texts.noTableInBoth)
      : element('div', { class: 'body' }, list.element, place);
  document.title = fill(format.texts.comparisonOf, comparison.first.name, comparison.second.name);
  root.removeAttribute('aria-busy');
  root.replaceChildren(
    heading(format, comparison, () => extension.post({ type: 'compareAgain' })),
    body,
    ...(footer ? [footer.element] : []),
  );
  showTable(chosen);
}
