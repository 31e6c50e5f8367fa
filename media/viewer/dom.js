/* global clearTimeout, document, navigator, setTimeout */
import { fill } from './format.js';

/** @typedef {string | Node | undefined | false} Child */

/** For text boxes: their context menu has Cut and Paste, unlike the rest of the page. */
export const writable = JSON.stringify({ preventDefaultContextMenuItems: false, readOnlyText: false });

/**
 * @typedef {Record<string, unknown> & {
 *   on?: Record<string, (event: any) => void>,
 * }} Attributes
 */

/**
 * Creates an element. Texts become text nodes, so that nothing in a backup can become markup. Callers use only constant
 * names of elements and attributes. Attributes that are `undefined` or `false` are left out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, { on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [type, listener] of Object.entries(on)) made.addEventListener(type, listener);
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** Drawn on a 16 × 16 grid, with strokes in the text colour. */
const icons = {
  backup:
    'M1.5 7.8A6.5 6.5 0 1 0 2.5 4.5M2.5 1.5v3h3M5.2 6a2.8 1.1 0 0 1 5.6 0 2.8 1.1 0 0 1-5.6 0ZM5.2 6v4.2a2.8 1.1 0 0 0 5.6 0V6M5.2 8.1a2.8 1.1 0 0 0 5.6 0',
  restore: 'M2.7 6.6A5.5 5.5 0 1 1 2.6 9.4M2.5 3v3.7h3.7M8 5.2v3.1l2.1 1.3',
  again: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.6 1.6v3.2h-3.2',
  compare: 'M2 3h5v10H2V3ZM9 3h5v10H9V3ZM3.6 6h1.8M3.6 8.5h1.8M10.6 6h1.8M11.5 5.1v1.8M10.6 10h1.8',
  verify: 'M8 1.6 2.9 3.5v4c0 3.3 2.1 5.7 5.1 6.9 3-1.2 5.1-3.6 5.1-6.9v-4L8 1.6ZM5.6 7.9l1.8 1.8 3.2-3.5',
  statements: 'M3.2 1.8h6.3l3.3 3.3v9.1H3.2V1.8ZM9.3 2v3.3h3.3M5.6 8h4.8M5.6 11h4.8',
  reveal: 'M1.8 12.6V3.4h4.1l1.5 1.7h6.8v7.5H1.8ZM1.8 7.2h12.4',
  lock: 'M3.5 7.2h9v6.6h-9V7.2ZM5.5 7.2V4.9a2.5 2.5 0 0 1 5 0v2.3M8 9.7v1.8',
  info: 'M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM8 7.2v4M8 4.8v.7',
  warning: 'M8 2 1.6 13.5h12.8L8 2ZM8 6.4v3.7M8 11.3v.7',
  error: 'M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6',
  filter: 'M2 3.2h12L9.4 8.6v4.2l-2.8 1V8.6L2 3.2Z',
  key: 'M10.4 9.2a3.4 3.4 0 1 0-3.2-2.3L2 12.1V14h2.2v-1.6h1.6v-1.6h1.5l1.3-1.3c.5.2 1.1.3 1.8.3v-.6ZM11.2 4.8h.1',
  link: 'M6.6 9.4a2.6 2.6 0 0 0 3.7 0l2.4-2.4A2.6 2.6 0 0 0 9 3.3l-.8.8M9.4 6.6a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 0 0 7 12.7l.8-.8',
  find: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3l3.7 3.7',
  ascending: 'M8 13V3.5M4 7.2 8 3l4 4.2',
  descending: 'M8 3v9.5M4 8.8 8 13l4-4.2',
  up: 'M8 13V3.5M4 7.2 8 3l4 4.2',
  down: 'M8 3v9.5M4 8.8 8 13l4-4.2',
  previous: 'M10 3.5 5.5 8l4.5 4.5',
  next: 'M6 3.5 10.5 8 6 12.5',
  value: 'M1.8 3h12.4v10H1.8V3ZM1.8 9h12.4',
  copy: 'M5.5 5.5V2.2h8.3v8.3h-3.3M2.2 5.5h8.3v8.3H2.2V5.5Z',
  close: 'm4 4 8 8M12 4l-8 8',
};

