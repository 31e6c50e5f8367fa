import { formatBytes, formatCount, formatDuration, formatQuantity } from './format.ts';
import { formatTableName, sameTable } from './names.ts';
import { phaseTitles, type ProgressEvent } from './progress.ts';

/** The progress of the work, in words and as a number. */
export interface ProgressState {
  /** The current step: `Reading table 3 of 5: orders`. */
  readonly title: string;
  /** How far and how fast: `12,000 of 50,000 rows · 34 MB/s · 12 s left`; empty while nothing is known. */
  readonly detail: string;
  /** The fraction of the phase that is done, from 0 to 1; absent if the total is unknown. */
  readonly fraction?: number;
}

/** Milliseconds that a rate looks back on: long enough to be calm, short enough to follow. */
const rateWindow = 5000;
/** Seconds below which a rate is noise. */
const shortestRate = 0.5;
/** Before these, a forecast would be a guess. */
const forecastAfterMilliseconds = 2000;
const forecastAfterFraction = 0.02;

interface Sample {
  readonly time: number;
  readonly bytes: number;
}

/** Turns progress events into states. One meter for one piece of work; `now` gives milliseconds. */
export class ProgressMeter {
  readonly #now: () => number;
  #last: ProgressEvent | undefined;
  #phaseBegan = 0;
  #fraction = 0;
  /** Bytes of the tables of this phase that came before. */
  #bytesBefore = 0;
  #samples: Sample[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  update(reported: ProgressEvent): ProgressState {
    const time = this.#now();
    if (reported.phase !== this.#last?.phase) this.#begin(time);
    const event = this.#placed(reported);
    const bytesPerSecond = this.#rate(event, time);
    const fraction = this.#advance(fractionOf(event));
    const secondsLeft = this.#forecast(fraction, time);
    this.#last = event;
    const details = [
      amountOf(event),
      bytesPerSecond ? `${formatBytes(bytesPerSecond)}/s` : '',
      secondsLeft !== undefined && secondsLeft >= 1 ? `${formatDuration(secondsLeft * 1000)} left` : '',
    ];
    return {
      title: titleOf(event),
      detail: details.filter((detail) => detail !== '').join(' · '),
      ...(fraction === undefined ? {} : { fraction }),
    };
  }

  #begin(time: number): void {
    this.#last = undefined;
    this.#phaseBegan = time;
    this.#fraction = 0;
    this.#bytesBefore = 0;
    this.#samples = [{ time, bytes: 0 }];
  }

  /** The number of the table is reported once for each table, not with every step. */
  #placed(event: ProgressEvent): ProgressEvent {
    const { table, tableNumber, tableCount } = this.#last ?? {};
    const same = event.table && table && sameTable(event.table, table);
    if (!same || tableNumber === undefined || tableCount === undefined) return event;
    return { tableNumber, tableCount, ...event };
  }

  #rate(event: ProgressEvent, time: number): number | undefined {
    if (event.bytes === undefined) return undefined;
    // A count that starts over is that of another table.
    const before = this.#last?.bytes ?? 0;
    if (event.bytes < before) this.#bytesBefore += before;
    const bytes = this.#bytesBefore + event.bytes;
    this.#samples.push({ time, bytes });
    while (this.#samples.length > 2 && time - this.#samples[1]!.time >= rateWindow) this.#samples.shift();
    const first = this.#samples[0]!;
    const seconds = (time - first.time) / 1000;
    return seconds < shortestRate ? undefined : (bytes - first.bytes) / seconds;
  }

  /** A bar never goes back: estimated totals can be exceeded or corrected. */
  #advance(fraction: number | undefined): number | undefined {
    if (fraction === undefined) return undefined;
    this.#fraction = Math.max(this.#fraction, Math.min(1, fraction));
    return this.#fraction;
  }

  #forecast(fraction: number | undefined, time: number): number | undefined {
    const elapsed = time - this.#phaseBegan;
    if (fraction === undefined || fraction < forecastAfterFraction || elapsed < forecastAfterMilliseconds) {
      return undefined;
    }
    return ((elapsed / 1000) * (1 - fraction)) / fraction;
  }
}

/** Counts are those of the table where one is named; the tables before it are done. */
function fractionOf(event: ProgressEvent): number | undefined {
  if (event.fraction !== undefined) return event.fraction;
  const share = shareOf(event);
  const { table, tableNumber, tableCount } = event;
  if (!table) return share;
  return tableNumber && tableCount ? (tableNumber - 1 + (share ?? 0)) / tableCount : share;
}

function shareOf({ bytes, totalBytes, rows, totalRows }: ProgressEvent): number | undefined {
  if (bytes !== undefined && totalBytes) return Math.min(1, bytes / totalBytes);
  if (rows !== undefined && totalRows) return Math.min(1, rows / totalRows);
  return undefined;
}

function titleOf({ phase, table, tableNumber, tableCount }: ProgressEvent): string {
  if (!table) return phaseTitles[phase];
  const place =
    tableNumber && tableCount ? `table ${formatCount(tableNumber)} of ${formatCount(tableCount)}: ` : '';
  return `${phaseTitles[phase]} ${place}${formatTableName(table)}`;
}

/** Rows where they are counted, else bytes. */
function amountOf({ rows, totalRows, bytes, totalBytes }: ProgressEvent): string {
  if (rows !== undefined) {
    // Totals are estimates for some databases.
    return totalRows && totalRows >= rows
      ? `${formatCount(rows)} of ${formatQuantity(totalRows, 'row')}`
      : formatQuantity(rows, 'row');
  }
  if (!bytes) return '';
  return totalBytes && totalBytes >= bytes
    ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
    : formatBytes(bytes);
}
