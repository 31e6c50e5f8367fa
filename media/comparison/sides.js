import { fill } from '../viewer/format.js';

/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparisonView} ComparisonView */
/** @typedef {import('../../src/compare/differenceStore.ts').DifferenceKind} DifferenceKind */
/** @typedef {import('./comparison.js').ComparisonFormat} ComparisonFormat */

/** The kinds in the order of their tabs. */
export const kinds = /** @type {const} */ (['changed', 'onlyInFirst', 'onlyInSecond']);

/**
 * How a sentence calls a side: "the backup", or the name where both are backups.
 *
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 * @param {'first' | 'second'} side
 */
export function sideName({ texts }, { first, second }, side) {
  const { kind, name } = side === 'first' ? first : second;
  if (first.kind === second.kind) return name;
  return kind === 'backup' ? texts.theBackup : texts.theDatabase;
}

/**
 * What a tab and a column of counts is called.
 *
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 * @param {DifferenceKind} kind
 */
export function kindTitle({ texts }, { first, second }, kind) {
  if (kind === 'changed') return texts.changed;
  const side = kind === 'onlyInFirst' ? first : second;
  if (first.kind === second.kind) return fill(texts.onlyIn, side.name);
  return side.kind === 'backup' ? texts.onlyInBackup : texts.onlyInDatabase;
}
