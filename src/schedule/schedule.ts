import { Cron } from 'croner';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { RetentionPolicy } from './retention.ts';

/** When a connection is backed up. */
export type Schedule = Timing & {
  /** As it is written in the settings. */
  readonly text: string;
  /** A run takes no backup if the database has not changed since the last one. */
  readonly skipUnchanged: boolean;
  /** Which backups stay after a new one was verified; all of them if left out. */
  readonly retention?: RetentionPolicy;
};

export type Timing =
  /** So long after the last run. */
  | { readonly kind: 'every'; readonly milliseconds: number }
  /** At these times of the local clock, as a cron expression of five fields. */
  | { readonly kind: 'calendar'; readonly cron: string };

/** What is known of the runs so far, in milliseconds since 1970. */
export interface RunTimes {
  /** When this schedule was seen first. Times before it were not missed. */
  readonly since: number;
  readonly lastRun?: number;
}

export const scheduleExamples = [
  'every 30 minutes',
  'every 2 hours',
  'daily 03:00',
  'weekly mon 03:00',
  '0 3 * * 1-5',
] as const;

const minute = 60_000;
const units: Readonly<Record<string, number>> = { minute, hour: 60 * minute, day: 24 * 60 * minute };
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** Two clocks may differ by so much, and a clock may be set back by so much, without a consequence. */
const clockTolerance = minute;

/**
 * Reads the property `schedule` of a connection: a text, or an object
 * `{ "when": text, "skipUnchanged": false, "retention": { "keepLast": 10, "keepDaily": 7 } }`.
 * Throws `usage`, which names the connection and the value, and gives examples.
 */
export function parseSchedule(value: unknown, connection: string): Schedule {
  try {
    const { when, ...others } = partsOf(value);
    return { ...parseTiming(when), text: when.trim().replace(/\s+/g, ' '), ...others };
  } catch (error) {
    const shown = JSON.stringify(value) ?? String(value);
    const short = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
    throw new RestorePointError(
      'usage',
      `The schedule ${short} of the connection "${connection}" cannot be used: ${messageOf(error)}`,
      {
        place: { setting: `restorePoint.connections "${connection}"` },
        unchanged: 'This connection is not backed up on a schedule.',
        next: `Examples: ${scheduleExamples.map((text) => `"${text}"`).join(', ')}.`,
        cause: error,
      },
    );
  }
}

function partsOf(value: unknown): { when: string } & Pick<Schedule, 'skipUnchanged' | 'retention'> {
  if (typeof value === 'string') return { when: value, skipUnchanged: true };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('it must be a string or an object');
  }
  const { when, skipUnchanged = true, retention, ...others } = value as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`it has an unknown property "${unknown}"`);
  if (typeof when !== 'string') throw new Error('"when" must be a string');
  if (typeof skipUnchanged !== 'boolean') throw new Error('"skipUnchanged" must be true or false');
  return { when, skipUnchanged, ...(retention === undefined ? {} : { retention: policyOf(retention) }) };
}

const rules = ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly'] as const;

function policyOf(retention: unknown): RetentionPolicy {
  const names = rules.map((name) => `"${name}"`).join(', ');
  if (typeof retention !== 'object' || retention === null || Array.isArray(retention)) {
    throw new Error(`"retention" must be an object with some of ${names}`);
  }
  const given = Object.entries(retention as Readonly<Record<string, unknown>>);
  for (const [name, count] of given) {
    if (!rules.some((rule) => rule === name))
      throw new Error(`"retention" may only have ${names}, not "${name}"`);
    if (!Number.isSafeInteger(count) || Number(count) < 1)
      throw new Error(`"${name}" must be a whole number of at least 1`);
  }
  if (given.length === 0) throw new Error(`"retention" needs at least one of ${names}`);
  return retention;
}

