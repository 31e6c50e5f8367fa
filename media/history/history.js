/* global document, ResizeObserver */
import { button, element, icon, visible, visibleText } from '../viewer/dom.js';
import { Extension } from '../viewer/extension.js';
import { fill, Format } from '../viewer/format.js';
import { drawn, lineChart, mostLines, placesOf, swatch } from './chart.js';
import { backupsTable } from './backupsTable.js';

/** @typedef {import('../../src/ui/history/messages.ts').ToHistory} ToHistory */
/** @typedef {import('../../src/ui/history/messages.ts').HistoryView} HistoryView */
/** @typedef {import('../../src/ui/history/messages.ts').TableView} TableView */
/** @typedef {import('../../src/ui/history/texts.ts').HistoryTexts} HistoryTexts */
/** @typedef {Format & { texts: HistoryTexts & import('../viewer/format.js').ViewerTexts }} HistoryFormat */

/** @type {Extension<{}>} */
const extension = new Extension([]);
const root = /** @type {HTMLElement} */ (document.getElementById('viewer'));
const shownAtFirst = 4;

/** @type {HistoryFormat} */
let format;
/** @type {HistoryView} */
let history;
/** The tables in the chart, by the number of their line. */
/** @type {(string | undefined)[]} */
let lines = [];
let chosen = -1;

extension.listen(receive);

/** @param {ToHistory} message */
function receive(message) {
  if (message.type === 'texts') {
    format = /** @type {HistoryFormat} */ (new Format(message.texts, message.locale));
    return;
  }
  history = message.history;
  const names = new Set(history.tables.map(({ name }) => name));
  lines = lines.map((name) => (name !== undefined && names.has(name) ? name : undefined));
  if (lines.every((name) => name === undefined))
    lines = history.tables.slice(0, shownAtFirst).map(({ name }) => name);
  chosen = Math.min(chosen < 0 ? Infinity : chosen, history.points.length - 1);
  show();
}

/** @type {ResizeObserver | undefined} */
let observer;
/** @type {HTMLElement | undefined} */
let charts;
/** @type {HTMLElement | undefined} */
let details;

function show() {
  observer?.disconnect();
  root.setAttribute('aria-busy', 'false');
  const { texts } = format;
  if (history.points.length === 0) {
    root.replaceChildren(
      element('h1', {}, fill(texts.historyOf, history.name)),
      element('p', { class: 'dim' }, texts.noBackups),
    );
    return;
  }
  const hadFocus = charts?.contains(document.activeElement) ?? false;
  charts = element('div', {
    class: 'charts',
    role: 'slider',
    tabindex: '0',
    'aria-label': `${texts.sizeTitle}. ${texts.rowsTitle}`,
    'aria-describedby': 'chart-help',
    'aria-valuemin': '1',
    'aria-valuemax': String(history.points.length),
    on: { keydown: onKey },
  });
  details = element('section', { class: 'chosen', 'aria-live': 'polite' });
  root.replaceChildren(
    head(),
    charts,
    element('p', { class: 'dim', id: 'chart-help' }, texts.chartHelp),
    details,
    ...(history.tables.length > 0 ? [legend()] : []),
    backupsTable(history, shownTables(), format),
  );
  if (hadFocus) charts.focus();
  observer = new ResizeObserver(() => draw());
  observer.observe(charts);
  draw();
  choose(chosen);
}

