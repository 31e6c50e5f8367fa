/** A field of a cron expression: its numbers, or undefined for all of them. */
type Field = readonly number[] | undefined;

/** The parts of a cron expression of five fields. */
export interface CronFields {
  readonly minutes: Field;
  readonly hours: Field;
  readonly daysOfMonth: Field;
  readonly months: Field;
  /** 0 is Sunday. */
  readonly daysOfWeek: Field;
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Undefined for an expression that not every cron knows: with `L`, `W`, `#` or `?`. The expression is valid otherwise. */
export function cronFields(cron: string): CronFields | undefined {
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = cron.split(' ').map((text, index) => {
    const names = { 3: monthNames, 4: dayNames }[index] ?? [];
    const [first, last] = (
      [
        [0, 59],
        [0, 23],
        [1, 31],
        [1, 12],
        [0, 7],
      ] as const
    )[index]!;
    return fieldOf(text, first, last, (name) => names.indexOf(name) + (index === 3 ? 1 : 0));
  });
  const all = [minutes, hours, daysOfMonth, months, daysOfWeek];
  if (all.includes('unknown')) return undefined;
  const [m, h, dom, mon, dow] = all as Field[];
  const days = dow && [...new Set(dow.map((day) => day % 7))].sort((a, b) => a - b);
  return { minutes: m, hours: h, daysOfMonth: dom, months: mon, daysOfWeek: days };
}

function fieldOf(
  text: string,
  first: number,
  last: number,
  named: (name: string) => number,
): Field | 'unknown' {
  if (text === '*') return undefined;
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const found = /^(?:\*|(\d+|[a-z]{3})(?:-(\d+|[a-z]{3}))?)(?:\/(\d+))?$/.exec(part);
    if (!found) return 'unknown';
    const [, from, to, step] = found;
    const number = (word: string): number => (/^\d/.test(word) ? Number(word) : named(word));
    const begin = from === undefined ? first : number(from);
    // `*` of the days of the week ends with Saturday; 7 is Sunday once more.
    const whole = last === 7 ? 6 : last;
    const end = to !== undefined ? number(to) : from === undefined || step !== undefined ? whole : begin;
    for (let value = begin; value <= end; value += Number(step ?? 1)) numbers.add(value);
  }
  return [...numbers].sort((a, b) => a - b);
}
