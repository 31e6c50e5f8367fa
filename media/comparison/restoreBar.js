import { button, element, setEnabled } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';

/** @typedef {import('../../src/compare/differenceStore.ts').CheckedCounts} CheckedCounts */
/** @typedef {import('../../src/restore/chosenRows/restoreRows.ts').RelatedCounts} RelatedCounts */
/** @typedef {import('./comparison.js').ComparisonFormat} ComparisonFormat */

/**
 * The bar at the bottom: the button, and one sentence that says what it would do.
 *
 * @param {ComparisonFormat} format
 * @param {() => void} onRestore
 */
export function restoreBar(format, onRestore) {
  const { texts } = format;
  const sentence = element('p', { 'aria-live': 'polite' });
  const restore = button({ text: texts.restore, icon: 'restore', onClick: onRestore });
  const made = element('footer', { class: 'restore-bar' }, sentence, restore);
  /** @type {readonly CheckedCounts[]} */
  let checked = [];
  /** @param {RelatedCounts} [related] undefined until they are counted */
  const showRelated = (related) => {
    /** @param {keyof CheckedCounts} kind */
    const sum = (kind) => checked.reduce((count, table) => count + table[kind], 0);
    const counts = { back: sum('onlyInFirst'), changed: sum('changed'), deleted: sum('onlyInSecond') };
    setEnabled(restore, counts.back + counts.changed + counts.deleted > 0);
    sentence.textContent = sentenceOf(format, counts, related);
  };
  /** @param {readonly CheckedCounts[]} tables */
  const show = (tables) => {
    checked = tables;
    showRelated();
  };
  return { element: made, show, showRelated };
}

/**
 * @param {ComparisonFormat} format
 * @param {{ back: number, changed: number, deleted: number }} counts
 * @param {RelatedCounts} [related]
 */
function sentenceOf(format, { back, changed, deleted }, related) {
  const { texts } = format;
  if (back + changed + deleted === 0) return texts.nothingChecked;
  /**
   * @param {number} count
   * @param {string} one
   * @param {string} many
   */
  const part = (count, one, many) =>
    count === 0 ? [] : [count === 1 ? one : fill(many, format.number(count))];
  const along = related
    ? related.children > 0
      ? part(related.parents + related.children, texts.relatedComesOne, texts.relatedComeMany)
      : part(related.parents, texts.parentComesOne, texts.parentsComeMany)
    : back + changed > 0
      ? [texts.relatedCome]
      : [];
  return [
    ...part(back, texts.returnsOne, texts.returnMany),
    ...part(changed, texts.changesBackOne, texts.changeBackMany),
    ...along,
    ...(deleted > 0 ? part(deleted, texts.isDeletedOne, texts.areDeletedMany) : [texts.nothingDeleted]),
  ]
    .join(', ')
    .concat('.');
}
