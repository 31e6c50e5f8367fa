/* global document, getComputedStyle */
import { isChange, shownText } from './cells.js';
import { visibleText } from './dom.js';

/** @typedef {import('./cells.js').Cell} Cell */
/** @typedef {import('./cells.js').GridValue} GridValue */
/** @typedef {import('./grid.js').GridColumn} GridColumn */

/** The widest that a value, each of two values, and a heading may be, in digits. */
const [valueDigits, changeDigits, headingDigits] = [48, 36, 40];
/** How wide a value stays where it is made narrower to bring all columns into view, in digits. */
const leastDigits = 16;
/** What viewer.css adds to a text, in pixels: padding and border of a cell, an icon, a checkbox, the frame of a change. */
const [cellFrame, iconWidth, checkboxWidth, changeFrame] = [25, 18, 21, 6];
const smallFont = 11;

/** The widths of a grid's columns, known before any of them is drawn. All in pixels. */
export class ColumnLayout {
  /** Where each column begins, and where the last one ends. */
  #edges = [0];
  /** How wide each column would be, and how wide it is at least. */
  #widths;
  #fittedTo = Infinity;
  #frozen;
  /** The width of the rows' numbers, which come before the columns. */
  numberWidth;

  /**
   * @param {readonly GridColumn[]} columns
   * @param {readonly (readonly GridValue[])[]} rows
   * @param {string} widestNumber of a row
   * @param {boolean} checkable
   */
  constructor(columns, rows, widestNumber, checkable) {
    const ruler = new Ruler();
    const digits = ruler.width('small', widestNumber.replace(/\d/g, '0'));
    this.numberWidth = Math.ceil(digits) + cellFrame + (checkable ? checkboxWidth : 0);
    this.#widths = columns.map((column, place) => ruler.columnWidths(column, rows, place));
    this.#place(Infinity);
    const others = columns.findIndex(({ frozen }) => !frozen);
    this.#frozen = others < 0 ? columns.length : others;
  }

  /**
   * Makes long values narrower if that brings all columns into view. Whether any width has changed.
   *
   * @param {number} viewWidth
   */
  fit(viewWidth) {
    if (viewWidth === this.#fittedTo) return false;
    this.#fittedTo = viewWidth;
    const before = this.#edges.join();
    this.#place(0);
    const fits = this.total <= viewWidth;
    // The widest limit with which all columns are in view; none if they never are.
    let [low, high] = [0, viewWidth];
    this.#place(Infinity);
    if (fits && this.total > viewWidth) {
      while (high - low > 1) {
        const middle = Math.round((low + high) / 2);
        this.#place(middle);
        if (this.total <= viewWidth) low = middle;
        else high = middle;
      }
      this.#place(low);
    }
    return this.#edges.join() !== before;
  }

  /** @param {number} limit of a column that can be narrower */
  #place(limit) {
    let left = this.numberWidth;
    this.#edges = [left];
    for (const { wanted, least } of this.#widths) {
      left += Math.min(wanted, Math.max(least, limit));
      this.#edges.push(left);
    }
  }

  /** The width of all columns. */
  get total() {
    return this.left(this.#edges.length - 1);
  }

  /** @param {number} place */
  left(place) {
    return this.#edges[place] ?? 0;
  }

  /** @param {number} place */
  width(place) {
    return this.left(place + 1) - this.left(place);
  }

  /**
   * How many columns stay in view: those of the key, as long as they leave half of the view to the others.
   *
   * @param {number} viewWidth
   */
  frozenIn(viewWidth) {
    let count = 0;
    while (count < this.#frozen && this.left(count + 1) <= viewWidth / 2) count++;
    return count;
  }

  /**
   * The first column that ends, and the last one that begins, between two edges.
   *
   * @param {number} left
   * @param {number} right
   */
  between(left, right) {
    const last = this.#edges.length - 2;
    return { first: Math.min(this.#columnAt(left), last), last: Math.min(this.#columnAt(right), last) };
  }

  /** @param {number} x */
  #columnAt(x) {
    let [low, high] = [0, this.#edges.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.left(middle) <= x) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Measures texts in the page's fonts. */
class Ruler {
  #context = /** @type {CanvasRenderingContext2D} */ (document.createElement('canvas').getContext('2d'));
  #fonts;
  #digit;
  /** The widest of the usual characters. */
  #widest;

  constructor() {
    const { fontFamily, fontSize, fontWeight } = getComputedStyle(document.body);
    const mono = getComputedStyle(document.documentElement).getPropertyValue('--mono');
    this.#fonts = {
      value: `${fontWeight} ${fontSize} ${mono || 'monospace'}`,
      heading: `600 ${fontSize} ${fontFamily}`,
      small: `${fontWeight} ${smallFont}px ${fontFamily}`,
    };
    this.#digit = { value: this.width('value', '0'), heading: this.width('heading', '0') };
    this.#widest = Math.max(...['0', 'W', 'm', '@'].map((one) => this.width('value', one)));
  }

  /**
   * @param {'value' | 'heading' | 'small'} font
   * @param {string} text
   */
  width(font, text) {
    this.#context.font = this.#fonts[font];
    return this.#context.measureText(text).width;
  }

  /**
   * @param {GridColumn} column
   * @param {readonly (readonly GridValue[])[]} rows
   * @param {number} place of the column
   */
  columnWidths(column, rows, place) {
    const heading = this.#headingWidth(column);
    const { single, change } = this.#widestValues(rows, place);
    const least = Math.max(heading, change, Math.min(single, leastDigits * this.#digit.value));
    return {
      wanted: Math.ceil(Math.max(heading, single, change)) + cellFrame,
      least: Math.ceil(least) + cellFrame,
    };
  }

  /** @param {GridColumn} column */
  #headingWidth({ name, type = '', isKey, references = [], sortable }) {
    const icons = [isKey, references.length > 0, sortable].filter(Boolean).length * iconWidth;
    const longest = headingDigits * this.#digit.heading;
    const named = this.width('heading', visibleText(name)) + icons;
    return Math.min(longest, Math.max(named, this.width('small', visibleText(type))));
  }

  /**
   * @param {readonly (readonly GridValue[])[]} rows
   * @param {number} place of the column
   */
  #widestValues(rows, place) {
    const digit = this.#digit.value;
    let [single, change] = [0, 0];
    for (const row of rows) {
      const value = row[place];
      if (value === undefined) continue;
      if (isChange(value)) {
        const sides = [value.before, value.after].map((side) => this.#longer(side, 0, changeDigits * digit));
        change = Math.max(
          change,
          sides.reduce((sum, side) => sum + side + changeFrame, 0),
        );
      } else single = this.#longer(value, single, valueDigits * digit);
    }
    // The arrow is a digit wide, and has room around it.
    return { single, change: change && change + this.width('value', '→') + 10 };
  }

  /**
   * The width of a value, or the width that is known if that is more.
   *
   * @param {Cell} value
   * @param {number} known
   * @param {number} limit
   */
  #longer(value, known, limit) {
    if (known >= limit) return limit;
    const text = shownText(value);
    const usual = /^[ -~]*$/.test(text);
    if (usual && text.length * this.#widest <= known) return known;
    return Math.min(limit, Math.max(known, this.width('value', text)));
  }
}
