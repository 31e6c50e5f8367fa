import assert from 'node:assert/strict';
import { ProgressMeter, type ProgressState } from '../../src/core/progressMeter.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';

/** A meter whose clock stands where the test puts it, in milliseconds. */
function meterAt(): { update(time: number, event: ProgressEvent): ProgressState } {
  let now = 0;
  const meter = new ProgressMeter(() => now);
  return {
    update(time, event) {
      now = time;
      return meter.update(event);
    },
  };
}

const megabyte = 1024 * 1024;

describe('ProgressMeter', () => {
  it('tells table, rows, speed and time left', () => {
    const meter = meterAt();
    const table = { schema: 'public', name: 'orders' };
    const event = { phase: 'load', table, tableNumber: 1, tableCount: 2, totalRows: 1_000_000 } as const;
    assert.deepEqual(meter.update(0, { ...event, rows: 0, bytes: 0 }), {
      title: 'Restoring table 1 of 2: public.orders',
      detail: '0 of 1,000,000 rows',
      fraction: 0,
    });
    assert.deepEqual(meter.update(10_000, { ...event, rows: 500_000, bytes: 30 * megabyte }), {
      title: 'Restoring table 1 of 2: public.orders',
      detail: '500,000 of 1,000,000 rows · 3 MB/s · 30 s left',
      fraction: 0.25,
    });
  });

  it('tells bytes where rows are not counted', () => {
    const meter = meterAt();
    const state = meter.update(0, { phase: 'snapshot', bytes: 3 * megabyte, totalBytes: 12 * megabyte });
    assert.deepEqual(state, { title: 'Taking a snapshot', detail: '3 MB of 12 MB', fraction: 0.25 });
  });

  it('says nothing that it does not know', () => {
    assert.deepEqual(meterAt().update(0, { phase: 'commit' }), { title: 'Committing', detail: '' });
  });

  it('keeps the number of a table that is told once', () => {
    const meter = meterAt();
    const table = { name: 'a' };
    meter.update(0, { phase: 'verify', table, tableNumber: 2, tableCount: 4 });
    const state = meter.update(1, { phase: 'verify', table, rows: 5, totalRows: 10 });
    assert.equal(state.title, 'Verifying table 2 of 4: a');
    assert.equal(state.fraction, 0.375);
  });

  it('believes a sender who knows the fraction of the phase better', () => {
    const event = { phase: 'read', table: { name: 'a' }, tableNumber: 1, tableCount: 2 } as const;
    assert.equal(meterAt().update(0, { ...event, rows: 1, totalRows: 2, fraction: 0.9 }).fraction, 0.9);
  });

  it('measures the speed over the last seconds, across tables', () => {
    const meter = meterAt();
    const read = (name: string, bytes: number) => ({ phase: 'read', table: { name }, bytes }) as const;
    meter.update(0, read('a', 0));
    assert.match(meter.update(1000, read('a', 100 * megabyte)).detail, /100 MB\/s/);
    meter.update(1001, read('b', 0));
    assert.match(meter.update(2000, read('b', 50 * megabyte)).detail, /75 MB\/s/);
    meter.update(7000, read('b', 50 * megabyte));
    assert.match(meter.update(12_000, read('b', 55 * megabyte)).detail, /1 MB\/s/);
  });

  it('gives no speed and no forecast before they mean something', () => {
    const meter = meterAt();
    assert.doesNotMatch(meter.update(100, { phase: 'check', bytes: 10, totalBytes: 100 }).detail, /\/s|left/);
    assert.doesNotMatch(meter.update(1900, { phase: 'check', bytes: 90, totalBytes: 100 }).detail, /left/);
  });

  it('starts anew with every phase', () => {
    const meter = meterAt();
    meter.update(0, { phase: 'check', bytes: 0, totalBytes: 10 });
    meter.update(60_000, { phase: 'check', bytes: 10, totalBytes: 10 });
    const state = meter.update(60_000, { phase: 'load', table: { name: 'a' }, rows: 0, totalRows: 10 });
    assert.deepEqual(state, { title: 'Restoring a', detail: '0 of 10 rows', fraction: 0 });
  });

  it('never goes back and never passes the whole, whatever the estimates were', () => {
    const meter = meterAt();
    const read = (rows: number, totalRows: number) =>
      meter.update(0, { phase: 'read', table: { name: 'a' }, rows, totalRows });
    assert.equal(read(8, 10).fraction, 0.8);
    assert.equal(read(9, 20).fraction, 0.8);
    assert.deepEqual(read(30, 20), { title: 'Reading a', detail: '30 rows', fraction: 1 });
  });
});
