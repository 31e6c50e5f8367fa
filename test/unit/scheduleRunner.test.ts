import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RestorePointError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/logger.ts';
import { type RunResult, type Scheduled, ScheduleRunner } from '../../src/schedule/runner.ts';
import { RunLock } from '../../src/schedule/runLock.ts';
import type { LastBackup } from '../../src/schedule/runRecord.ts';
import { parseSchedule } from '../../src/schedule/schedule.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const folder = useTemporaryFolder();

/** All of them are closed after each test, before its folder is removed. */
let windows: Window[] = [];

/** A window: a runner, and what it did. */
class Window {
  readonly runs: { readonly at: string; readonly last: LastBackup | undefined }[] = [];
  readonly told: string[] = [];
  readonly log: string[] = [];
  answer: (last: LastBackup | undefined) => Promise<RunResult> = () =>
    Promise.resolve({ kind: 'backedUp', file: '/backups/shop.dbbackup', sign: 'one' });
  scheduled: Scheduled;
  readonly runner: ScheduleRunner;
  readonly clock: FakeClock;

  constructor(clock: FakeClock, schedule: unknown) {
    windows.push(this);
    this.clock = clock;
    this.scheduled = scheduledBy(schedule);
    const note = (message: string): void => void this.log.push(message);
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    this.runner = new ScheduleRunner({
      ...{ clock, logger, stateFolder: folder.path },
      list: () => [this.scheduled],
      backUp: async (_, last) => {
        this.runs.push({ at: new Date(clock.now()).toISOString().slice(0, 16), last });
        return await this.answer(last);
      },
      tell: (_, { reason }) => this.told.push(reason),
      changed: () => undefined,
    });
  }

  get times(): string[] {
    return this.runs.map(({ at }) => at);
  }

  async at(time: string): Promise<void> {
    this.clock.set(time);
    await this.runner.look();
    await this.runner.idle();
  }
}

function scheduledBy(schedule: unknown): Scheduled {
  return {
    ...{ key: 'user shop', name: 'Shop', connection: 'shop', target: 'shop.db', folder: '/backups' },
    schedule: parseSchedule(schedule, 'shop'),
  };
}

function failing(reason: string): () => Promise<RunResult> {
  return () => Promise.reject(new RestorePointError('connection', reason));
}

