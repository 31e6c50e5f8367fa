import assert from 'node:assert/strict';
import { Cron } from 'croner';
import { cronFields } from '../../src/schedule/cronFields.ts';
import { parseSchedule } from '../../src/schedule/schedule.ts';
import { asCron, type UnitOptions, unitText } from '../../src/schedule/units.ts';

function options(schedule: string, more: Partial<UnitOptions> = {}): UnitOptions {
  return {
    ...{ schedule: parseSchedule(schedule, 'shop'), connection: 'shop', name: 'shop', node: '/usr/bin/node' },
    ...{
      cli: '/opt/restore point/cli.js',
      folder: "/home/me/100% it's",
      out: '/home/me/$out',
      variables: [],
    },
    ...more,
  };
}

function linesOf(kind: 'cron' | 'systemd' | 'github', given: UnitOptions, beginning: string): string[] {
  return unitText(kind, given)
    .split('\n')
    .filter((line) => line.startsWith(beginning));
}

describe('what takes backups without VS Code', () => {
  it('has the schedule as every cron knows it', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['every 1 minute', '* * * * *'],
      ['every 30 minutes', '*/30 * * * *'],
      ['every 60 minutes', '0 * * * *'],
      ['every 6 hours', '0 */6 * * *'],
      ['every 1 day', '0 0 * * *'],
      ['weekly mon,thu 03:00', '0 3 * * 1,4'],
      ['0 3 1,15 * mon-fri', '0 3 1,15 * mon-fri'],
    ];
    for (const [text, cron] of cases) assert.equal(asCron(parseSchedule(text, 'shop')), cron);
    for (const text of ['every 7 hours', 'every 45 minutes', 'every 2 days', '0 3 L * *', '0 3 * * 5#2']) {
      assert.throws(() => asCron(parseSchedule(text, 'shop')), { code: 'usage' }, text);
    }
  });

  it('reads the fields of an expression as croner does', () => {
    for (const cron of [
      '*/7 1-23/2 * * *',
      '5 0 1,15 jan-mar *',
      '0 12 * * 5-7',
      '1,2,3 4 * 2-12/3 sun',
      '0 0 * * 0-6/2',
    ]) {
      const { minutes, hours, daysOfMonth, months, daysOfWeek } = cronFields(cron)!;
      const has = (field: readonly number[] | undefined, value: number): boolean =>
        field?.includes(value) ?? true;
      let expected = new Date(2026, 0, 1);
      const times: Date[] = [];
      for (let time = 0; time < 40; time++)
        times.push((expected = new Cron(cron, { mode: '5-part' }).nextRun(expected)!));
      const found: Date[] = [];
      const moment = new Date(2026, 0, 1);
      while (found.length < times.length) {
        moment.setMinutes(moment.getMinutes() + 1);
        const fits =
          has(minutes, moment.getMinutes()) &&
          has(hours, moment.getHours()) &&
          has(daysOfMonth, moment.getDate()) &&
          has(months, moment.getMonth() + 1) &&
          has(daysOfWeek, moment.getDay());
        if (fits) found.push(new Date(moment));
      }
      assert.deepEqual(found, times, cron);
    }
  });

  it('is a line of a crontab, with every word quoted', () => {
    assert.deepEqual(linesOf('cron', options('daily 03:00'), '0 '), [
      "0 3 * * * cd '/home/me/100\\% it'\\''s' && /usr/bin/node '/opt/restore point/cli.js' backup shop --out '/home/me/$out'",
    ]);
    assert.throws(() => unitText('cron', options('daily 03:00', { folder: '/a\nb' })), { code: 'usage' });
    for (const [connection, isFile] of [
      ['postgres://me@localhost/shop', false],
      ['sqlite:/shop.db', true],
    ] as const) {
      const text = unitText('cron', options('daily 03:00', { connection, isFile }));
      assert.equal(text.includes('pgpass'), !isFile, connection);
    }
  });

  it('is a service and a timer of systemd', () => {
    const given = options('daily 03:00', { variables: ['SHOP_PASSWORD'] });
    assert.deepEqual(linesOf('systemd', given, 'ExecStart'), [
      'ExecStart=/usr/bin/node "/opt/restore point/cli.js" backup shop --out "/home/me/$$out"',
    ]);
    assert.deepEqual(linesOf('systemd', given, 'WorkingDirectory'), ["WorkingDirectory=/home/me/100%% it's"]);
    assert.deepEqual(linesOf('systemd', given, 'EnvironmentFile'), [
      'EnvironmentFile=%h/.config/restore-point/shop.env',
    ]);
    const timers: readonly (readonly [string, readonly string[]])[] = [
      ['daily 03:00', ['OnCalendar=*-*-* 03:00:00']],
      ['every 30 minutes', ['OnCalendar=*-*-* *:00,30:00']],
      ['weekly sun 23:05', ['OnCalendar=Sun *-*-* 23:05:00']],
      ['0 3 1,15 * mon', ['OnCalendar=*-*-01,15 03:00:00', 'OnCalendar=Mon *-*-* 03:00:00']],
      ['every 7 hours', ['OnActiveSec=1min', 'OnUnitActiveSec=420min']],
    ];
    for (const [text, lines] of timers)
      assert.deepEqual(linesOf('systemd', options(text), 'On'), lines, text);
    assert.deepEqual(linesOf('systemd', given, 'Persistent'), ['Persistent=true']);
  });

  it('is a workflow that names secrets and holds none', () => {
    const text = unitText('github', options('daily 03:00', { out: 'backups', variables: ['SHOP_PASSWORD'] }));
    assert.match(text, /- cron: "0 3 \* \* \*"/);
    assert.match(text, /SHOP_PASSWORD: \$\{\{ secrets\.SHOP_PASSWORD \}\}/);
    assert.match(text, /run: "npx --no-install restore-point backup shop --out backups --trust-settings"/);
    const ofUrl = unitText(
      'github',
      options('daily 03:00', { connection: 'postgres://me@db.example.com/shop' }),
    );
    assert.ok(!ofUrl.includes('db.example.com'));
    assert.throws(() => unitText('github', options('every 1 minute')), { code: 'usage' });
    assert.throws(() => unitText('github', options('daily 03:00', { out: '${{ secrets.A }}' })), {
      code: 'usage',
    });
  });
});
