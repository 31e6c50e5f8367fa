import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { HashCounts } from '../../src/restore/chosenRows/hashCounts.ts';
import { randomSource } from '../support/randomSource.ts';

describe('numbers by hashes', () => {
  it('are those of a map', () => {
    const random = randomSource('hashes');
    const counts = new HashCounts();
    const map = new Map<number, number>();
    const hashOf = (key: number): Buffer => {
      const hash = createHash('sha256').update(String(key)).digest();
      // Many begin in one place, and some differ in their last word alone.
      hash.writeUInt32LE(key % 7, 0);
      if (key % 3 === 0) hash.writeBigUInt64LE(0n, 4);
      return hash;
    };
    for (let step = 0; step < 20_000; step += 1) {
      const key = random.below(3000);
      const number = random.below(4);
      counts.set(hashOf(key), number);
      if (number === 0) map.delete(key);
      else map.set(key, number);
    }
    assert.equal(counts.size, map.size);
    for (let key = 0; key < 3000; key += 1) assert.equal(counts.get(hashOf(key)), map.get(key) ?? 0);
    assert.equal(counts.smallest(), 1);
    for (const key of map.keys()) counts.set(hashOf(key), 0);
    assert.deepEqual([counts.size, counts.smallest()], [0, Infinity]);
  });
});
