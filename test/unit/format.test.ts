import assert from 'node:assert/strict';
import { formatBytes, formatCount, formatDuration, formatQuantity } from '../../src/core/format.ts';

describe('format', () => {
  it('groups the digits of numbers', () => {
    assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
  });

  it('says one thing and several', () => {
    assert.equal(formatQuantity(1, 'table'), '1 table');
    assert.equal(formatQuantity(0, 'table'), '0 tables');
    assert.equal(formatQuantity(1500, 'entry', 'entries'), '1,500 entries');
  });

  it('gives sizes at most three digits', () => {
    const sizes: readonly [bytes: number, text: string][] = [
      [0, '0 bytes'],
      [1, '1 byte'],
      [999, '999 bytes'],
      [1000, '1 KB'],
      [1024, '1 KB'],
      [1536, '1.5 KB'],
      [55_000, '54 KB'],
      [1023 * 1024, '1 MB'],
      [1.5 * 1024 ** 3, '1.5 GB'],
      [5000 * 1024 ** 4, '5000 TB'],
    ];
    for (const [bytes, text] of sizes) assert.equal(formatBytes(bytes), text);
  });

  it('gives times in the unit that fits', () => {
    const times: readonly [milliseconds: number, text: string][] = [
      [0, '0.1 s'],
      [340, '0.3 s'],
      [9949, '9.9 s'],
      [9951, '10 s'],
      [59_499, '59 s'],
      [59_500, '1 min 0 s'],
      [185_000, '3 min 5 s'],
      [7_800_000, '2 h 10 min'],
    ];
    for (const [milliseconds, text] of times) assert.equal(formatDuration(milliseconds), text);
  });
});
