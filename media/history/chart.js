/* global document */

/** @typedef {{ rows: readonly (number | null)[], losses: ReadonlySet<number>, series: number }} Line */
/**
 * @typedef {{
 *   times: readonly number[],
 *   lines: readonly Line[],
 *   hollow: ReadonlySet<number>,
 *   top: number,
 *   label: (value: number) => string,
 *   date: (time: number) => string,
 *   width: number,
 *   height: number,
 * }} Chart
 */

const namespace = 'http://www.w3.org/2000/svg';
const margin = { left: 64, right: 16, top: 8, bottom: 22 };
/** Each line has its own dashes, so that colour is not all that distinguishes them. */
const dashes = ['', '6 3', '2 3', '8 3 2 3', '12 4', '1 4'];

/** How many lines can be told apart. */
export const mostLines = dashes.length;

/**
 * @param {string} name
 * @param {Record<string, string | number | undefined>} attributes
 * @param {...(Node | string)} children
 */
export function drawn(name, attributes, ...children) {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/**
 * Where the points of a chart are, from the left.
 *
 * @param {readonly number[]} times
 * @param {number} width
 */
export function placesOf(times, width) {
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const room = width - margin.left - margin.right;
  return times.map((time) => margin.left + room * (last === first ? 0.5 : (time - first) / (last - first)));
}

/**
 * A chart of lines over time. Where a value is not known, a line has a gap that is bridged by no point.
 *
 * @param {Chart} chart
 */
export function lineChart({ times, lines, hollow, top, label, date, width, height }) {
  const places = placesOf(times, width);
  const bottom = height - margin.bottom;
  /** @param {number} value */
  const y = (value) => bottom - ((bottom - margin.top) * value) / (top || 1);
  const grid = [0, 0.5, 1].flatMap((part) => [
    drawn('line', {
      class: 'grid',
      x1: margin.left,
      x2: width - margin.right,
      y1: y(part * top),
      y2: y(part * top),
    }),
    drawn('text', { x: margin.left - 8, y: y(part * top) + 4, 'text-anchor': 'end' }, label(part * top)),
  ]);
  return drawn(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, height, 'aria-hidden': 'true' },
    ...grid,
    ...dateLabels(times, places, height, date),
    ...lines.map((line) => drawnLine(line, places, y, hollow)),
  );
}

/**
 * @param {readonly number[]} times
 * @param {readonly number[]} places
 * @param {number} height
 * @param {(time: number) => string} date
 */
function dateLabels(times, places, height, date) {
  const ends = times.length > 1 ? [0, times.length - 1] : [0];
  return ends.map((point) =>
    drawn(
      'text',
      {
        x: places[point],
        y: height - 6,
        'text-anchor': times.length === 1 ? 'middle' : point === 0 ? 'start' : 'end',
      },
      date(times[point] ?? 0),
    ),
  );
}

/**
 * @param {Line} line
 * @param {readonly number[]} places
 * @param {(value: number) => number} y
 * @param {ReadonlySet<number>} hollow
 */
function drawnLine({ rows, losses, series }, places, y, hollow) {
  /** @type {string[]} */
  const steps = [];
  /** @type {Node[]} */
  const marks = [];
  for (const [point, value] of rows.entries()) {
    if (value === null) continue;
    const [x = 0, at] = [places[point], y(value)];
    // A backup of another part of the database says nothing about this table: the line skips it.
    if (!hollow.has(point)) steps.push(`${steps.length === 0 ? 'M' : 'L'}${x.toFixed(1)} ${at.toFixed(1)}`);
    const kind = hollow.has(point) ? 'mark hollow' : 'mark';
    marks.push(drawn('circle', { class: kind, cx: x, cy: at, r: rows.length > 80 ? 1.5 : 3 }));
    if (losses.has(point)) {
      marks.push(drawn('path', { class: 'lost', d: `M${x} ${at - 6}l6 11h-12Z` }));
    }
  }
  return drawn(
    'g',
    { class: `series series-${series}` },
    drawn('path', { class: 'line', d: steps.join(''), 'stroke-dasharray': dashes[series] || undefined }),
    ...marks,
  );
}

/**
 * How a line is drawn, for the legend.
 *
 * @param {number} series
 */
export function swatch(series) {
  return drawn(
    'svg',
    { class: `swatch series series-${series}`, viewBox: '0 0 22 10', 'aria-hidden': 'true' },
    drawn('line', { x1: 0, x2: 22, y1: 5, y2: 5, 'stroke-dasharray': dashes[series] || undefined }),
  );
}
