import { button, element, icon, visible } from './dom.js';
import { fill } from './format.js';

/** @typedef {import('../../src/ui/viewer/viewModel.ts').Problem} Problem */

/**
 * The header: source, facts, actions, what is not in the backup, and once `damaged` is called, what is
 * wrong with it.
 *
 * @param {import('./format.js').Format} format
 * @param {import('../../src/ui/viewer/viewModel.ts').BackupView} backup
 * @param {(action: import('../../src/ui/viewer/messages.ts').ViewerAction) => void} run
 */
export function overview(format, backup, run) {
  const { texts } = format;
  const buttons = actions(texts, backup, run);
  const noticeList = notices(texts, backup);
  const made = element(
    'header',
    { class: 'overview' },
    element(
      'div',
      { class: 'title-line' },
      element('div', { class: 'emblem' }, icon('backup')),
      element(
        'div',
        { class: 'title' },
        element('h1', { dir: 'auto', title: backup.database }, ...visible(backup.database)),
        element(
          'div',
          { class: 'subtitle' },
          element('span', {}, backup.engine),
          backup.purpose === 'safety' && badge(texts.safetyBackup, texts.safetyTooltip),
          !backup.complete && !backup.written && badge(texts.partialBackup, texts.partialTooltip),
        ),
      ),
      buttons,
    ),
    facts(format, backup),
    noticeList,
  );
  /** @param {Problem} problem */
  const damaged = ({ message, entry, salvageable }) => {
    if (noticeList.querySelector('.damage')) return;
    buttons.firstElementChild?.remove();
    if (salvageable === true) buttons.prepend(salvageButton(texts, run));
    const what = entry === undefined ? message : `${message} (${entry})`;
    noticeList.prepend(
      element(
        'div',
        { class: 'notice damage', role: 'alert' },
        icon('error'),
        element('strong', {}, ...visible(what)),
      ),
    );
  };
  return { element: made, damaged };
}

/**
 * @param {import('./format.js').ViewerTexts} texts
 * @param {(action: import('../../src/ui/viewer/messages.ts').ViewerAction) => void} run
 */
export function salvageButton(texts, run) {
  return button({ text: texts.salvage, tooltip: texts.salvageTooltip, onClick: () => run('salvage') });
}

/**
 * @param {import('./format.js').ViewerTexts} texts
 * @param {import('../../src/ui/viewer/viewModel.ts').BackupView} backup
 * @param {(action: import('../../src/ui/viewer/messages.ts').ViewerAction) => void} run
 */
function actions(texts, backup, run) {
  const written = backup.written !== undefined;
  return element(
    'div',
    { class: 'actions' },
    button({
      ...{ text: written ? texts.undo : texts.restore, icon: 'restore' },
      tooltip: written ? texts.undoTooltip : texts.restoreTooltip,
      onClick: () => run(written ? 'undo' : 'restore'),
    }),
    button({
      ...{ text: written ? texts.showRows : texts.compare, icon: 'compare', class: 'button secondary' },
      tooltip: written ? texts.showRowsTooltip : texts.compareTooltip,
      onClick: () => run(written ? 'writtenRows' : 'compare'),
    }),
    button({
      ...{ text: texts.verify, icon: 'verify', tooltip: texts.verifyTooltip, class: 'button secondary' },
      onClick: () => run('verify'),
    }),
    backup.statements.length > 0 &&
      button({
        ...{ text: texts.showStatements, icon: 'statements', tooltip: texts.showStatementsTooltip },
        class: 'button secondary',
        onClick: () => run('statements'),
      }),
    button({
      ...{ text: texts.reveal, icon: 'reveal', tooltip: texts.revealTooltip, class: 'button secondary' },
      onClick: () => run('reveal'),
    }),
  );
}

/**
 * @param {string} text
 * @param {string} tooltip
 */
function badge(text, tooltip) {
  return element('span', { class: 'badge', title: tooltip }, text);
}

/**
 * A text that its maker wrote, in one line; all of it in the tooltip.
 *
 * @param {string} text
 */
function labelText(text) {
  return element('span', { class: 'one-line', dir: 'auto', title: text }, ...visible(text));
}

/**
 * @param {import('./format.js').Format} format
 * @param {import('../../src/ui/viewer/viewModel.ts').BackupView} backup
 */
function facts(format, backup) {
  const { texts } = format;
  const taken = new Date(backup.createdAt);
  const age = element('span', { class: 'dim', 'data-since': backup.createdAt }, format.age(taken));
  return element(
    'dl',
    { class: 'facts' },
    backup.name !== undefined && fact(texts.name, labelText(backup.name)),
    backup.note !== undefined && fact(texts.note, labelText(backup.note)),
    fact(
      texts.taken,
      element(
        'time',
        { datetime: backup.createdAt, title: format.exactDates.format(taken) },
        format.dates.format(taken),
      ),
      ' · ',
      age,
    ),
    fact(
      texts.content,
      `${format.count('tables', (backup.written ?? backup.tables).length)}, ${format.count('rows', backup.rows)}`,
    ),
    backup.statements.length > 0 &&
      fact(
        texts.statements,
        format.number(backup.statements.reduce((sum, { count }) => sum + count, 0)),
        ' · ',
        element('span', { class: 'dim' }, ...visible(statementKinds(format, backup))),
      ),
    fact(texts.size, backup.size),
    fact(texts.writtenBy, `Restore Point ${backup.createdBy}`),
  );
}

/**
 * @param {import('./format.js').Format} format
 * @param {import('../../src/ui/viewer/viewModel.ts').BackupView} backup
 */
function statementKinds(format, { statements }) {
  return statements.map(({ kind, count }) => `${kind}: ${format.number(count)}`).join(', ');
}

/**
 * @param {string} label
 * @param {...(string | Node)} value
 */
function fact(label, ...value) {
  return element('div', {}, element('dt', {}, label), element('dd', {}, ...value));
}

/**
 * @param {import('./format.js').ViewerTexts} texts
 * @param {import('../../src/ui/viewer/viewModel.ts').BackupView} backup
 */
function notices(texts, backup) {
  const conditions = backup.tables.filter((table) => table.where !== undefined);
  return element(
    'div',
    { class: 'notices' },
    backup.leftOut.length > 0 &&
      notice(
        'warning',
        texts.leftOut,
        backup.leftOut.map(({ kind, names }) => `${kind} ${names.join(', ')}`),
        backup.leftOut.map(({ kind, names, reason }) => [`${kind} ${names.join(', ')}`, reason]),
      ),
    conditions.length > 0 &&
      notice(
        'filter',
        texts.conditions,
        conditions.map(({ label }) => label),
        conditions.map(({ label, where }) => [label, fill(texts.condition, where ?? '')]),
      ),
  );
}

/**
 * A one-line notice that expands to one line per item.
 *
 * @param {import('./dom.js').IconName} iconName
 * @param {string} title
 * @param {string[]} names
 * @param {readonly (readonly string[])[]} lines of a name and a description
 */
export function notice(iconName, title, names, lines) {
  return element(
    'details',
    { class: `notice ${iconName}` },
    element(
      'summary',
      {},
      icon(iconName),
      element(
        'span',
        { class: 'one-line' },
        element('strong', {}, title),
        ' ',
        element('bdi', {}, ...visible(names.join(', '))),
      ),
      icon('next'),
    ),
    element(
      'ul',
      {},
      ...lines.map(([name = '', text = '']) =>
        element(
          'li',
          {},
          element('bdi', {}, ...visible(name)),
          element('div', { class: 'dim', dir: 'auto' }, text),
        ),
      ),
    ),
  );
}