describe('the schedule runner', () => {
  afterEach(async () => {
    for (const { runner } of windows) await runner.stop();
    windows = [];
  });

  it('runs at once, and then in its interval, by its own timers', async () => {
    const clock = new FakeClock('2026-05-01T10:00Z');
    const window = new Window(clock, 'every 1 hour');
    await window.at('2026-05-01T10:00Z');
    assert.deepEqual(window.times, ['2026-05-01T10:00']);
    while (clock.now() < Date.parse('2026-05-01T12:30Z')) {
      clock.set(clock.next);
      await window.runner.idle();
    }
    assert.deepEqual(window.times, ['2026-05-01T10:00', '2026-05-01T11:00', '2026-05-01T12:00']);
    await window.runner.stop();
    assert.equal(clock.next, Infinity);
  });

  it('catches up once after it slept over several runs, also in another window', async () => {
    const clock = new FakeClock('2026-05-01T10:00Z');
    const window = new Window(clock, 'every 1 hour');
    await window.at('2026-05-01T10:00Z');
    await window.at('2026-05-04T08:17Z');
    await window.at('2026-05-04T08:18Z');
    assert.deepEqual(window.times, ['2026-05-01T10:00', '2026-05-04T08:17']);
    await window.runner.stop();
    const later = new Window(clock, 'every 1 hour');
    await later.at('2026-05-04T09:16Z');
    assert.deepEqual(later.times, []);
    await later.at('2026-05-04T09:17Z');
    assert.deepEqual(later.times, ['2026-05-04T09:17']);
  });

  it('runs a calendar schedule first at its next time', async () => {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), '0 12 * * *');
    await window.at('2026-05-01T10:00Z');
    assert.deepEqual(window.times, []);
    assert.ok(window.runner.states[0]!.due > window.clock.now());
    await window.at('2026-05-03T23:00Z');
    assert.equal(window.times.length, 1);
  });

  it('runs once in two windows that are open at the same time', async () => {
    const clock = new FakeClock('2026-05-01T10:00Z');
    const [one, other] = [new Window(clock, 'every 1 hour'), new Window(clock, 'every 1 hour')];
    const slow = async (): Promise<RunResult> => {
      await delay(50);
      return { kind: 'backedUp', file: '/backups/shop.dbbackup' };
    };
    Object.assign(one, { answer: slow });
    Object.assign(other, { answer: slow });
    for (const time of ['2026-05-01T10:00Z', '2026-05-01T11:00Z', '2026-05-01T12:00Z']) {
      clock.set(time);
      await Promise.all([one, other].map(({ runner }) => runner.look()));
      await Promise.all([one, other].map(({ runner }) => runner.idle()));
    }
    assert.deepEqual([...one.times, ...other.times].sort(), [
      '2026-05-01T10:00',
      '2026-05-01T11:00',
      '2026-05-01T12:00',
    ]);
    // Each of them knows what the other one did.
    for (const { runner } of [one, other]) {
      await runner.look();
      assert.equal(runner.states[0]!.record.lastRun, clock.now());
      assert.equal(runner.states[0]!.overdue, false);
    }
  });

  it('tells of failures once, tries again less and less often, and recovers without a word', async () => {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 1 hour');
    window.answer = failing('The server does not answer');
    for (let minute = 0; minute < 120; minute++) {
      await window.at(new Date(Date.parse('2026-05-01T10:00Z') + minute * 60_000).toISOString());
    }
    assert.deepEqual(
      window.times.map((time) => time.slice(11)),
      ['10:00', '10:01', '10:06', '10:21', '10:51', '11:51'],
    );
    assert.deepEqual(window.told, ['The server does not answer.']);
    const [state] = window.runner.states;
    assert.equal(state!.record.failure!.attempts, 6);
    assert.equal(state!.overdue, true);
    // A new window has nothing to tell either.
    const other = new Window(new FakeClock('2026-05-01T12:00Z'), 'every 1 hour');
    other.answer = failing('The server does not answer');
    await other.at('2026-05-01T12:51Z');
    assert.deepEqual([other.times.length, other.told.length], [1, 0]);
    window.answer = () => Promise.resolve({ kind: 'backedUp', file: '/backups/shop.dbbackup' });
    await window.at('2026-05-01T13:51Z');
    assert.equal(window.runner.states[0]!.record.failure, undefined);
    assert.equal(window.runner.states[0]!.overdue, false);
    assert.equal(window.told.length, 1);
    // The next failure is another one.
    window.answer = failing('The disk is full');
    await window.at('2026-05-01T14:51Z');
    assert.deepEqual(window.told.slice(1), ['The disk is full.']);
  });

  it('tells of each failure that somebody asked for', async () => {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 1 hour');
    window.answer = failing('The server does not answer');
    await window.at('2026-05-01T10:00Z');
    await window.runner.retry('user shop');
    assert.equal(window.told.length, 2);
    window.answer = () => Promise.resolve({ kind: 'backedUp', file: '/backups/shop.dbbackup' });
    await window.runner.retry('user shop');
    assert.equal(window.runner.states[0]!.record.failure, undefined);
  });

  it('hands over the last backup, to be kept if nothing has changed, and notes that', async () => {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 1 hour');
    await window.at('2026-05-01T10:00Z');
    window.answer = () => Promise.resolve({ kind: 'unchanged' });
    await window.at('2026-05-01T11:00Z');
    assert.equal(window.runs[1]!.last!.sign, 'one');
    const { record } = window.runner.states[0]!;
    assert.equal(record.unchangedAt, Date.parse('2026-05-01T11:00Z'));
    assert.equal(record.lastBackup!.at, Date.parse('2026-05-01T10:00Z'));
    assert.ok(window.log.some((line) => line.startsWith('Shop has not changed since the backup of ')));
    window.answer = () => Promise.resolve({ kind: 'backedUp', file: '/backups/shop-2.dbbackup' });
    await window.at('2026-05-01T12:00Z');
    assert.equal(window.runner.states[0]!.record.unchangedAt, undefined);
    // Encrypted from now on, and the schedule that wants every backup: neither may be skipped.
    window.scheduled = { ...window.scheduled, encrypt: '"passphrase"' };
    await window.at('2026-05-01T13:00Z');
    assert.equal(window.runs[3]!.last, undefined);
    window.scheduled = scheduledBy({ when: 'every 1 hour', skipUnchanged: false });
    await window.at('2026-05-01T14:00Z');
    assert.equal(window.runs[4]!.last, undefined);
  });

  it('runs at once after the clock was set back, and then in the usual way', async () => {
    const window = new Window(new FakeClock('2027-05-01T10:00Z'), 'every 1 hour');
    await window.at('2027-05-01T10:00Z');
    await window.at('2026-05-01T10:00Z');
    await window.at('2026-05-01T10:10Z');
    await window.at('2026-05-01T11:00Z');
    assert.deepEqual(window.times, ['2027-05-01T10:00', '2026-05-01T10:00', '2026-05-01T11:00']);
  });

  it('a new schedule counts from when it is seen', async () => {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 7 days');
    await window.at('2026-05-01T10:00Z');
    window.scheduled = scheduledBy('0 0 * * *');
    await window.at('2026-05-05T12:00Z');
    assert.equal(window.times.length, 1);
    await window.at('2026-05-06T23:59Z');
    assert.equal(window.times.length, 2);
  });

  it('does not run again and again where it cannot note that it ran', async function () {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 1 hour');
    await window.at('2026-05-01T10:00Z');
    const schedules = folder.file('schedules');
    const file = path.join(
      schedules,
      (await readdir(schedules)).find((name) => name.endsWith('.json'))!,
    );
    await rm(file);
    await mkdir(file);
    await window.at('2026-05-01T11:00Z');
    await window.at('2026-05-01T11:01Z');
    await window.at('2026-05-01T11:02Z');
    assert.equal(window.times.length, 2);
    assert.equal(
      window.log.filter((line) => line.startsWith('The state of the scheduled backups')).length,
      1,
    );
  });

  it('ignores a record that is broken or that others can write, and says so', async function () {
    const window = new Window(new FakeClock('2026-05-01T10:00Z'), 'every 1 hour');
    await window.at('2026-05-01T10:00Z');
    const schedules = folder.file('schedules');
    const file = path.join(
      schedules,
      (await readdir(schedules)).find((name) => name.endsWith('.json'))!,
    );
    const sound = await readFile(file, 'utf8');
    for (const text of [
      '',
      '{"schedule":',
      '[]',
      '{"schedule":1,"since":0}',
      sound.replace(/"file":"[^"]*"/, '"file":1'),
    ]) {
      await writeFile(file, text);
      const before = window.runs.length;
      await window.at('2026-05-01T10:01Z');
      assert.equal(window.runs.length, before + 1, text);
    }
    if (process.platform === 'win32') return;
    await chmod(file, 0o666);
    await window.at('2026-05-01T10:02Z');
    assert.ok(window.log.some((line) => line.endsWith('is ignored: other users can write to it')));
  });
});

