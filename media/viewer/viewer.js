/* global document, setInterval, window */
import { button, element, icon } from './dom.js';
import { fill, Format } from './format.js';
import { overview, salvageButton } from './overview.js';
import { tableList } from './tableList.js';
import { TablePanel } from './tablePanel.js';

/** @typedef {import('../../src/ui/viewer/messages.ts').ToViewer} ToViewer */
/** @typedef {import('../../src/ui/viewer/messages.ts').ViewerAnswers} ViewerAnswers */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').BackupView} BackupView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/** @type {{ postMessage(message: unknown): void, getState(): unknown, setState(state: unknown): void }} */
const host = /** @type {any} */ (globalThis).acquireVsCodeApi();
const root = /** @type {HTMLElement} */ (document.getElementById('viewer'));
const tabs = /** @type {const} */ (['rows', 'columns', 'sql']);

/** State that survives while the page is hidden. */
const state = readState(host.getState());

/** @type {Format} */
let format;
/** @type {ReturnType<typeof overview> | undefined} */
let header;
/** @type {TablePanel | undefined} */
let panel;
let lastRequest = 0;
/** @type {Map<number, { type: string, resolve(answer: any): void, reject(problem: Problem): void }>} */
const questions = new Map();

window.addEventListener('message', ({ data }) => receive(data));
setInterval(() => {
  for (const age of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-since]'))) {
    age.textContent = format.age(new Date(age.dataset.since ?? ''));
  }
}, 30_000);
host.postMessage({ type: 'ready' });

/** @param {unknown} value */
function readState(value) {
  const known = /** @type {Record<string, unknown>} */ (
    typeof value === 'object' && value !== null ? value : {}
  );
  return {
    table: typeof known.table === 'string' ? known.table : '',
    tab: tabs.find((tab) => tab === known.tab) ?? 'rows',
    page: Number.isSafeInteger(known.page) ? Math.max(0, Number(known.page)) : 0,
    filter: typeof known.filter === 'string' ? known.filter : '',
    valueShown: known.valueShown === true,
  };
}

/** @param {Partial<typeof state>} change */
function remember(change) {
  host.setState(Object.assign(state, change));
}

/**
 * @template {keyof ViewerAnswers} Type
 * @param {Type} type
 * @param {Record<string, number>} about
 * @returns {Promise<ViewerAnswers[Type]>}
 */
function ask(type, about) {
  const request = ++lastRequest;
  if (type === 'readRows') {
    // Only the last requested page is answered.
    for (const [earlier, question] of questions) if (question.type === type) questions.delete(earlier);
  }
  return new Promise((resolve, reject) => {
    questions.set(request, { type, resolve, reject });
    host.postMessage({ type, request, ...about });
  });
}

/** @param {ToViewer} message */
function receive(message) {
  switch (message.type) {
    case 'texts':
      format = new Format(message.texts, message.locale);
      return;
    case 'backup':
      questions.clear();
      return showBackup(message.backup);
    case 'problem':
      questions.clear();
      return showProblem(message.problem);
    case 'damaged':
      return header?.damaged(message.problem);
    case 'copy':
      return void copyChosen();
    case 'copyRow': {
      const chosen = panel?.chosenRow();
      if (chosen) host.postMessage({ type: 'copyRow', as: message.as, ...chosen });
      return;
    }
    case 'choose':
      return chooseTable(message.key);
    case 'answer':
    case 'failed': {
      const question = questions.get(message.request);
      questions.delete(message.request);
      if (message.type === 'answer') question?.resolve(message.answer);
      else question?.reject(message.problem);
    }
  }
}

/** @param {...Node} children */
function fillRoot(...children) {
  root.removeAttribute('aria-busy');
  root.replaceChildren(...children);
}

/** @param {import('../../src/ui/viewer/messages.ts').ViewerAction} action */
function run(action) {
  host.postMessage({ type: 'run', action });
}

/** @param {Problem} problem */
function showProblem(problem) {
  const { texts } = format;
  const gone = problem.kind === 'gone';
  const locked = problem.kind === 'locked';
  const next = gone ? texts.goneNext : problem.next;
  const title = texts[problem.kind];
  header = undefined;
  panel = undefined;
  fillRoot(
    element(
      'div',
      { class: `problem ${problem.kind}`, role: locked ? 'group' : 'alert' },
      icon(locked ? 'lock' : gone ? 'info' : 'error'),
      element('h1', {}, title),
      !gone && element('p', { dir: 'auto' }, `${problem.message}.`.replace(/([.!?…])\.$/, '$1')),
      problem.entry !== undefined && element('p', { class: 'dim' }, fill(texts.inEntry, problem.entry)),
      next !== undefined && element('p', {}, next),
      element(
        'div',
        { class: 'actions' },
        problem.salvageable === true && salvageButton(texts, run),
        button({
          text: locked ? texts.unlock : texts.tryAgain,
          class: problem.salvageable === true ? 'button secondary' : 'button',
          onClick: () => host.postMessage({ type: 'reload' }),
        }),
        !gone && button({ text: texts.reveal, class: 'button secondary', onClick: () => run('reveal') }),
      ),
    ),
  );
}

/** @param {BackupView} backup */
function showBackup(backup) {
  const found = backup.tables.findIndex(({ key }) => key === state.table);
  const chosen = Math.max(0, found);
  if (found < 0) remember({ page: 0 });
  const place = element('section', { class: 'table' });
  /** @param {number} index */
  const showTable = (index) => {
    const entry = backup.tables[index];
    if (!entry) return;
    remember({ table: entry.key });
    const options = { format, entry, index, rowsPerPage: backup.rowsPerPage, state, remember, ask };
    panel = new TablePanel(options);
    place.replaceChildren(panel.element);
  };
  const body =
    backup.tables.length === 0
      ? element('p', { class: 'empty' }, format.texts.noTables)
      : element(
          'div',
          { class: 'body' },
          tableList(format, backup.tables, {
            filter: state.filter,
            chosen,
            onFilter: (filter) => remember({ filter }),
            onChoose: (index) => {
              remember({ page: 0 });
              showTable(index);
            },
          }),
          place,
        );
  header = overview(format, backup, run);
  fillRoot(header.element, body);
  showTable(chosen);
}

/** Sends the selection, or else the chosen value, to the clipboard. */
async function copyChosen() {
  const marked = document.getSelection()?.toString() ?? '';
  const text = marked === '' ? await panel?.chosenValue() : marked;
  if (text !== undefined) host.postMessage({ type: 'copied', text });
}

/**
 * Chooses a table in the list, like a click.
 *
 * @param {string} key
 */
function chooseTable(key) {
  const item = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('.list-item'));
  for (const table of item) if (table.dataset.key === key) table.click();
}
