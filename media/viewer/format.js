/* global navigator */
/** @typedef {import('../../src/ui/viewer/texts.ts').ViewerTexts} ViewerTexts */

/** Numbers and times in the user's language. */
export class Format {
  /**
   * @param {ViewerTexts} texts
   * @param {string} locale of the texts, such as `de` or `pt-br`
   */
  constructor(texts, locale) {
    this.texts = texts;
    // The browser may know the region too, which decides the date format.
    const [language] = locale.split('-');
    const regional = navigator.languages.find((known) => known.split('-')[0] === language) ?? locale;
    this.numbers = new Intl.NumberFormat(regional);
    this.percents = new Intl.NumberFormat(regional, { style: 'percent' });
    this.dates = new Intl.DateTimeFormat(regional, { dateStyle: 'medium', timeStyle: 'short' });
    this.exactDates = new Intl.DateTimeFormat(regional, { dateStyle: 'full', timeStyle: 'long' });
    this.ages = new Intl.RelativeTimeFormat(regional, { numeric: 'auto' });
  }

  /** @param {number} value */
  number(value) {
    return this.numbers.format(value);
  }

  /** @param {number} fraction */
  percent(fraction) {
    return this.percents.format(fraction);
  }

  /**
   * @param {'tables' | 'rows' | 'characters'} what
   * @param {number} count
   */
  count(what, count) {
    return count === 1 ? this.texts[`${what}One`] : fill(this.texts[`${what}Many`], this.number(count));
  }

  /** @param {Date} time */
  age(time) {
    const seconds = (time.getTime() - Date.now()) / 1000;
    /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
    const units = [
      ['year', 31_557_600],
      ['month', 2_629_800],
      ['week', 604_800],
      ['day', 86_400],
      ['hour', 3600],
      ['minute', 60],
    ];
    const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
    const value = Math.trunc(seconds / length);
    return this.ages.format(unit === 'second' ? 0 : value, unit);
  }
}

/**
 * Fills in the placeholders `{0}`, `{1}` of a text.
 *
 * @param {string} text
 * @param {...string} values
 */
export function fill(text, ...values) {
  return text.replace(/\{(\d)\}/g, (place, index) => values[Number(index)] ?? place);
}
