import { button, element, setEnabled } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';

/** @typedef {import('../../src/compare/differenceStore.ts').CheckedCounts} CheckedCounts */
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
  /** @param {readonly CheckedCounts[]} tables */
  const show = (tables) => {
    /** @param {keyof CheckedCounts} kind */
    const sum = (kind) => tables.reduce((count, table) => count + table[kind], 0);
    const [back, changed, deleted] = [sum('onlyInFirst'), sum('changed'), sum('onlyInSecond')];
    setEnabled(restore, back + changed + deleted > 0);
    sentence.textContent = sentenceOf(format, back, changed, deleted);
  };
  return { element: made, show };
}

/**
 * @param {ComparisonFormat} format
 * @param {number} back
 * @param {number} changed
 * @param {number} deleted
 */
function sentenceOf(format, back, changed, deleted) {
  const { texts } = format;
  if (back + changed + deleted === 0) return texts.nothingChecked;
  /**
   * @param {number} count
   * @param {string} one
   * @param {string} many
   */
  const part = (count, one, many) => (count === 1 ? one : fill(many, format.number(count)));
  return [
    ...(back > 0 ? [part(back, texts.returnsOne, texts.returnMany)] : []),
    ...(changed > 0 ? [part(changed, texts.changesBackOne, texts.changeBackMany)] : []),
    ...(back > 0 ? [texts.relatedCome] : []),
    deleted > 0 ? part(deleted, texts.isDeletedOne, texts.areDeletedMany) : texts.nothingDeleted,
  ]
    .join(', ')
    .concat('.');
}
