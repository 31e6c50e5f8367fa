import { button, element, icon, visible } from '../viewer/dom.js';
import { fill } from '../viewer/format.js';
import { notice } from '../viewer/overview.js';
import { sideName } from './sides.js';

/** @typedef {import('../../src/ui/comparison/comparisonView.ts').ComparisonView} ComparisonView */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').SideView} SideView */
/** @typedef {import('../../src/ui/comparison/comparisonView.ts').CounterPosition} CounterPosition */
/** @typedef {import('./comparison.js').ComparisonFormat} ComparisonFormat */

/**
 * The header: what is compared, how much differs, and what differs besides rows.
 *
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 * @param {() => void} onAgain
 */
export function heading(format, comparison, onAgain) {
  const { texts } = format;
  const { first, second } = comparison;
  return element(
    'header',
    { class: 'overview comparison' },
    element(
      'div',
      { class: 'title-line' },
      element('div', { class: 'emblem' }, icon('compare')),
      element(
        'div',
        { class: 'title' },
        element('h1', {}, side(first), element('span', { class: 'arrow' }, ' ↔ '), side(second)),
        element('div', { class: 'subtitle' }, summary(format, comparison)),
      ),
      element(
        'div',
        { class: 'actions' },
        comparison.repeatable &&
          button({
            ...{ text: texts.compareAgain, icon: 'again', tooltip: texts.compareAgainTooltip },
            ...{ class: 'button secondary', onClick: onAgain },
          }),
      ),
    ),
    element('div', { class: 'notices' }, ...notes(format, comparison)),
  );
}

/** @param {SideView} side */
function side({ name, detail }) {
  return element('bdi', { title: detail }, ...visible(name));
}

/**
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 */
function summary(format, { tables, notes: { notCompared, ...others } }) {
  const { texts } = format;
  const rows = tables.reduce(
    (sum, { counts }) => sum + (counts ? counts.onlyInFirst + counts.onlyInSecond + counts.changed : 0),
    0,
  );
  if (rows === 1) return texts.differsOne;
  if (rows > 1) return fill(texts.differsMany, format.number(rows));
  const complete = notCompared.length === 0 && tables.every(({ counts }) => counts);
  return complete && Object.values(others).every(({ length }) => length === 0)
    ? texts.equal
    : texts.equalRows;
}

/**
 * @param {ComparisonFormat} format
 * @param {ComparisonView} comparison
 */
function notes(format, comparison) {
  const { texts } = format;
  const { notes: found } = comparison;
  const [first, second] = [sideName(format, comparison, 'first'), sideName(format, comparison, 'second')];
  /** @param {CounterPosition | undefined} position */
  const positionText = (position) => {
    if (!position) return texts.noCounter;
    return position.unused ? fill(texts.counterUnused, position.value) : position.value;
  };
  /** @type {[title: string, lines: (readonly string[])[]][]} */
  const groups = [
    [fill(texts.tablesOnlyIn, first), found.tablesOnlyInFirst.map((name) => [name])],
    [fill(texts.tablesOnlyIn, second), found.tablesOnlyInSecond.map((name) => [name])],
    [fill(texts.columnsOnlyIn, first), [...found.columnsOnlyInFirst]],
    [fill(texts.columnsOnlyIn, second), [...found.columnsOnlyInSecond]],
    [
      texts.countersDiffer,
      found.counters.map((counter) => [
        counter.name,
        fill(texts.counterValues, positionText(counter.first), first, positionText(counter.second), second),
      ]),
    ],
  ];
  return [
    ...groups
      .filter(([, lines]) => lines.length > 0)
      .map(([title, lines]) =>
        notice(
          'info',
          title,
          lines.map(([name = '']) => name),
          lines,
        ),
      ),
    found.notCompared.length > 0 &&
      notice(
        'warning',
        texts.notCompared,
        [...found.notCompared],
        found.notCompared.map((line) => [line]),
      ),
  ].filter((made) => made !== false);
}
