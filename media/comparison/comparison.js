/* global document, window */
import { element } from '../viewer/dom.js';
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

/** @type {{ postMessage(message: unknown): void, getState(): unknown, setState(state: unknown): void }} */
const host = /** @type {any} */ (globalThis).acquireVsCodeApi();
const root = /** @type {HTMLElement} */ (document.getElementById('viewer'));

/** State that survives while the page is hidden. */
const state = readState(host.getState());

/** @type {ComparisonFormat} */
let format;
/** @type {DifferencesPanel | undefined} */
let panel;
let lastRequest = 0;
/** @type {Map<number, { type: string, resolve(answer: any): void, reject(problem: unknown): void }>} */
const questions = new Map();

window.addEventListener('message', ({ data }) => receive(data));
host.postMessage({ type: 'ready' });

/** @param {unknown} value */
function readState(value) {
  const known = /** @type {Record<string, unknown>} */ (
    typeof value === 'object' && value !== null ? value : {}
  );
  /** @type {DifferenceKind | undefined} */
  const kind = kinds.find((one) => one === known.kind);
  return {
    table: typeof known.table === 'string' ? known.table : '',
    tableFilter: typeof known.tableFilter === 'string' ? known.tableFilter : '',
    kind,
    page: Number.isSafeInteger(known.page) ? Math.max(0, Number(known.page)) : 0,
    filter: typeof known.filter === 'string' ? known.filter : '',
    changedOnly: known.changedOnly === true,
    valueShown: known.valueShown === true,
  };
}

/** @typedef {typeof state} ComparisonState */

/** @param {Partial<ComparisonState>} change */
function remember(change) {
  host.setState(Object.assign(state, change));
}

/** @type {Ask} */
function ask(type, about) {
  const request = ++lastRequest;
  if (type === 'readDifferences') {
    // Only the last requested page is answered.
    for (const [earlier, question] of questions) if (question.type === type) questions.delete(earlier);
  }
  return new Promise((resolve, reject) => {
    questions.set(request, { type, resolve, reject });
    host.postMessage({ type, request, ...about });
  });
}

/** @param {ToComparison} message */
function receive(message) {
  switch (message.type) {
    case 'texts':
      format = /** @type {ComparisonFormat} */ (new Format(message.texts, message.locale));
      return;
    case 'comparison':
      questions.clear();
      return show(message.comparison);
    case 'copy':
      return void copyChosen();
    case 'answer':
    case 'failed': {
      const question = questions.get(message.request);
      questions.delete(message.request);
      if (message.type === 'answer') question?.resolve(message.answer);
      else question?.reject(message.problem);
    }
  }
}

/** @param {ComparisonView} comparison */
function show(comparison) {
  const { tables } = comparison;
  const found = tables.findIndex(({ key }) => key === state.table);
  const chosen = Math.max(0, found);
  if (found < 0) remember({ page: 0, filter: '', kind: undefined });
  const place = element('section', { class: 'table' });
  const footer = comparison.restorable
    ? restoreBar(format, () => host.postMessage({ type: 'restore' }))
    : undefined;
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
      onTextDiff: () => host.postMessage({ type: 'textDiff', table: table.index }),
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
    heading(format, comparison, () => host.postMessage({ type: 'compareAgain' })),
    body,
    ...(footer ? [footer.element] : []),
  );
  showTable(chosen);
}

/** Sends the selection, or else the chosen value, to the clipboard. */
async function copyChosen() {
  const marked = document.getSelection()?.toString() ?? '';
  const text = marked === '' ? await panel?.chosenValue() : marked;
  if (text !== undefined) host.postMessage({ type: 'copied', text });
}