function head() {
  const { texts } = format;
  const { points, tables, name } = history;
  const count =
    points.length === 1 ? texts.backupsOne : fill(texts.backupsMany, format.number(points.length));
  const date = (/** @type {number} */ point) => format.dates.format(points.at(point)?.time);
  const period = points.length === 1 ? `${count}, ${date(0)}` : fill(texts.period, count, date(0), date(-1));
  const losses = tables.flatMap((table) => table.losses.map((loss) => ({ table, loss })));
  losses.sort((a, b) => b.loss.point - a.loss.point);
  return element(
    'header',
    { class: 'history-head' },
    element('h1', {}, fill(texts.historyOf, visibleText(name))),
    element('p', { class: 'dim' }, period),
    losses.length === 0
      ? element('p', {}, texts.noLoss)
      : element(
          'ul',
          { class: 'losses' },
          ...losses
            .slice(0, 5)
            .map(({ table, loss }) =>
              element(
                'li',
                {},
                icon('warning'),
                element(
                  'span',
                  {},
                  fill(
                    texts.lossOf,
                    visibleText(table.name),
                    format.count('rows', loss.rows),
                    percent(loss.rows / loss.before),
                    points[loss.point]?.name ?? '',
                  ),
                ),
              ),
            ),
        ),
    element('p', { class: 'dim' }, texts.lossRule),
  );
}

/** @param {number} part */
function percent(part) {
  return new Intl.NumberFormat(format.numbers.resolvedOptions().locale, {
    style: 'percent',
    maximumFractionDigits: part < 0.995 && part > 0.005 ? 0 : 1,
  }).format(part);
}

/** @returns {{ table: TableView, series: number }[]} */
function shownTables() {
  return lines.flatMap((name, series) => {
    const table = history.tables.find((one) => one.name === name);
    return table ? [{ table, series }] : [];
  });
}

function draw() {
  if (!charts) return;
  const width = Math.max(280, charts.clientWidth);
  const { texts } = format;
  const { points } = history;
  const times = points.map(({ time }) => time);
  const common = { times, width, date: (/** @type {number} */ time) => format.dates.format(time) };
  const limited = new Set(points.flatMap(({ limit }, point) => (limit === undefined ? [] : [point])));
  const bytes = points.map((point) => point.bytes);
  const size = lineChart({
    ...common,
    height: 150,
    lines: [{ rows: bytes, losses: new Set(), series: 0 }],
    hollow: limited,
    top: Math.max(1, ...bytes),
    label: bytesText,
  });
  const rows = lineChart({
    ...common,
    height: 210,
    lines: shownTables().map(({ table, series }) => ({ ...relative(table), series })),
    hollow: new Set(),
    top: 1,
    label: percent,
  });
  const drawings = [
    { title: texts.sizeTitle, drawing: size },
    { title: texts.rowsTitle, drawing: rows },
  ];
  charts.replaceChildren(
    ...drawings.slice(0, history.tables.length > 0 ? 2 : 1).map(({ title, drawing }) => {
      drawing.append(...bands(placesOf(times, width), width, Number(drawing.getAttribute('height'))));
      return element('section', { class: 'chart' }, element('h2', {}, title), drawing);
    }),
  );
  markChosen();
}

/** @param {TableView} table */
function relative({ rows, losses }) {
  const most = Math.max(1, ...rows.map((count) => count ?? 0));
  return {
    rows: rows.map((count) => (count === null ? null : count / most)),
    losses: new Set(losses.map(({ point }) => point)),
  };
}

/** @param {number} bytes */
function bytesText(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(1024)));
  const value = bytes / 1024 ** step;
  return `${format.number(Math.round(value * (value < 10 ? 10 : 1)) / (value < 10 ? 10 : 1))} ${units[step]}`;
}

/**
 * A place to point at for each backup, from half-way to the one before to half-way to the next.
 *
 * @param {number[]} places
 * @param {number} width
 * @param {number} height
 */
function bands(places, width, height) {
  const all = places.map((place, point) => {
    const from = point === 0 ? 0 : (place + (places[point - 1] ?? 0)) / 2;
    const to = point === places.length - 1 ? width : (place + (places[point + 1] ?? 0)) / 2;
    const band = drawn('rect', { class: 'band', x: from, y: 0, width: Math.max(0, to - from), height });
    band.addEventListener('pointerenter', () => choose(point));
    band.addEventListener('click', () => extension.post({ type: 'show', point }));
    return band;
  });
  return [drawn('line', { class: 'cursor', y1: 0, y2: height }), ...all];
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const last = history.points.length - 1;
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, ArrowDown: chosen - 1, ArrowUp: chosen + 1 };
  const target = { ...steps, Home: 0, End: last, PageUp: chosen - 10, PageDown: chosen + 10 }[event.key];
  if (target !== undefined) {
    event.preventDefault();
    choose(Math.max(0, Math.min(last, target)));
  } else if (event.key === 'Enter') extension.post({ type: 'show', point: chosen });
}