/** Throws an error that says what is wrong. */
function parseTiming(text: string): Timing {
  const words = text.trim().toLowerCase().split(/\s+/);
  switch (words[0]) {
    case '':
      throw new Error('it is empty');
    case 'every':
      return { kind: 'every', milliseconds: intervalOf(words.slice(1)) };
    case 'daily':
      return calendar(`${timeOf(words.slice(1))} * * *`);
    case 'weekly': {
      const day = daysOf(words[1]);
      return calendar(`${timeOf(words.slice(2))} * * ${day}`);
    }
    default:
      return calendar(cronOf(words));
  }
}

function intervalOf(words: readonly string[]): number {
  const [, count = '1', unit = ''] = /^(?:(\d+) ?)?([a-z]+)$/.exec(words.join(' ')) ?? [];
  const length = units[unit.replace(/s$/, '')];
  if (length === undefined) throw new Error('"every" must be followed by a number of minutes, hours or days');
  const milliseconds = Number(count) * length;
  if (milliseconds < minute) throw new Error('the shortest interval is 1 minute');
  if (milliseconds > 366 * units['day']!) throw new Error('the longest interval is 366 days');
  return milliseconds;
}

/** `30 3` for 03:30: the first two fields of a cron expression. */
function timeOf(words: readonly string[]): string {
  const [, hour, minutes] = /^(?:at )?(\d{1,2}):(\d\d)$/.exec(words.join(' ')) ?? [];
  if (hour === undefined || Number(hour) > 23 || Number(minutes) > 59) {
    throw new Error('it needs a time between 00:00 and 23:59');
  }
  return `${Number(minutes)} ${Number(hour)}`;
}

function daysOf(text = ''): string {
  const numbers = text.split(',').map((name) => Math.max(days.indexOf(name), dayNames.indexOf(name)));
  if (numbers.includes(-1))
    throw new Error(`"weekly" must be followed by a day (${days.join(', ')}) and a time`);
  return numbers.join(',');
}

function cronOf(words: readonly string[]): string {
  if (words.length !== 5) {
    throw new Error('it must be "every …", "daily …", "weekly …" or a cron expression of 5 fields');
  }
  return words.join(' ');
}

function calendar(cron: string): Timing {
  let first: Date | null;
  try {
    first = new Cron(cron, { mode: '5-part' }).nextRun();
  } catch (error) {
    const reason = messageOf(error).replace(/^CronPattern: /, '');
    throw new Error(`it is not a valid cron expression (${reason})`, { cause: error });
  }
  if (!first) throw new Error('that date does not exist');
  return { kind: 'calendar', cron };
}

/**
 * When the next run is due: a time that has passed if one was missed, and it is due once, however many were missed.
 * An interval counts from the last run, and without one it is due at once. A run that is in the future shows that the
 * clock was set back: the next one is due at once, and from then on the times are right again.
 */
export function dueTime(
  schedule: Timing,
  { since, lastRun }: RunTimes,
  now: number,
  timeZone?: string,
): number {
  const last = Math.max(since, lastRun ?? since);
  if (last > now + clockTolerance) return now;
  if (schedule.kind === 'every') return lastRun === undefined ? since : lastRun + schedule.milliseconds;
  return nextOf(schedule.cron, last, timeZone);
}

/** The times of the next runs, if each of them runs when it is due. */
export function nextRuns(
  schedule: Timing,
  times: RunTimes,
  now: number,
  count: number,
  timeZone?: string,
): number[] {
  const runs = [Math.max(now, dueTime(schedule, times, now, timeZone))];
  while (runs.length < count) {
    const lastRun = runs.at(-1)!;
    runs.push(dueTime(schedule, { since: times.since, lastRun }, lastRun, timeZone));
  }
  return runs;
}

function nextOf(cron: string, after: number, timeZone: string | undefined): number {
  const options = { mode: '5-part' as const, ...(timeZone === undefined ? {} : { timezone: timeZone }) };
  // There is one: `calendar` has looked.
  return new Cron(cron, options).nextRun(new Date(after))?.getTime() ?? Infinity;
}
