import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import {
  applyPolicy,
  isEmptyPolicy,
  type Decision,
  type Exemption,
  type KeepReason,
  type Retainable,
  type RetentionPolicy,
} from '../../src/schedule/retention.ts';
import { randomSource, type RandomSource } from '../support/randomSource.ts';

const now = new Date('2026-12-01T08:00:00Z');

/** A backup that is named after its time. */
function backup(time: string | number, changes: Partial<Retainable> = {}): Retainable {
  const date = new Date(typeof time === 'number' ? time * 1000 : time);
  const file = date.toISOString();
  return { file, time: date, series: 'shop', fingerprint: file, pinned: false, ...changes };
}

function kept(decisions: readonly Decision[]): string[] {
  return decisions.flatMap((one) => ('reasons' in one ? [one.backup.file] : [])).sort();
}

function reasonsFor(decisions: readonly Decision[], file: string): readonly KeepReason[] | undefined {
  const found = decisions.find((one) => one.backup.file === new Date(file).toISOString());
  return found && 'reasons' in found ? found.reasons : undefined;
}

/** Runs the work by the clock of this time zone. */
function inZone<Result>(zone: string, work: () => Result): Result {
  const before = process.env['TZ'];
  process.env['TZ'] = zone;
  try {
    return work();
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
}

describe('retention: what restic keeps of a year of backups', () => {
  const { zone, times, cases } = JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../fixtures/retention/restic.json'), 'utf8'),
  ) as {
    readonly zone: string;
    readonly times: readonly number[];
    readonly cases: readonly { readonly policy: RetentionPolicy; readonly kept: readonly number[] }[];
  };
  for (const one of cases) {
    it(`${JSON.stringify(one.policy)}: ${one.kept.length} of ${times.length}`, () => {
      const expected = one.kept.map((index) => backup(times[index]!).file);
      const backups = times.map((time) => backup(time));
      assert.deepEqual(
        inZone(zone, () => kept(applyPolicy(backups, one.policy, now))),
        expected,
      );
    });
  }
});

describe('retention: hours, days, weeks and months of a clock', () => {
  const buckets = (zone: string, policy: RetentionPolicy, times: readonly string[]): string[] =>
    inZone(zone, () =>
      applyPolicy(
        // The last one is the oldest, which a rule with places left keeps anyway.
        [...times, '2020-01-01T12:00:00Z'].map((time) => backup(time)),
        policy,
        now,
      )
        .slice(0, -1)
        .flatMap((one) => ('reasons' in one ? one.reasons : []))
        .flatMap((reason) => ('bucket' in reason ? [reason.bucket] : [])),
    );

  for (const [zone, policy, times, expected] of [
    // One moment is of different days in different places.
    ['UTC', { keepDaily: 9 }, ['2026-06-01T23:30:00Z', '2026-06-02T00:30:00Z'], ['2026-06-02', '2026-06-01']],
    ['Europe/Berlin', { keepDaily: 9 }, ['2026-06-01T23:30:00Z', '2026-06-02T00:30:00Z'], ['2026-06-02']],
    [
      'Asia/Kathmandu',
      { keepDaily: 9 },
      ['2026-06-01T18:14:00Z', '2026-06-01T18:16:00Z'],
      ['2026-06-02', '2026-06-01'],
    ],
    [
      'Pacific/Kiritimati',
      { keepMonthly: 9 },
      ['2026-06-30T09:59:00Z', '2026-06-30T10:01:00Z'],
      ['2026-07', '2026-06'],
    ],
    // Summer time begins: 01:30, then 03:30.
    [
      'Europe/Berlin',
      { keepHourly: 9 },
      ['2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z'],
      ['2026-03-29 03:00', '2026-03-29 01:00'],
    ],
    // Summer time ends: 02:30 twice.
    [
      'Europe/Berlin',
      { keepHourly: 9 },
      ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'],
      ['2026-10-25 02:00'],
    ],
    ['Europe/Berlin', { keepDaily: 9 }, ['2026-10-24T22:30:00Z', '2026-10-25T22:30:00Z'], ['2026-10-25']],
    [
      'America/St_Johns',
      { keepHourly: 9 },
      ['2026-06-01T02:29:00Z', '2026-06-01T02:31:00Z'],
      ['2026-06-01 00:00', '2026-05-31 23:00'],
    ],
    // Weeks of ISO 8601 at the ends of years.
    [
      'UTC',
      { keepWeekly: 9 },
      ['2024-12-29T12:00:00Z', '2024-12-30T12:00:00Z', '2025-01-05T23:59:00Z'],
      ['2025-W01', '2024-W52'],
    ],
    ['UTC', { keepWeekly: 9 }, ['2021-01-03T12:00:00Z', '2021-01-04T12:00:00Z'], ['2021-W01', '2020-W53']],
    ['UTC', { keepWeekly: 9 }, ['2023-01-01T12:00:00Z', '2023-01-02T00:00:00Z'], ['2023-W01', '2022-W52']],
  ] as const) {
    it(`${zone}, ${JSON.stringify(policy)}, ${times.join(' ')}: ${expected.join(', ')}`, () => {
      assert.deepEqual(buckets(zone, policy, times), expected);
    });
  }
});

