import { formatBytes, formatCount, formatDuration, formatQuantity } from './format.ts';
import { formatTableName } from './names.ts';
import { phaseTitles, type Phase, type ProgressEvent } from './progress.ts';

/** Where the work stands, in words and as a number. */
export interface ProgressState {
  /** What is being done: `Reading orders (3 of 5)`. */
  readonly title: string;
  /** How far and how fast: `12,000 rows · 34 MB/s · 12 s left`; empty while nothing is known. */
  readonly detail: string;
  /** Of the phase, from 0 to 1; left out where no total is known. */
  readonly fraction?: number;
}

/** Milliseconds that a rate looks back on: long enough to be calm, short enough to follow. */
const rateWindow = 5000;
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
  #phase: Phase | undefined;
  #phaseBegan = 0;
  #fraction = 0;
  #samples: Sample[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  update(event: ProgressEvent): ProgressState {
    const time = this.#now();
    if (event.phase !== this.#phase) this.#begin(event.phase, time);
    const bytesPerSecond = this.#rate(event.bytes, time);
    const fraction = this.#advance(fractionOf(event));
    const secondsLeft = this.#forecast(fraction, time);
    const details: string[] = [];
    if (event.rows) details.push(formatQuantity(event.rows, 'row'));
    if (bytesPerSecond) details.push(`${formatBytes(bytesPerSecond)}/s`);
    if (secondsLeft !== undefined && secondsLeft >= 1)
      details.push(`${formatDuration(secondsLeft * 1000)} left`);
    return {
      title: titleOf(event),
      detail: details.join(' · '),
      ...(fraction === undefined ? {} : { fraction }),
    };
  }

  #begin(phase: Phase, time: number): void {
    this.#phase = phase;
    this.#phaseBegan = time;
    this.#fraction = 0;
    this.#samples = [];
  }

  #rate(bytes: number | undefined, time: number): number | undefined {
    if (bytes === undefined) return undefined;
    const last = this.#samples.at(-1);
    // A count that starts over belongs to something else.
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ time, bytes });
    while (this.#samples.length > 2 && time - this.#samples[1]!.time >= rateWindow) this.#samples.shift();
    const first = this.#samples[0]!;
    // The phase began with nothing done.
    const since = this.#samples.length === 1 ? { time: this.#phaseBegan, bytes: 0 } : first;
    const seconds = (time - since.time) / 1000;
    return seconds < 0.5 ? undefined : (bytes - since.bytes) / seconds;
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

function fractionOf(event: ProgressEvent): number | undefined {
  const { fraction, bytes, totalBytes, rows, totalRows, tableNumber, tableCount } = event;
  if (fraction !== undefined) return fraction;
  const part =
    bytes !== undefined && totalBytes ? bytes / totalBytes : totalRows && rows ? rows / totalRows : undefined;
  if (tableNumber === undefined || !tableCount) return part;
  return (tableNumber - 1 + Math.min(1, part ?? 0)) / tableCount;
}

function titleOf({ phase, table, tableNumber, tableCount }: ProgressEvent): string {
  if (!table) return phaseTitles[phase];
  const place =
    tableNumber && tableCount ? ` (${formatCount(tableNumber)} of ${formatCount(tableCount)})` : '';
  return `${phaseTitles[phase]} ${formatTableName(table)}${place}`;
}
