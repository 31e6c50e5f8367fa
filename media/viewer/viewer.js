/* global document, setInterval */
import { button, element, icon } from './dom.js';
import { Extension } from './extension.js';
import { fill, Format } from './format.js';
import { plainRows } from './rowsPanel.js';
import { overview, salvageButton } from './overview.js';
import { tableList } from './tableList.js';
import { TablePanel } from './tablePanel.js';
import { writtenRows } from './writtenRows.js';

/** @typedef {import('../../src/ui/viewer/messages.ts').ToViewer} ToViewer */
/** @typedef {import('../../src/ui/viewer/messages.ts').ViewerAnswers} ViewerAnswers */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').BackupView} BackupView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/** @type {Extension<ViewerAnswers>} */
const extension = new Extension(['readRows', 'find']);
const root = /** @type {HTMLElement} */ (document.getElementById('viewer'));
const tabs = /** @type {const} */ (['rows', 'columns', 'sql']);

/** State that survives while the page is hidden. */
const state = readState();

/** @type {Format} */
let format;
/** @type {ReturnType<typeof overview> | undefined} */
let header;
/** @type {TablePanel | undefined} */
let panel;

setInterval(() => {
  for (const age of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-since]'))) {
    age.textContent = format.age(new Date(age.dataset.since ?? ''));
  }
}, 30_000);
extension.listen(receive);

function readState() {
  const initial = {
    ...{ table: '', page: 0, filter: '', valueShown: false, findShown: false, findText: '' },
    ...plainRows,
  };
  const { state: known, saved } = extension.restoreState(initial);
  return { ...known, tab: tabs.find((tab) => tab === saved.tab) ?? 'rows' };
}

/** @param {Partial<typeof state>} change */
function remember(change) {
  extension.saveState(Object.assign(state, change));
}

/** @param {Exclude<ToViewer, { type: 'answer' | 'failed' }>} message */
function receive(message) {
  switch (message.type) {
    case 'texts':
      format = new Format(message.texts, message.locale);
      return;
    case 'backup':
      extension.forgetQuestions();
      return showBackup(message.backup);
    case 'problem':
      extension.forgetQuestions();
      return showProblem(message.problem);
    case 'damaged':
      return header?.damaged(message.problem);
    case 'copy':
      return void extension.copy(() => panel?.chosenValue());
    case 'showFind':
      return panel?.openFind();
    case 'progress':
      return panel?.showProgress(message.fraction);
    case 'copyRow': {
      const chosen = panel?.chosenRow();
      if (chosen) extension.post({ type: 'copyRow', as: message.as, ...chosen });
      return;
    }
    case 'restoreRow': {
      const chosen = panel?.chosenRow();
      if (chosen) extension.post({ type: 'restoreRow', ...chosen });
      return;
    }
    case 'choose':
      return chooseTable(message.key);
  }
}

/** @param {...Node} children */
function fillRoot(...children) {
  root.removeAttribute('aria-busy');
  root.replaceChildren(...children);
}

/** @param {import('../../src/ui/viewer/messages.ts').ViewerAction} action */
function run(action) {
  extension.post({ type: 'run', action });
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
          onClick: () => extension.post({ type: 'reload' }),
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
  if (found < 0) remember({ page: 0, ...plainRows });
  const place = element('section', { class: 'table' });
  /** @param {number} index */
  const showTable = (index) => {
    const entry = backup.tables[index];
    if (!entry) return;
    remember({ table: entry.key });
    const options = { format, entry, index, rowsPerPage: backup.rowsPerPage, state, remember };
    panel = new TablePanel({ ...options, ask: (type, about) => extension.ask(type, about) });
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
              remember({ page: 0, ...plainRows });
              showTable(index);
            },
          }),
          place,
        );
  header = overview(format, backup, run);
  if (backup.written) return fillRoot(header.element, writtenRows(format, backup.written));
  fillRoot(header.element, body);
  showTable(chosen);
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
