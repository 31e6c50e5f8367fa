import { element, visible } from './dom.js';

/**
 * What a safety backup of chosen rows holds: how many rows of each table the restore wrote.
 *
 * @param {import('./format.js').Format} format
 * @param {readonly import('../../src/ui/viewer/viewModel.ts').WrittenEntry[]} tables
 */
export function writtenRows(format, tables) {
  const { texts } = format;
  const headings = [texts.writtenTable, texts.writtenInserted, texts.writtenUpdated, texts.writtenDeleted];
  return element(
    'section',
    { class: 'written' },
    element('p', {}, texts.writtenIntro),
    element(
      'table',
      { class: 'grid columns' },
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          ...headings.map((text, place) =>
            element('th', { scope: 'col', class: place > 0 ? 'number' : undefined }, text),
          ),
        ),
      ),
      element(
        'tbody',
        {},
        ...tables.map(({ label, inserted, updated, deleted }) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row' }, element('bdi', {}, ...visible(label))),
            ...[inserted, updated, deleted].map((count) =>
              element('td', { class: 'number' }, format.number(count)),
            ),
          ),
        ),
      ),
    ),
  );
}