/** @param {number} point */
function choose(point) {
  const shown = history.points[point];
  if (!shown || !details || !charts) return;
  chosen = point;
  const { texts } = format;
  const numbers = shownTables().map(({ table }) => numberOf(table, point));
  const text = [shown.name, format.dates.format(shown.time), shown.size, shown.limit].filter(Boolean);
  charts.setAttribute('aria-valuenow', String(point + 1));
  charts.setAttribute(
    'aria-valuetext',
    [...text, ...numbers.map(({ name, count, lost }) => [name, count, lost].filter(Boolean).join(' '))].join(
      ', ',
    ),
  );
  details.replaceChildren(
    element(
      'div',
      { class: 'what' },
      element('strong', { class: 'name' }, ...visible(shown.name)),
      element('p', { class: 'dim' }, text.slice(1).join(' · ')),
      element(
        'p',
        { class: 'numbers' },
        ...numbers.map(({ name, count, lost }) =>
          element(
            'span',
            {},
            `${name}: ${count}`,
            lost !== undefined && element('span', { class: 'loss' }, ` (${lost})`),
          ),
        ),
      ),
    ),
    element(
      'div',
      { class: 'actions' },
      button({ text: texts.showContents, onClick: () => extension.post({ type: 'show', point: chosen }) }),
      shown.canCompare &&
        button({
          text: texts.compareWithDatabase,
          class: 'button secondary',
          onClick: () => extension.post({ type: 'compare', point: chosen }),
        }),
    ),
  );
  markChosen();
}

/**
 * @param {TableView} table
 * @param {number} point
 */
function numberOf({ name, rows, losses }, point) {
  const count = rows[point] ?? null;
  const loss = losses.find((one) => one.point === point);
  return {
    name: visibleText(name),
    count: count === null ? format.texts.unknown : format.count('rows', count),
    lost: loss && fill(format.texts.lost, format.count('rows', loss.rows)),
  };
}

function markChosen() {
  const place = placesOf(
    history.points.map(({ time }) => time),
    Math.max(280, charts?.clientWidth ?? 0),
  )[chosen];
  for (const cursor of charts?.querySelectorAll('.cursor') ?? []) {
    cursor.setAttribute('x1', String(place ?? -10));
    cursor.setAttribute('x2', String(place ?? -10));
  }
}

function legend() {
  return element(
    'fieldset',
    { class: 'legend' },
    element('legend', {}, format.texts.shownTables),
    element(
      'ul',
      {},
      ...history.tables.map((table) => {
        const series = lines.indexOf(table.name);
        const box = element('input', {
          type: 'checkbox',
          checked: series >= 0,
          on: { change: () => toggle(table.name) },
        });
        box.dataset['table'] = table.name;
        return element(
          'li',
          {},
          element(
            'label',
            {},
            box,
            series >= 0 && swatch(series),
            element('span', { dir: 'auto' }, ...visible(table.name)),
            table.losses.length > 0 && element('span', { class: 'loss' }, icon('warning')),
          ),
        );
      }),
    ),
  );
}

/** @param {string} name */
function toggle(name) {
  const at = lines.indexOf(name);
  const free = [...Array(mostLines).keys()].find((series) => lines[series] === undefined);
  if (at >= 0) lines[at] = undefined;
  // All lines are taken: the last one is given up.
  else lines[free ?? mostLines - 1] = name;
  show();
  const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll('.legend input'));
  [...boxes].find((box) => box.dataset['table'] === name)?.focus();
}