describe('the lock of a scheduled backup', () => {
  const times = { heartbeat: 20, gone: 60, silent: 400 };
  const lock = (name = 'shop'): RunLock => new RunLock(folder.path, name, times);

  it('has one holder at a time, and a new one when it is released', async () => {
    const release = await lock().take();
    assert.ok(release);
    assert.equal(await lock().take(), undefined);
    assert.ok(await lock('other').take());
    await release();
    const again = await lock().take();
    assert.ok(again);
    await again();
    assert.ok((await readdir(folder.path)).filter((name) => name.startsWith('shop.')).length <= 1);
  });

  it('goes to one of many who want it at the same moment', async () => {
    for (let round = 0; round < 20; round++) {
      const taken = (await Promise.all(Array.from({ length: 8 }, () => lock().take()))).filter(Boolean);
      assert.equal(taken.length, 1, `round ${round}`);
      await taken[0]!();
    }
  });

  it('stays with a holder that shows life, however long it takes', async () => {
    const release = (await lock().take())!;
    const other = lock();
    for (const end = Date.now() + 3 * times.silent; Date.now() < end;) {
      assert.equal(await other.take(), undefined);
      await delay(times.heartbeat);
    }
    await release();
    assert.ok(await other.take());
  });

  it('leaves a holder that shows no life only when it was watched for long enough', async () => {
    // Another machine's, or that of a process whose number another one has now.
    for (const holder of [{ pid: process.pid, host: 'elsewhere' }, { pid: process.pid }, {}]) {
      await writeFile(folder.file('shop.lock.7'), JSON.stringify(holder));
      const other = lock();
      const began = Date.now();
      let release: Awaited<ReturnType<RunLock['take']>>;
      while (!(release = await other.take())) await delay(20);
      assert.ok(Date.now() - began >= times.silent - 20);
      assert.deepEqual(await readdir(folder.path), ['shop.lock.8']);
      await release();
      await rm(folder.file('shop.lock.8'));
    }
  });

  it('does not leave a holder that slept together with the one who looks', async () => {
    await writeFile(folder.file('shop.lock.7'), JSON.stringify({ pid: process.pid }));
    const other = lock();
    assert.equal(await other.take(), undefined);
    await delay(2 * times.silent);
    // The first look after that may come before the holder's sign of life.
    assert.equal(await other.take(), undefined);
  });
});