/** @typedef {keyof typeof icons} IconName */

const svg = 'http://www.w3.org/2000/svg';

/**
 * @param {IconName} name
 * @param {string} [label] its meaning, if no text beside it says so
 */
export function icon(name, label) {
  const drawing = document.createElementNS(svg, 'svg');
  drawing.setAttribute('viewBox', '0 0 16 16');
  drawing.setAttribute('class', 'icon');
  if (label === undefined) drawing.setAttribute('aria-hidden', 'true');
  else {
    drawing.setAttribute('role', 'img');
    const title = document.createElementNS(svg, 'title');
    title.textContent = label;
    drawing.append(title);
  }
  const path = document.createElementNS(svg, 'path');
  path.setAttribute('d', icons[name]);
  drawing.append(path);
  return drawing;
}

/**
 * A button that keeps the focus while it is disabled (`aria-disabled`).
 *
 * @param {{ text?: string, icon?: IconName, tooltip?: string, class?: string, onClick: () => void }} options
 */
export function button({ text, icon: iconName, tooltip, class: kind, onClick }) {
  const made = element(
    'button',
    {
      type: 'button',
      class: kind ?? (text === undefined ? 'icon-button' : 'button'),
      title: tooltip,
      'aria-label': text === undefined ? tooltip : undefined,
      on: { click: () => made.getAttribute('aria-disabled') !== 'true' && onClick() },
    },
    iconName && icon(iconName),
    text !== undefined && element('span', {}, text),
  );
  return made;
}

/**
 * @param {HTMLElement} target
 * @param {boolean} enabled
 */
export function setEnabled(target, enabled) {
  target.setAttribute('aria-disabled', String(!enabled));
}

/**
 * Shows an error in place of the result.
 *
 * @param {import('./format.js').Format} format
 * @param {string} title
 * @param {import('../../src/ui/viewer/viewModel.ts').Problem} problem
 * @param {() => void} [retry]
 */
export function failure({ texts }, title, problem, retry) {
  return element(
    'div',
    { class: 'failure', role: 'alert' },
    icon('error'),
    element(
      'div',
      {},
      element('strong', {}, title),
      element('p', { dir: 'auto' }, problem.message),
      problem.entry !== undefined && element('p', { class: 'dim' }, fill(texts.inEntry, problem.entry)),
      problem.next !== undefined && element('p', {}, problem.next),
      retry && button({ text: texts.retry, class: 'button secondary', onClick: retry }),
    ),
  );
}

/**
 * A button that copies a text to the clipboard and confirms it.
 *
 * @param {import('./format.js').Format} format
 * @param {() => string} text
 */
export function copyButton({ texts }, text) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const label = element('span', { 'aria-live': 'polite' }, texts.copy);
  /** @param {string} result */
  const showResult = (result) => {
    label.textContent = result;
    clearTimeout(timer);
    timer = setTimeout(() => (label.textContent = texts.copy), 1500);
  };
  return element(
    'button',
    {
      type: 'button',
      class: 'quiet-button',
      on: {
        click: () =>
          navigator.clipboard.writeText(text()).then(
            () => showResult(texts.copied),
            () => showResult(texts.notCopied),
          ),
      },
    },
    icon('copy'),
    label,
  );
}

const invisible = /(\r\n|[\p{Cc}\u2028-\u202e\u2066-\u2069])/gu;

/**
 * A text in which line breaks, invisible characters and direction marks are shown as symbols.
 *
 * @param {string} text
 */
export function visible(text) {
  return text
    .split(invisible)
    .map((part, index) => (index % 2 === 0 ? part : element('span', { class: 'sign' }, signOf(part))));
}

/**
 * The same without the colour of the symbols.
 *
 * @param {string} text
 */
export function visibleText(text) {
  return text.replace(invisible, signOf);
}

/** @param {string} character */
function signOf(character) {
  const code = character.charCodeAt(0);
  if (/[\r\n\u2028\u2029]/.test(character)) return '↵';
  if (character === '\t') return '→';
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}