describe('retention: what stays whatever the policy is', () => {
  const days = ['2026-11-30', '2026-11-29', '2026-11-28', '2026-11-27', '2026-11-26'].map(
    (day) => `${day}T12:00:00Z`,
  );
  const [first, second, third, fourth, fifth] = days as [string, string, string, string, string];
  const last = (changes: Readonly<Record<string, Partial<Retainable>>>, keepLast = 1): Decision[] =>
    applyPolicy(
      days.map((day) => backup(day, changes[day])),
      { keepLast },
      now,
    );
  const days5 = (...list: string[]): string[] => list.map((day) => new Date(day).toISOString()).sort();

  it('removes nothing when no rule keeps anything', () => {
    for (const policy of [{}, { keepLast: 0 }, { keepDaily: 0, keepMonthly: 0 }, { keepLast: Number.NaN }]) {
      assert.equal(isEmptyPolicy(policy), true);
      const decisions = applyPolicy(
        days.map((day) => backup(day)),
        policy,
        now,
      );
      assert.deepEqual(kept(decisions), days5(...days));
      assert.deepEqual(reasonsFor(decisions, first), [{ kind: 'noPolicy' }]);
    }
    assert.equal(isEmptyPolicy({ keepDaily: 1 }), false);
  });

  it('says why, and what takes the place of one that goes', () => {
    const decisions = inZone('UTC', () =>
      applyPolicy(
        days.map((day) => backup(day)),
        { keepLast: 1, keepDaily: 2 },
        now,
      ),
    );
    assert.deepEqual(reasonsFor(decisions, first), [
      { kind: 'lastGood' },
      { kind: 'last' },
      { kind: 'daily', bucket: '2026-11-30' },
    ]);
    assert.deepEqual(reasonsFor(decisions, second), [{ kind: 'daily', bucket: '2026-11-29' }]);
    const gone = decisions.flatMap((one) => ('successor' in one ? [one] : []));
    assert.deepEqual(
      gone.map(({ successor }) => successor.file),
      days5(second, second, second),
    );
  });

  it('a pin keeps a backup, and changes nothing for the others', () => {
    const decisions = last({ [fourth]: { pinned: true } }, 2);
    assert.deepEqual(kept(decisions), days5(first, second, fourth));
    assert.deepEqual(reasonsFor(decisions, fourth), [{ kind: 'pinned' }]);
    assert.deepEqual(kept(last({ [first]: { pinned: true } }, 2)), days5(first, second));
  });

  const exemptions: readonly Exemption[] = [
    { kind: 'safety' },
    { kind: 'foreign' },
    { kind: 'damaged', problem: 'its digest is wrong' },
    { kind: 'locked' },
    { kind: 'link' },
    { kind: 'otherDatabase' },
  ];
  for (const exemption of exemptions) {
    it(`a backup that is exempt (${exemption.kind}) stays, and does not count`, () => {
      const decisions = last({ [first]: { exemption }, [fourth]: { exemption, pinned: true } });
      assert.deepEqual(kept(decisions), days5(first, second, fourth));
      assert.deepEqual(reasonsFor(decisions, first), [exemption]);
      assert.deepEqual(reasonsFor(decisions, second), [{ kind: 'lastGood' }, { kind: 'last' }]);
      assert.deepEqual(reasonsFor(decisions, fourth), [{ kind: 'pinned' }, exemption]);
    });
  }

  it('a backup from the future stays, and does not count', () => {
    const decisions = applyPolicy(
      [...days, '2026-12-01T08:04:59Z', '2026-12-01T08:05:01Z', '2099-01-01T00:00:00Z'].map((time) =>
        backup(time),
      ),
      { keepLast: 1 },
      now,
    );
    assert.deepEqual(
      kept(decisions),
      days5('2026-12-01T08:04:59Z', '2026-12-01T08:05:01Z', '2099-01-01T00:00:00Z'),
    );
  });

  it('each series is counted by itself', () => {
    const decisions = last({ [first]: { series: 'orders of shop' }, [fifth]: { series: 'blog' } });
    assert.deepEqual(kept(decisions), days5(first, second, fifth));
  });

  it('copies of a backup count once, and share its pin', () => {
    const same = { fingerprint: 'same', time: new Date(second) };
    const changes: Record<string, Partial<Retainable>> = { [second]: same, [third]: same };
    assert.deepEqual(kept(last(changes, 2)), days5(first, second, third));
    assert.deepEqual(kept(last(changes, 1)), days5(first));
    const withPin = { ...changes, [third]: { ...same, pinned: true } };
    assert.deepEqual(kept(last(withPin, 1)), days5(first, second, third));
  });

  it('a rule with places left also keeps the oldest backup, as later versions of restic do', () => {
    const times = [
      '2026-11-30T12:00:00Z',
      '2026-11-29T12:00:00Z',
      '2026-11-29T11:00:00Z',
      '2026-11-29T10:00:00Z',
    ];
    const daily = (keepDaily: number): Decision[] =>
      inZone('UTC', () =>
        applyPolicy(
          times.map((time) => backup(time)),
          { keepDaily },
          now,
        ),
      );
    assert.deepEqual(kept(daily(3)), days5(times[0]!, times[1]!, times[3]!));
    assert.deepEqual(reasonsFor(daily(3), times[3]!), [
      { kind: 'daily', bucket: '2026-11-29', oldest: true },
    ]);
    assert.deepEqual(kept(daily(2)), days5(times[0]!, times[1]!));
  });

  it('one backup stays under every rule', () => {
    for (const rule of ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly'] as const) {
      assert.deepEqual(kept(applyPolicy([backup(first)], { [rule]: 1 }, now)), days5(first));
    }
  });
});

