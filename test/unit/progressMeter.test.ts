import assert from 'node:assert/strict';
import { ProgressMeter } from '../../src/core/progressMeter.ts';

describe('ProgressMeter', () => {
  it('tells table, rows, speed and time left', () => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    const table = { schema: 'public', name: 'orders' };
    const event = { phase: 'load', table, tableNumber: 2, tableCount: 5, totalRows: 1_000_000 } as const;
    assert.deepEqual(meter.update({ ...event, rows: 0, bytes: 0 }), {
      title: 'Restoring table 2 of 5: public.orders',
      detail: '0 of 1,000,000 rows',
      fraction: 0,
    });
    now = 10_000;
    assert.deepEqual(meter.update({ ...event, rows: 250_000, bytes: 30_000_000 }), {
      title: 'Restoring table 2 of 5: public.orders',
      detail: '250,000 of 1,000,000 rows · 29 MB · 2.9 MB/s · 30 s left',
      fraction: 0.25,
    });
  });

  it('starts its clock anew for every table and phase, and never passes the whole', () => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    meter.update({ phase: 'read', table: { name: 'a' }, rows: 5, bytes: 10 });
    now = 60_000;
    const state = meter.update({ phase: 'read', table: { name: 'b' }, rows: 9, totalRows: 3, bytes: 1000 });
    assert.deepEqual(state, { title: 'Reading b', detail: '9 rows · 1000 bytes', fraction: 1 });
  });
});
