import assert from 'node:assert/strict';
import { RestorePointError } from '../../src/core/errors.ts';
import { dueTime, nextRuns, parseSchedule, scheduleExamples } from '../../src/schedule/schedule.ts';

const at = (text: string): number => Date.parse(text);
const texts = (times: readonly number[]): string[] => times.map((time) => new Date(time).toISOString());
const zone = 'Europe/Berlin';
const minute = 60_000;

function timing(text: string) {
  const { text: _, skipUnchanged: __, ...found } = parseSchedule(text, 'shop');
  return found;
}

describe('schedules', () => {
  it('are read as they are written', () => {
    const cases: readonly (readonly [string, ReturnType<typeof timing>])[] = [
      ['every 30 minutes', { kind: 'every', milliseconds: 30 * minute }],
      ['every minute', { kind: 'every', milliseconds: minute }],
      ['  Every  2  Hours ', { kind: 'every', milliseconds: 120 * minute }],
      ['every 90minutes', { kind: 'every', milliseconds: 90 * minute }],
      ['every 1 day', { kind: 'every', milliseconds: 24 * 60 * minute }],
      ['daily 03:00', { kind: 'calendar', cron: '0 3 * * *' }],
      ['daily at 7:05', { kind: 'calendar', cron: '5 7 * * *' }],
      ['weekly mon 03:00', { kind: 'calendar', cron: '0 3 * * 1' }],
      ['weekly Sunday,thu at 23:59', { kind: 'calendar', cron: '59 23 * * 0,4' }],
      ['0 3 * * 1-5', { kind: 'calendar', cron: '0 3 * * 1-5' }],
      ['*/15 8-18 * * MON-FRI', { kind: 'calendar', cron: '*/15 8-18 * * mon-fri' }],
    ];
    for (const [text, expected] of cases) assert.deepEqual(timing(text), expected, text);
    for (const text of scheduleExamples) assert.equal(parseSchedule(text, 'shop').text, text);
    assert.equal(parseSchedule({ when: 'daily 03:00', skipUnchanged: false }, 'shop').skipUnchanged, false);
    assert.equal(parseSchedule({ when: 'daily 03:00' }, 'shop').skipUnchanged, true);
  });

  it('that are wrong are refused with the connection, the value and examples', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ['', /it is empty/],
      ['often', /it must be "every …"/],
      ['every 0 minutes', /the shortest interval is 1 minute/],
      ['every 30 seconds', /a number of minutes, hours or days/],
      ['every -1 hours', /a number of minutes, hours or days/],
      ['every 1.5 hours', /a number of minutes, hours or days/],
      ['every 9999999 days', /the longest interval is 366 days/],
      ['every', /a number of minutes, hours or days/],
      ['daily', /it needs a time/],
      ['daily 24:00', /it needs a time/],
      ['daily 3', /it needs a time/],
      ['daily 03:00 04:00', /it needs a time/],
      ['weekly 03:00', /"weekly" must be followed by a day/],
      ['weekly mon', /it needs a time/],
      ['weekly funday 03:00', /"weekly" must be followed by a day/],
      ['61 * * * *', /it is not a valid cron expression \(Invalid value for minute: 61\)/],
      ['0 3 30 2 *', /that date does not exist/],
      ['0 0 3 * * *', /or a cron expression of 5 fields/],
      [30, /it must be a string or an object/],
      [null, /it must be a string or an object/],
      [['daily 03:00'], /it must be a string or an object/],
      [{}, /"when" must be a string/],
      [{ when: 'daily 03:00', skipUnchanged: 'no' }, /"skipUnchanged" must be true or false/],
      [{ when: 'daily 03:00', keep: 3 }, /it has an unknown property "keep"/],
      [{ when: 'daily 03:00', retention: 3 }, /"retention" must be an object/],
      [{ when: 'daily 03:00', retention: {} }, /"retention" needs at least one of/],
      [
        { when: 'daily 03:00', retention: { keepLast: 0 } },
        /"keepLast" must be a whole number of at least 1/,
      ],
      [{ when: 'daily 03:00', retention: { last: 3 } }, /"retention" may only have .* not "last"/],
    ];
    for (const [value, reason] of wrong) {
      assert.throws(
        () => parseSchedule(value, 'shop'),
        (error) => {
          assert.ok(RestorePointError.is(error, 'usage'));
          assert.match(error.message, reason);
          assert.ok(error.message.includes(`The schedule ${JSON.stringify(value)} of the connection "shop"`));
          assert.match(error.details.next!, /"every 30 minutes", .*"daily 03:00"/);
          return true;
        },
        String(value),
      );
    }
  });

  it('with an interval count from the last run, and are due at once without one', () => {
    const every = timing('every 30 minutes');
    const since = at('2026-05-01T10:00Z');
    assert.equal(dueTime(every, { since }, at('2026-05-01T10:00Z')), since);
    const lastRun = at('2026-05-01T12:07Z');
    assert.equal(dueTime(every, { since, lastRun }, at('2026-05-01T12:10Z')), at('2026-05-01T12:37Z'));
    assert.deepEqual(texts(nextRuns(every, { since, lastRun }, at('2026-05-01T12:10Z'), 3)), [
      '2026-05-01T12:37:00.000Z',
      '2026-05-01T13:07:00.000Z',
      '2026-05-01T13:37:00.000Z',
    ]);
  });

  it('catch up once after sleep over several runs', () => {
    for (const text of ['every 1 hour', '0 * * * *', 'daily 03:00']) {
      const schedule = timing(text);
      const times = { since: at('2026-05-01T00:00Z'), lastRun: at('2026-05-01T01:00Z') };
      const now = at('2026-05-09T11:20Z');
      assert.ok(dueTime(schedule, times, now, 'UTC') <= now, text);
      const [first, second] = nextRuns(schedule, times, now, 2, 'UTC');
      assert.equal(first, now, text);
      assert.ok(second! > now + 30 * minute, text);
    }
  });

  it('by the calendar do not count times before they were set', () => {
    const times = { since: at('2026-05-01T12:00Z'), lastRun: at('2026-04-01T12:00Z') };
    const now = at('2026-05-01T12:00:30Z');
    assert.equal(dueTime(timing('daily 03:00'), times, now, 'UTC'), at('2026-05-02T03:00Z'));
  });

  it('run once a day over the change to summer time and back', () => {
    const runs = (from: string, text = 'daily 02:30'): string[] =>
      texts(nextRuns(timing(text), { since: at(from) }, at(from), 3, zone));
    // 02:30 is not there on 29 March: it runs when it would have been.
    assert.deepEqual(runs('2026-03-28T12:00Z'), [
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
      '2026-03-31T00:30:00.000Z',
    ]);
    // 02:30 is there twice on 25 October.
    assert.deepEqual(runs('2026-10-24T12:00Z'), [
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
      '2026-10-27T01:30:00.000Z',
    ]);
    // What runs each half hour does so on the long night as well.
    assert.deepEqual(runs('2026-10-25T00:30Z', '*/30 * * * *'), [
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ]);
  });

  it('are due at once when the clock was set back, and then in the usual way', () => {
    for (const text of ['every 1 hour', 'daily 03:00']) {
      const schedule = timing(text);
      const times = { since: at('2026-05-01T00:00Z'), lastRun: at('2027-05-01T03:00Z') };
      const now = at('2026-05-02T10:00Z');
      assert.equal(dueTime(schedule, times, now, 'UTC'), now, text);
      const after = dueTime(schedule, { ...times, lastRun: now }, now, 'UTC');
      assert.ok(after > now && after <= now + 24 * 60 * minute, text);
    }
    // A few seconds, as time servers set them, are no reason to run again.
    const lastRun = at('2026-05-01T03:00:00Z');
    const now = at('2026-05-01T02:59:50Z');
    const times = { since: at('2026-04-01T00:00Z'), lastRun };
    assert.equal(dueTime(timing('daily 03:00'), times, now, 'UTC'), at('2026-05-02T03:00Z'));
    assert.equal(dueTime(timing('every 1 hour'), times, now), at('2026-05-01T04:00Z'));
  });
});
