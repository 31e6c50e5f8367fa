import { element, visible, visibleText } from './dom.js';
import { fill } from './format.js';

/** How many characters of a value its cell and its tooltip show. The value pane shows all of it. */
const shownCharacters = 240;
const tooltipCharacters = 1000;
/** A value on one line that is shorter than this is never cut by the column's width. See columnLayout.js. */
const surelyVisible = 16;

/** @typedef {import('../../src/core/cells.ts').Cell} Cell */

/** A value, or that of each side of a comparison. */
/** @typedef {Cell | Readonly<{ before: Cell, after: Cell }>} GridValue */

/**
 * The cell of one value.
 *
 * @param {import('./format.js').Format} format
 * @param {GridValue} value
 * @param {boolean} numeric it is aligned right
 */
export function valueCell(format, value, numeric) {
  const kind = numeric ? 'number' : undefined;
  if (isChange(value)) {
    const { before, after } = value;
    const tooltips = [before, after].map((side) => tooltip(format, side) ?? textOf(side));
    return element(
      'td',
      { class: `changed ${kind ?? ''}`.trim(), tabindex: -1, title: tooltips.join(' → ') },
      element('del', { class: 'value', dir: 'auto' }, ...shown(before)),
      element('span', { class: 'arrow' }, '→'),
      element('ins', { class: 'value', dir: 'auto' }, ...shown(after)),
    );
  }
  if (value === null) return element('td', { class: 'null', tabindex: -1 }, 'NULL');
  return element(
    'td',
    { class: kind, tabindex: -1, title: tooltip(format, value) },
    element('div', { class: 'value', dir: 'auto' }, ...shown(value)),
  );
}

/** @param {Cell} value */
function shown(value) {
  if (value === null) return [element('span', { class: 'null' }, 'NULL')];
  return visible(startOf(value));
}

/** @param {Cell} value */
function startOf(value) {
  const cut = lengthOf(value) > shownCharacters;
  return textOf(value).slice(0, shownCharacters) + (cut ? '…' : '');
}

/**
 * What a cell shows of a value.
 *
 * @param {Cell} value
 */
export function shownText(value) {
  return visibleText(startOf(value));
}

/**
 * Undefined for a value that is seen as a whole.
 *
 * @param {import('./format.js').Format} format
 * @param {Cell} value
 */
function tooltip(format, value) {
  const [start, length] = [textOf(value), lengthOf(value)];
  if (length <= surelyVisible && !/[\n\r]/.test(start)) return undefined;
  const end = length > tooltipCharacters ? `\n${fill(format.texts.longValue, format.number(length))}` : '';
  return start.slice(0, tooltipCharacters) + end;
}

/**
 * @param {GridValue} value
 * @returns {value is Readonly<{ before: Cell, after: Cell }>}
 */
export function isChange(value) {
  return typeof value === 'object' && value !== null && 'before' in value;
}

/** @param {Cell} value */
export function textOf(value) {
  return typeof value === 'string' ? value : (value?.start ?? 'NULL');
}

/** @param {Cell} value */
function lengthOf(value) {
  return value?.length ?? 0;
}

/**
 * The text of a value that is not cut; undefined for another one.
 *
 * @param {GridValue} value
 */
export function shortText(value) {
  const sides = isChange(value) ? [value.before, value.after] : [value];
  if (sides.some((side) => typeof side === 'object' && side !== null)) return undefined;
  return sides.map(textOf).join(' → ');
}
