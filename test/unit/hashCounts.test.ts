import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HashCounts } from '../../src/restore/chosenRows/hashCounts.ts';
import { randomSource } from '../support/randomSource.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('numbers by hashes', () => {
  it('are those of a map', () => {
    const random = randomSource('hashes');
    const counts = new HashCounts();
    const map = new Map<number, number>();
    const hashOf = (key: number): Buffer => {
      const hash = createHash('sha256').update(String(key)).digest();
      // Many begin in one place, and some differ in their last word alone.
      hash.writeUInt32LE((key % 7) * 0x2aaaaaaa, 0);
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

  it('need 40 bytes each at most, and none when all are removed', async () => {
    const hashes = Array.from({ length: 50_000 }, (_, key) =>
      createHash('sha256').update(String(key)).digest(),
    );
    const before = process.memoryUsage().arrayBuffers;
    const counts = new HashCounts();
    for (const [key, hash] of hashes.entries()) counts.set(hash, key + 1);
    await buffersShrinkTo(before + hashes.length * 40 + slack);
    assert.equal(counts.get(hashes.at(-1)!), hashes.length);
    for (const hash of hashes) counts.set(hash, 0);
    await buffersShrinkTo(before + slack);
    for (const hash of hashes) counts.set(hash, 1);
    counts.clear();
    await buffersShrinkTo(before + slack);
    assert.deepEqual([counts.size, counts.get(hashes[0]!)], [0, 0]);
  });
});

const slack = 100_000;

/** Buffers are given back some time after they were found to be garbage. */
async function buffersShrinkTo(bytes: number): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    collectGarbage();
    if (process.memoryUsage().arrayBuffers <= bytes) return;
    await delay(50);
  }
  assert.fail(`the buffers have ${process.memoryUsage().arrayBuffers} bytes, not ${bytes}`);
}
