import assert from 'node:assert/strict';
import { RestorePointError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { fewerEvents } from '../../src/worker/fewerEvents.ts';
import { errorOf, plainOf } from '../../src/worker/plainErrors.ts';

describe('errors between processes', () => {
  const across = (error: unknown): Error => errorOf(structuredClone(plainOf(error)));

  it('keep all that one of the project tells', () => {
    const cause = new Error('disk I/O error', { cause: new Error('EIO') });
    const error = new RestorePointError('database', 'It failed', {
      place: { table: 'orders', row: 7, column: 'total' },
      unchanged: 'Nothing was changed.',
      next: 'Try again.',
      cause,
      suppressed: new RestorePointError('file', 'The rest stays', { place: { file: 'x.tmp' } }),
    });
    const got = across(error);
    assert.ok(RestorePointError.is(got, 'database'));
    assert.deepEqual(got, error);
    assert.equal(got.stack, error.stack);
    assert.equal((got.cause as Error).stack, cause.stack);
    assert.deepEqual((got.cause as Error).cause, cause.cause);
    assert.ok(RestorePointError.is(got.details.suppressed, 'file'));
  });

  it('stay others, and what is no error becomes one', () => {
    const got = across(new TypeError('x is undefined'));
    assert.ok(!RestorePointError.is(got));
    assert.equal(got.message, 'x is undefined');
    assert.equal(across('thrown').message, 'thrown');
  });

  it('end where causes run in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    assert.equal(across(error).message, 'round');
  });
});

describe('fewer events', () => {
  const table = { name: 'orders' };

  it('are the first and the last of each table and phase', () => {
    const sent: ProgressEvent[] = [];
    const { report, flush } = fewerEvents((event) => sent.push(event));
    for (let rows = 1; rows <= 1000; rows += 1) report({ phase: 'read', table, rows });
    report({ phase: 'read', table: { name: 'lines' }, rows: 1 });
    report({ phase: 'publish' });
    flush();
    const told = sent.map(({ phase, table: of, rows }) => [phase, of?.name, rows]);
    assert.deepEqual(told[0], ['read', 'orders', 1]);
    assert.deepEqual(told.slice(-3), [
      ['read', 'orders', 1000],
      ['read', 'lines', 1],
      ['publish', undefined, undefined],
    ]);
    assert.ok(sent.length < 100, `${sent.length} events`);
  });

  it('hold nothing back in the end', () => {
    const sent: ProgressEvent[] = [];
    const { report, flush } = fewerEvents((event) => sent.push(event));
    report({ phase: 'read', table, rows: 1 });
    report({ phase: 'read', table, rows: 2 });
    flush();
    flush();
    assert.deepEqual(
      sent.map(({ rows }) => rows),
      [1, 2],
    );
  });
});
