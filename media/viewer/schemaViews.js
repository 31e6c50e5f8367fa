import { copyButton, element, icon, visible } from './dom.js';
import { fill } from './format.js';

/** @typedef {import('../../src/ui/viewer/viewModel.ts').TableView} TableView */
/** @typedef {import('../../src/ui/viewer/viewModel.ts').ColumnView} ColumnView */

/**
 * @param {import('./format.js').Format} format
 * @param {TableView} table
 */
export function columnsView({ texts }, table) {
  const titles = [
    ...[texts.columnName, texts.columnType, texts.columnKey],
    ...[texts.notNull, texts.columnDefault, texts.columnReferences],
  ];
  return element(
    'div',
    { class: 'scroll', tabindex: 0 },
    element(
      'table',
      { class: 'grid columns' },
      element(
        'thead',
        {},
        element('tr', {}, ...titles.map((title) => element('th', { scope: 'col' }, title))),
      ),
      element('tbody', {}, ...table.columns.map((column) => columnRow(texts, table, column))),
    ),
    table.counters.length > 0 &&
      element(
        'section',
        { class: 'counters' },
        element('h3', {}, texts.counters),
        ...table.counters.map(({ name, lastValue }) =>
          element('p', { dir: 'auto' }, fill(texts.counter, name, lastValue)),
        ),
      ),
  );
}

/**
 * @param {import('./format.js').ViewerTexts} texts
 * @param {TableView} table
 * @param {ColumnView} column
 */
function columnRow(texts, table, column) {
  const composite = table.columns.some(({ primaryKey = 0 }) => primaryKey > 1);
  const unique = column.uniqueWith.map((others) =>
    others.length === 0 ? texts.unique : fill(texts.uniqueWith, others.join(', ')),
  );
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('bdi', { title: column.name }, ...visible(column.name))),
    element('td', { class: 'code' }, ...visible(column.type)),
    element(
      'td',
      {},
      ...(column.primaryKey === undefined
        ? []
        : [withIcon('key', composite ? fill(texts.primaryPart, String(column.primaryKey)) : texts.primary)]),
      ...unique.map((text) => element('div', { dir: 'auto' }, text)),
    ),
    element('td', {}, column.notNull && texts.yes),
    element('td', {}, ...defaultOf(texts, column)),
    element('td', {}, ...column.references.map((target) => withIcon('link', target))),
  );
}

/**
 * @param {import('./dom.js').IconName} name
 * @param {string} text
 */
function withIcon(name, text) {
  return element('div', { class: 'with-icon' }, icon(name), element('bdi', {}, ...visible(text)));
}

/**
 * @param {import('./format.js').ViewerTexts} texts
 * @param {ColumnView} column
 */
function defaultOf(texts, column) {
  const parts = [];
  if (column.generated) {
    const text = column.generated === 'stored' ? texts.generatedStored : texts.generatedVirtual;
    parts.push(element('div', { class: 'dim', title: texts.generatedTooltip }, text));
  }
  if (column.identity) {
    const text = column.identity === 'always' ? texts.identityAlways : texts.identityByDefault;
    parts.push(element('div', { class: 'dim' }, text));
  }
  if (column.default !== undefined) parts.push(element('code', { dir: 'auto' }, column.default));
  return parts;
}

/**
 * @param {import('./format.js').Format} format
 * @param {TableView} table
 */
export function sqlView(format, table) {
  if (table.statements.length === 0) return element('p', { class: 'empty' }, format.texts.noStatements);
  return element(
    'div',
    { class: 'scroll', tabindex: 0 },
    ...table.statements.map(({ kind, name, sql }) =>
      element(
        'section',
        { class: 'statement' },
        element(
          'div',
          { class: 'statement-head' },
          element(
            'h3',
            {},
            element('span', { class: 'dim' }, kind),
            ' ',
            element('bdi', {}, ...visible(name)),
          ),
          copyButton(format, () => `${sql};\n`),
        ),
        element('pre', { dir: 'auto' }, `${sql};`),
      ),
    ),
  );
}