describe('retention: random backups and policies', () => {
  const exemptionKinds: readonly Exemption[] = [
    { kind: 'safety' },
    { kind: 'foreign' },
    { kind: 'damaged', problem: 'its digest is wrong' },
    { kind: 'locked' },
  ];

  function randomBackups(random: RandomSource): Retainable[] {
    const span = random.pick([3_600, 86_400, 40 * 86_400, 500 * 86_400]);
    return Array.from({ length: random.below(60) }, (_, index) => {
      // Copies of a backup have its time and its series.
      const copy = random.below(8) === 0 ? random.below(3) : undefined;
      const age = copy === undefined ? random.below(span) : Math.floor((span * copy) / 3);
      const seconds = now.getTime() / 1000 - age + (random.below(20) === 0 && copy === undefined ? span : 0);
      return backup(seconds, {
        file: `${index}`,
        fingerprint: copy === undefined ? `${index}` : `copy ${copy}`,
        series: copy === undefined ? random.pick(['shop', 'shop', 'shop', 'blog', 'orders of shop']) : 'shop',
        pinned: random.below(10) === 0,
        ...(random.below(5) === 0 ? { exemption: random.pick(exemptionKinds) } : {}),
      });
    });
  }

  function randomPolicy(random: RandomSource): RetentionPolicy {
    const policy: Record<string, number> = {};
    for (const rule of ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly'])
      if (random.below(2) === 0) policy[rule] = random.below(random.pick([2, 5, 30]));
    return policy;
  }

  /** The files of the newest backups of each series that can be restored. */
  function lastGood(backups: readonly Retainable[]): string[] {
    const usable = backups.filter(
      ({ exemption, time }) => !exemption && time.getTime() <= now.getTime() + 300_000,
    );
    return [...Map.groupBy(usable, ({ series }) => series).values()].map((series) => {
      const newest = Math.max(...series.map(({ time }) => time.getTime()));
      return series
        .filter(({ time }) => time.getTime() === newest)
        .sort((a, b) => (a.file < b.file ? -1 : 1))[0]!.file;
    });
  }

  it('never removes the last good backup, nor an exempt or pinned one; again removes no more; a rule more removes no more', () => {
    const random = randomSource('retention');
    let removals = 0;
    for (let round = 0; round < 3_000; round++) {
      const backups = randomBackups(random);
      const policy = randomPolicy(random);
      const decisions = applyPolicy(backups, policy, now);
      const text = `round ${round}: ${JSON.stringify(policy)}`;
      assert.equal(decisions.length, backups.length, text);
      const stay = new Set(kept(decisions));
      removals += backups.length - stay.size;
      for (const file of lastGood(backups))
        assert.ok(stay.has(file), `${text}: ${file} is the last good one`);
      for (const { file, exemption, pinned } of backups)
        if (exemption || pinned) assert.ok(stay.has(file), `${text}: ${file} is exempt or pinned`);
      for (const one of decisions) {
        if (!('successor' in one)) continue;
        const { backup: gone, successor } = one;
        assert.ok(stay.has(successor.file) && !successor.exemption, `${text}: ${gone.file} has a successor`);
        assert.ok(successor.time >= gone.time && successor.series === gone.series, text);
      }
      const left = backups.filter(({ file }) => stay.has(file));
      assert.deepEqual(kept(applyPolicy(left, policy, now)), [...stay].sort(), `${text}: a second time`);
      const more = { ...policy };
      const rule = random.pick(['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly'] as const);
      more[rule] = (policy[rule] ?? 0) + 1 + random.below(5);
      // An empty policy keeps all, so that the first rule is the first that removes.
      if (isEmptyPolicy(policy)) continue;
      const stayWithMore = new Set(kept(applyPolicy(backups, more, now)));
      for (const file of stay)
        assert.ok(stayWithMore.has(file), `${text}: ${file} stays with ${rule} ${more[rule]}`);
    }
    assert.ok(removals > 10_000, `only ${removals} were removed`);
  });
});
